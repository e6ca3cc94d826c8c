#!/bin/sh
# The house checks are themselves checked: in a small tree of its own every rule is broken once, and
# each violation must be found at its file and line; a tree that breaks none must be found clean.
set -u
here=$(cd "$(dirname "$0")" && pwd)
tree=$(mktemp -d) || exit 2
trap 'rm -rf "$tree"' EXIT
cd "$tree" || exit 2
git init -q . || exit 2
n=0

header() # path, guard
{
    mkdir -p "$(dirname "$1")"
    printf '/* %s - a header. */\n#ifndef %s\n#define %s\n\nint %s_x;\n\n#endif\n' \
        "$(basename "$1")" "$2" "$2" "$(basename "$1" .h)" >"$1"
}

expect() # file:line, words of the finding
{
    n=$((n + 1))
    printf '%s: %s\n' "$1" "$2" >>.git/expected
}

include() # folder, header as written, words
{
    file=$1/a$n.c
    mkdir -p "$1"
    printf '#include %s\n' "$2" >"$file"
    expect "$file:1" "$3"
}

code() # folder, code, words
{
    file=$1/a$n.c
    mkdir -p "$1"
    printf 'void f(void)\n{\n    %s\n}\n' "$2" >"$file"
    expect "$file:3" "$3"
}

lines() # n, line
{
    awk -v n="$1" -v line="$2" 'BEGIN { for (i = 0; i < n; i++) print line }'
}

# What looks like a violation and is none.
header proto/base/err.h AN_BASE_ERR_H
header models/model.h AN_MODEL_H
header agent/agent.h AN_AGENT_H
mkdir -p coordinator/lab tests/unit tests/vectors
cat >coordinator/lab/main.c <<'END'
/* system("x") and strcpy(a, b) in a comment; "../" too. */
#include <stdlib.h>
#include "agent/agent.h"
#include "base/err.h"
int main(void)
{
    const char *text = "malloc(1) /* in a string";
    if (!text)
        goto out;
    store->free(store);
out:
    exit(0);
}
END
printf '#include <zmq.h>\n#include "coordinator/lab/lab.h"\n' >tests/unit/test_x.c
printf 'a\000b' >tests/vectors/update.bin
{ printf 'int f(void)\n{\n'; lines 68 '    x();'; echo '}'; } >agent/longest.c
git add -A -f .
if ! out=$("$here/check_house.sh" "$tree") || ! out=$("$here/check_functions.sh" "$tree"); then
    printf 'a clean tree is found guilty:\n%s\n' "$out"
    exit 1
fi

for pair in 'zmq.h agent' 'foo.pb-c.h proto/net' 'onnx.pb-c.h proto/msg' \
    'andon.pb-c.h models/onnx' 'protobuf-c/protobuf-c.h coordinator' 'sodium.h proto/net' 'openssl/evp.h proto/net' 'gcrypt.h proto/sum' 'libfyaml.h models' 'jansson.h coordinator' 'zstd.h models' 'png.h models' 'modbus/modbus.h agent' 'mosquitto.h agent' 'open62541/client.h agent' 'arv.h agent' 'sqlite3.h agent' \
    'microhttpd.h coordinator/api' 'curl/curl.h agent' 'libpq-fe.h coordinator' 'cblas.h models/layers' \
    'immintrin.h models' 'cmocka.h models'; do
    include "${pair#* }" "<${pair%% *}>" only
done
for pair in 'doors/crypto.h proto/base' 'models/model.h proto/sum' 'msg/msg.h proto/doors' 'doors/crypto.h proto/msg' \
    'net/chan.h proto/msg' 'sum/sum.h proto/net' 'msg/msg.h proto/sum' 'net/chan.h models' 'msg/msg.h models' \
    'sum/sum.h models' 'agent/agent.h models' 'agent/agent.h coordinator' 'agent/agent.h coordinator/api' \
    'proto/msg/msg.h models' 'coordinator/round.h agent' 'coordinator/round.h models' 'tests/support/x.h agent' \
    'tests/support/x.h coordinator/lab'; do
    include "${pair#* }" "\"${pair%% *}\"" 'this folder may not'
