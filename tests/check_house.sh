#!/bin/sh
# Holds the tree to the rules that a script can see (docs/STYLE.md): who may include what, which
# functions are banned, the form of headers, the size of files, what git may track.
#
#     tests/check_house.sh [TREE]        prints `file:line: what is wrong`, one a line
#
# tests/check_house_selftest.sh plants one violation of each rule and sees that it is found.
set -u
LC_ALL=C
export LC_ALL

cd "${1:-$(dirname "$0")/..}" || exit 2
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
: >"$work/found"

# Tracked files and new ones that git does not ignore.
if ! git ls-files -co --exclude-standard 2>/dev/null >"$work/listed"; then
    find . -type f ! -path './build/*' ! -path './.git/*' | sed 's,^\./,,' >"$work/listed"
fi
sort -u "$work/listed" | while IFS= read -r f; do [ -f "$f" ] && printf '%s\n' "$f"; done >"$work/files"
grep -E '\.(c|h|def)$' "$work/files" >"$work/sources"
grep '\.h$' "$work/sources" >"$work/headers"

# With /dev/null among its files grep and awk name the file even if there is only one.
over() # list, command ...: the command with the list's files as its last arguments
{
    list=$1
    shift
    tr '\n' '\0' <"$list" | xargs -0 -r "$@" /dev/null
}

report() # message; reads `file:line:...`
{
    sed -E "s|^([^:]*:[0-9]+):.*|\1: $1|" >>"$work/found"
}

# ------------------------------------------------------------------------------------- includes

over "$work/sources" grep -nE '^[[:space:]]*#[[:space:]]*include' >"$work/includes"

# Only files under the given folders may include the header.  Tests may too: they attack from outside.
only() # header expression, folder expression, words
{
    grep -E "include[[:space:]]*[<\"]($1)" "$work/includes" | grep -vE "^($2|tests/)" |
        report "only $3 may include this header"
}
only 'zmq'                                         'proto/net/'         'proto/net'
only '[a-z0-9_/]*\.pb-c\.h|protobuf-c/'            '(proto/msg|models/onnx)/' 'proto/msg (messages) and models/onnx'
only 'andon\.pb-c\.h'                              'proto/msg/'         'proto/msg'
only 'onnx\.pb-c\.h'                               'models/onnx/'       'models/onnx'
only 'sodium|openssl/|gcrypt|libfyaml|jansson|zstd|zdict' 'proto/doors/'     'proto/doors'
only 'kiss_fft|sndfile|jpeglib|jerror'             'proto/doors/'       'proto/doors'
only 'modbus/|mosquitto|librdkafka|open62541/|arv\.h'      'proto/doors/'       'proto/doors'
only 'sqlite3|microhttpd|curl/|png'                'proto/doors/'       'proto/doors'
only 'libpq|postgres_'                             'proto/doors/'       'proto/doors'
only 'cblas|openblas|lapacke|[a-z]*mmintrin|arm_neon' 'models/kernels/' 'models/kernels'
only 'cmocka'                                      'tests/'             'tests'

# The may-use table: folder and the folders whose headers it may include.
may_use() # folder expression, allowed first parts of a header's path
{
    grep -E "^$1" "$work/includes" | sed -E 's|"proto/|"|' |
        grep -E 'include[[:space:]]*[<"](base|doors|msg|net|sum|trust|models|agent|coordinator|tests)/' |
        grep -vE "include[[:space:]]*[<\"]($2)/" | report 'this folder may not include that one'
}
may_use 'proto/base/'  'base'
may_use 'proto/doors/' 'base|doors'
may_use 'proto/msg/'   'base|msg'
may_use 'proto/net/'   'base|doors|msg|net'
may_use 'proto/sum/'   'base|doors|sum'
may_use 'proto/trust/' 'base|doors|msg|sum|trust'
may_use 'models/'      'base|doors|models'
may_use 'agent/'       'base|doors|msg|net|sum|trust|models|agent'
may_use 'coordinator/lab/' 'base|doors|msg|net|sum|trust|models|agent|coordinator'
may_use 'coordinator/([^l]|l[^a]|la[^b]|lab[^/])' 'base|doors|msg|net|sum|trust|models|coordinator'

# models may hash, read text and images and compress; stores and connections are not mathematics.
grep -E '^models/' "$work/includes" | grep -E '"doors/[a-z]*(sql|db|http|curl|web)' |
    report 'models may use the doors of hashes, texts, images and compression only'

grep -E '^coordinator/' "$work/includes" | grep -vE '^coordinator/lab/' |
    grep -E '"coordinator/lab/' | report 'only the laboratory and tests may include the laboratory'

# Advice is for people: what writes to controllers, or sends to other systems, knows nothing of it.
grep -E '^agent/(writeback[a-z_]*|[a-z_]*actuator|sinks?[a-z_]*|sinks/[a-z_]*)\.[ch]:' "$work/includes" |
    grep -E '"(agent/advi[a-z_]*|agent/runtime[a-z_]*|agent/exhibit|models/advice)\.h"' |
    report 'write-back and sinks may not include advice'

grep -E '"(\.\./|\./)' "$work/includes" | report 'write includes from proto/ or from the top folder'

# ------------------------------------------------------------------------------------ functions

# The sources without comments and strings, as file:line:code.
over "$work/sources" awk '
    FNR == 1 { comment = 0 }
    {
        out = ""; n = length($0)
        for (i = 1; i <= n; i++) {
            c = substr($0, i, 1); two = substr($0, i, 2)
            if (comment) { if (two == "*/") { comment = 0; i++ } }
            else if (two == "/*") { comment = 1; i++; out = out " " }
            else if (two == "//") break
            else if (c == "\"" || c == "\047") {
                for (i++; i <= n && substr($0, i, 1) != c; i++) if (substr($0, i, 1) == "\\") i++
                out = out c c
            }
            else out = out c
        }
        if (out ~ /[^ \t]/) print FILENAME ":" FNR ":" out
    }' >"$work/code"

