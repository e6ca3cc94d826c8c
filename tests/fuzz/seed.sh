#!/bin/sh
# Makes the first corpora of the message, plan and update fuzzers from tests/vectors/wire.hex (the bundle fuzzer's
# seed with steps: build/dev/bin/test_prep_bundle --write tests/fuzz/corpus/bundle/steps):
#     tests/fuzz/seed.sh        writes tests/fuzz/corpus/{msg,plan,update}/
set -eu
cd "$(dirname "$0")"
mkdir -p corpus/msg corpus/plan corpus/update

bytes() # hexadecimal digits; POSIX printf knows octal only
{
    printf '%s' "$1" | sed 's/../&\n/g' | while read -r two; do
        [ -n "$two" ] && printf "\\$(printf '%03o' "0x$two")"
    done
}

while read -r name hex; do
    case $name in
    msg.*) bytes "$hex" >"corpus/msg/${name#msg.}" ;;
    plan.*) bytes "$hex" >"corpus/plan/${name#plan.}" ;;
    update.header)
        { bytes 30; bytes "$hex"; head -c 144 /dev/zero; } >corpus/update/whole
        { bytes 07; bytes "$hex"; } >corpus/update/header ;;
    esac
done <../vectors/wire.hex
