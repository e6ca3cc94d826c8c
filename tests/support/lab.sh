# What the tests of andon-lab are written in.  Source it from the top folder:
#
#     . tests/support/lab.sh "$@"       its first argument, or $ANDON_BIN: the folder of the programs
#     run 0 inspect "$work/version"     must end with 0
#     says dense1                       what it printed
#
# $work is a folder that goes away with the script.  Without the program the script ends with 77.
lab=${1:-${ANDON_BIN:-build/dev/bin}}/andon-lab
[ -x "$lab" ] || {
    echo "skipped: $lab is not built"
    exit 77
}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

fail()
{
    echo "$(basename "$0"): $*" >&2
    exit 1
}
# Runs andon-lab, which must end with the code given first; its output is in $work/out and $work/err.
run()
{
    want=$1
    shift
    "$lab" "$@" >"$work/out" 2>"$work/err"
    code=$?
    [ "$code" -eq "$want" ] || fail "andon-lab $* ended with $code instead of $want: $(cat "$work/err")"
}
says()
{
    grep -q -e "$1" "$work/out" || fail "the output lacks \"$1\": $(cat "$work/out")"
}
# The output is JSON, one object a line or one in all, of which the Python expression is true; `o` is
# the list of the objects.
holds()
{
    python3 - "$work/out" "$1" <<'END' || fail "not so: $1: $(head -c 2000 "$work/out")"
import json, sys
text = open(sys.argv[1]).read()
try:
    o = [json.loads(text)]
except ValueError:
    o = [json.loads(line) for line in text.splitlines()]
sys.exit(not eval(sys.argv[2]))
END
}
complains()
{
    grep -q -e "$1" "$work/err" || fail "the error lacks \"$1\": $(cat "$work/err")"
}
# Files that are there, are XML and have all of a picture.
pictures()
{
    python3 - "$@" <<'END' || fail "not pictures: $*"
import sys, xml.dom.minidom
for path in sys.argv[1:]:
    svg = xml.dom.minidom.parse(path).documentElement
    assert svg.tagName == "svg" and svg.getElementsByTagName("title") and svg.getElementsByTagName("text"), path
END
}