# A call, not a member of that name and not a part of a longer name.
ban() # names, files that may (expression), message
{
    grep -E ":.*(^|[^A-Za-z0-9_.>])($1)[[:space:]]*\(" "$work/code" | grep -vE "^($2):" | report "$3"
}
ban 'strcpy|strcat|sprintf|vsprintf|gets|strtok|atoi|atol|atof|system|alloca|rand|srand' '' 'this function is banned'
ban 'malloc|calloc|realloc|aligned_alloc|posix_memalign|strdup|strndup|free' '(proto/base/mem\.c|tests/.*)' \
    'memory comes from base/mem.h'
ban 'memcmp' '(agent|coordinator|models|tests|proto/(base|msg|sum|trust))/.*' 'compare in constant time here (doors/crypto.h)'
ban 'sleep|usleep|nanosleep|clock_nanosleep' '' 'wait for an event with a deadline, do not sleep'
ban 'exit|_exit|_Exit|quick_exit|abort' '(.*/main\.c|coordinator/client/.*|tests/.*)' 'a library returns an an_err'
grep -E ':.*\bgoto[[:space:]]+' "$work/code" | grep -vE 'goto[[:space:]]+out;' | report 'the one label is out'

# -------------------------------------------------------------------------------------- headers

# The guard is AN_..._<FILE>_H, the first directive, and no other header has it.
over "$work/headers" awk '
    FNR == 1 { line = 0; guard = ""; stem = FILENAME; sub(/.*\//, "", stem); sub(/\.h$/, "", stem); stem = toupper(stem) }
    /^[ \t]*#/ && ++line == 1 {
        guard = $2
        if (FILENAME == "/dev/null") next
        if ($1 != "#ifndef" || guard !~ /^AN_[A-Z0-9_]*_H$/ || guard !~ ("(^AN|_)_?" stem "_H$"))
            print FILENAME ":" FNR ": the include guard is #ifndef AN_<FOLDER>_" stem "_H"
        else if (guard in seen) print FILENAME ":" FNR ": " seen[guard] " has the same include guard"
        else seen[guard] = FILENAME
    }
    /^[ \t]*#/ && line == 2 && guard != "" {
        if ($1 != "#define" || $2 != guard) print FILENAME ":" FNR ": the guard is defined on the next line"
        guard = ""
    }' >>"$work/found"

grep -E '^(proto|models|agent|coordinator)/' "$work/headers" | while IFS= read -r f; do
    head -n 1 "$f" | grep -qF "/* $(basename "$f") - " ||
        echo "$f:1: a header begins with /* $(basename "$f") - what it is for"
done >>"$work/found"

# --------------------------------------------------------------------------------- files and git

grep -E '\.(c|h)$' "$work/files" >"$work/long"
over "$work/long" awk '
    function judge() { if (lines > (name ~ /^tests\// ? 700 : 500)) print name ":" lines ": too many lines; what is its second subject?" }
    FNR == 1 { judge(); name = FILENAME }
    { lines = FNR }
    END { judge() }' >>"$work/found"

grep -E '\.(c|h|def|proto|cmake|sh|py|ya?ml)$|CMakeLists\.txt$|^deploy/|^tests/run$' "$work/files" >"$work/texts"
over "$work/texts" grep -nIE '\b(TO[D]O|FIX[M]E|XX[X])\b' | report 'finish it or leave it out'

# grep -q goes at the first match; under pipefail who still writes to it is killed by that, and the match is none.
over "$work/files" grep -lE '^set -e?uo pipefail' | sort -u >"$work/piped"
over "$work/piped" grep -nE '[^|]\| *grep -[a-zA-Z]*q' | report 'grep >/dev/null reads to the end, grep -q kills who writes'

# What people do in the browser's tests they do by the keyboard: no hand, no shortcut past the focus.
grep -E '^tests/browser/.*\.mjs$' "$work/files" >"$work/hands"
over "$work/hands" grep -nE '\.(mouse|touchscreen)\b|\.((dbl)?click|tap|check|uncheck|setChecked|selectOption|fill|clear|focus|hover|drop|dragTo|pressSequentially)\(' |
    report 'people here have a keyboard alone (keys.mjs)'

grep '^docs/adr/[0-9]' "$work/files" | awk -F'[/-]' '
    $3 in seen { print $0 ":1: has the same number as " seen[$3] }
    { seen[$3] = $0 }' >>"$work/found"

# What is made by a program is made again by the build.  Fixed bytes for tests and pictures for
# documents are sources.
git ls-files 2>/dev/null >"$work/tracked"
grep -E '\.pb-c\.[ch]$|\.(o|a|so|bin|db|sqlite|andon|onnx|pyc)$|^build/|__pycache__/' "$work/tracked" |
    grep -vE '^tests/(fuzz/corpus|vectors)/' | sed 's/$/:1: generated files are not tracked/' >>"$work/found"
grep -E '/[0-9a-f]{40}$' "$work/tracked" | sed 's/$/:1: generated files are not tracked; give what a fuzzer found a name/' >>"$work/found"
git ls-files --eol 2>/dev/null | grep '^i/-text' | sed 's/^[^\t]*\t//' |
    grep -vE '^tests/(fuzz/corpus|vectors)/|^docs/.*\.(png|jpg|webp)$' |
    sed 's/$/:1: binary files are not tracked/' >>"$work/found"

[ -s "$work/found" ] || exit 0
sort -u "$work/found"
echo "$(sort -u "$work/found" | wc -l) violations"
exit 1
