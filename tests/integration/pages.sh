#!/usr/bin/env bash
# What the programs say of themselves: manual pages without a fault, and completion in the shells that are here.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
bin=${1:-${ANDON_BIN:-build/dev/bin}}
bin=$(cd "$bin" 2>/dev/null && pwd) && [ -x "$bin/andon" ] && [ -x "$bin/andon-agent" ] || {
    echo "skipped: the programs are not built"
    exit 77
}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
die()
{
    echo "pages.sh: $*" >&2
    exit 1
}

# ---- manual pages
checked=no
for program in andon andon-agent andon-coordinator andon-lab; do
    "$bin/$program" --man >"$work/$program.man" || die "$program --man"
    if command -v groff >/dev/null; then
        said=$(groff -man -Kutf8 -ww -z "$work/$program.man" 2>&1)
        [ -z "$said" ] || die "groff of $program: $said"
        checked=yes
    fi
    if command -v mandoc >/dev/null; then
        mandoc -T lint -W error "$work/$program.man" >"$work/lint" 2>&1 || die "mandoc of $program: $(cat "$work/lint")"
        checked=yes
    fi
    if command -v man >/dev/null && command -v groff >/dev/null; then
        said=$(MANROFFSEQ='' LC_ALL=C.UTF-8 man --warnings -l "$work/$program.man" 2>&1 >/dev/null)
        [ -z "$said" ] || die "man --warnings of $program: $said"
    fi
    # Every command that the help has is in the page.
    "$bin/$program" --help | sed -n 's/^  \([a-z][a-z-]*\( [a-z][a-z-]*\)\?\)\(  .*\| [A-Z[].*\|\)$/\1/p' | sed 's/-/\\-/g' >"$work/verbs"
    while read -r verb; do
        grep -qF -- ".SS $verb" "$work/$program.man" || die "$program --man lacks: $verb"
    done <"$work/verbs"
done
[ "$(wc -l <"$work/verbs")" -ge 8 ] || die "the commands of andon-lab were not found in its help"

# ---- completion
offers() # words ...: what bash would show, in one line
{
    "$bin/$1" --completion bash >"$work/completion" || die "$1 --completion bash"
    bash -c '
        source "$3"
        COMP_LINE="$1 $2" COMP_POINT=$((${#1} + 1 + ${#2}))
        name=_$(basename "$1"); ${name//-/_}
        printf "%s\n" "${COMPREPLY[@]}" | sort | paste -sd " "' - "$bin/$1" "$2" "$work/completion" 2>"$work/errors"
}
says() # program, line, expected
{
    got=$(offers "$1" "$2")
    [ "$got" = "$3" ] || die "completion of \"$1 $2\" offers \"$got\", not \"$3\": $(cat "$work/errors")"
}
says andon 'site appr' 'approve'
says andon 'campaign s' 'show start stop'
says andon 'journal --fo' '--follow'
says andon-agent 'verdict pump 7 u' 'unsure'
says andon-coordinator 'migrate --f' '--from'
mkdir "$work/folder"
touch "$work/file.yaml"
says andon-agent "run --config $work/f" "$work/file.yaml $work/folder"
says andon-agent "status --data $work/f" "$work/folder"
"$bin/andon" completion bash | cmp -s - <("$bin/andon" --completion bash) || die "andon completion bash is another script"
"$bin/andon" completion csh 2>/dev/null && die "there is no csh"
for shell in zsh fish; do
    "$bin/andon" --completion "$shell" >"$work/script" || die "--completion $shell"
    if command -v "$shell" >/dev/null; then
        "$shell" -n "$work/script" || die "$shell does not read its script"
    fi
done
[ "$checked" = yes ] || {
    echo "skipped: neither groff nor mandoc is here to read the pages"
    exit 77
}
echo passed