done
include models '"doors/sqlite.h"' 'models may use'
include coordinator '"coordinator/lab/lab.h"' 'only the laboratory'
for name in writeback_x modbus_actuator sink_x; do
    mkdir -p agent
    printf '#include "agent/advised.h"\n' >"agent/$name.c"
    expect "agent/$name.c:1" 'write-back and sinks may not include advice'
done
include models/layers '"../model.h"' 'write includes'

for name in strcpy strcat sprintf vsprintf gets strtok atoi atol atof system alloca rand srand; do
    code tests/unit "$name(x);" 'this function is banned'
done
for name in malloc calloc realloc strdup strndup free; do
    code agent "p = $name(x);" 'memory comes'
done
for name in sleep usleep nanosleep; do
    code tests/unit "$name(1);" 'wait for'
done
for name in exit _exit abort; do
    code models "$name(1);" 'a library'
done
code proto/net 'if (memcmp(a, b, 32))' 'compare in'
code agent 'goto done;' 'the one label'

header agent/form.h FORM_H
expect agent/form.h:2 'the include guard'
header agent/twice.h AN_TWICE_H
header models/twice.h AN_TWICE_H
expect models/twice.h:2 'agent/twice.h has the same include guard'
header agent/nothing.h AN_NOTHING_H
sed -i 's/#define AN_NOTHING_H/#define AN_NOTING_H/' agent/nothing.h
expect agent/nothing.h:3 'the guard is defined'
printf '#ifndef AN_MUTE_H\n#define AN_MUTE_H\n#endif\n' >agent/mute.h
expect agent/mute.h:1 'a header begins'

lines 501 'int x;' >agent/long.c
expect agent/long.c:501 'too many lines'
lines 701 'int x;' >tests/unit/test_long.c
expect tests/unit/test_long.c:701 'too many lines'
for word in TO-DO FIX-ME XX-X; do # written so that this file is not found itself
    word=$(echo "$word" | tr -d -)
    printf '/* %s: later */\n' "$word" >"agent/$word.c"
    expect "agent/$word.c:1" 'finish it'
done
mkdir -p tests/browser
for hand in 'page.click("a")' 'await x.fill("a")' 'page.mouse.move(0, 0)' 'box.check()'; do
    printf '%s;\n' "$hand" >"tests/browser/hand$n.mjs"
    expect "tests/browser/hand$n.mjs:1" 'people here have a keyboard alone'
done
printf 'set -uo pipefail\nsome | grep -qE x && y\n' >tests/quiet.sh
expect tests/quiet.sh:2 'grep >/dev/null reads to the end'
mkdir -p docs/adr && printf 'x\n' >docs/adr/0001-a.md && printf 'x\n' >docs/adr/0001-b.md
expect docs/adr/0001-b.md:1 'has the same number'
printf 'x\n' >agent/state.db
expect agent/state.db:1 'generated files'
mkdir -p tests/fuzz/corpus/x && printf 'x\n' >tests/fuzz/corpus/x/0122ee47d4f87b0069ffa9696f64dfd51391fd50
expect tests/fuzz/corpus/x/0122ee47d4f87b0069ffa9696f64dfd51391fd50:1 'generated files'
mkdir -p build && printf 'x\n' >build/x
expect build/x:1 'generated files'
printf 'a\000b\001\377' >agent/picture
expect agent/picture:1 'binary files'
{ printf 'int f(void)\n{\n'; lines 69 '    x();'; echo '}'; } >agent/function.c
expect agent/function.c:1 'f has 71 lines'

git add -A -f .
{ "$here/check_house.sh" "$tree"; "$here/check_functions.sh" "$tree"; } >.git/found 2>&1
missed=0
while IFS= read -r finding; do
    if ! grep -qF -e "$finding" .git/found; then
        echo "not found: $finding"
        missed=$((missed + 1))
    fi
done <.git/expected
# A finding beyond the planted ones would be a false alarm (the last line is the count).
extra=$(grep -vcE '^[0-9]+ violations$' .git/found)
echo "$n violations planted, $missed missed, $extra reported"
if [ "$missed" -gt 0 ] || [ "$extra" -ne "$n" ]; then
    cat .git/found
    exit 1
fi
