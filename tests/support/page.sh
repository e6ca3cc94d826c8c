# A page of docs/ that a verb of andon-lab writes: source it after `page`, `verb` and `what` are set and with the check's own
# arguments.  Leaves the page of today's code in $made, or has written it and ended the check; `differs` ends it.
# shellcheck shell=sh disable=SC2154
cd "$(dirname "$0")/.." || exit 2
lab=${ANDON_BIN:-build/dev/bin}/andon-lab
[ -x "$lab" ] || {
    echo "skipped: $lab is not built"
    exit 77
}
made=$(mktemp) || exit 2
trap 'rm -f "$made"' EXIT
"$lab" "$verb" >"$made" || exit 1
write() { cp "$made" "$page"; exit; }
differs()
{
    echo "$page:1: is not what $what: $0 --write"
    exit 1
}
