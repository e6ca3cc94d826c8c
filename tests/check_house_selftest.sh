#!/bin/sh
# The house checks are themselves checked: in a small tree of its own one violation of each rule is
# planted, must be found, and is taken away again.  The tree without any must be found clean.
set -u
here=$(cd "$(dirname "$0")" && pwd)
tree=$(mktemp -d) || exit 2
trap 'rm -rf "$tree"' EXIT
cd "$tree" || exit 2
git init -q . || exit 2
failed=0
planted=0

header() # path, guard
{
    mkdir -p "$(dirname "$1")"
    printf '/* %s - a header. */\n#ifndef %s\n#define %s\n\nint %s_x;\n\n#endif\n' \
        "$(basename "$1")" "$2" "$2" "$(basename "$1" .h)" >"$1"
}

fires() # script, what is planted, words that the finding must hold
{
    planted=$((planted + 1))
    git add -A -f .
    if out=$("$here/$1" "$tree" 2>&1); then
        echo "not found: $2"
        failed=$((failed + 1))
    elif ! printf '%s\n' "$out" | grep -qF -e "$3"; then
        printf 'found, but not for its reason: %s\n%s\n' "$2" "$out"
        failed=$((failed + 1))
    fi
    git rm -q -r -f --cached . && rm -rf proto models agent coordinator tests build deploy docs
    clean_tree
}

clean_tree()
{
    header proto/base/err.h AN_BASE_ERR_H
    header models/model.h AN_MODEL_H
    mkdir -p coordinator/lab tests/unit agent
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
    header agent/agent.h AN_AGENT_H
    printf '#include <zmq.h>\n#include "coordinator/lab/lab.h"\n' >tests/unit/test_x.c
}

include() # file, header as written
{
    mkdir -p "$(dirname "$1")"
    printf '#include %s\n' "$2" >"$1"
    fires check_house.sh "$2 in $1" "$1:1: $3"
}

code() # file, code, words
{
    mkdir -p "$(dirname "$1")"
    printf 'void f(void)\n{\n    %s\n}\n' "$2" >"$1"
    fires check_house.sh "$2 in $1" "$1:3: $3"
}

lines() # file, n, prefix
{
    awk -v n="$2" -v line="$3" 'BEGIN { for (i = 0; i < n; i++) print line }' >>"$1"
}

clean_tree
git add -A -f .
if ! out=$("$here/check_house.sh" "$tree") || ! out=$("$here/check_functions.sh" "$tree"); then
    printf 'a clean tree is found guilty:\n%s\n' "$out"
    failed=$((failed + 1))
fi

for pair in 'zmq.h agent' 'foo.pb-c.h proto/net' 'protobuf-c/protobuf-c.h coordinator' 'sodium.h proto/net' \
    'openssl/evp.h proto/net' 'libfyaml.h models' 'jansson.h coordinator' 'zstd.h models' 'sqlite3.h agent' \
    'microhttpd.h coordinator/api' 'curl/curl.h agent' 'libpq-fe.h coordinator' 'cblas.h models/layers' \
    'immintrin.h models' 'cmocka.h models'; do
    include "${pair#* }/a.c" "<${pair%% *}>" only
done
for pair in 'doors/crypto.h proto/base' 'models/model.h proto/sum' 'msg/msg.h proto/doors' 'doors/crypto.h proto/msg' \
    'net/chan.h proto/msg' 'sum/sum.h proto/net' 'msg/msg.h proto/sum' 'net/chan.h models' 'msg/msg.h models' \
    'sum/sum.h models' 'agent/agent.h models' 'agent/agent.h coordinator' 'agent/agent.h coordinator/api' \
    'proto/msg/msg.h models' 'coordinator/round.h agent' 'coordinator/round.h models' 'tests/support/x.h agent' \
    'tests/support/x.h coordinator/lab'; do
    include "${pair#* }/a.c" "\"${pair%% *}\"" 'this folder'
done
include models/a.c '"doors/sqlite.h"' 'models may use'
include coordinator/a.c '"coordinator/lab/lab.h"' 'only the laboratory'
include models/layers/a.c '"../model.h"' 'write includes'

for name in strcpy strcat sprintf vsprintf gets strtok atoi atol atof system alloca rand srand; do
    code tests/unit/test_a.c "$name(x);" 'this function'
done
for name in malloc calloc realloc strdup strndup free; do
    code agent/a.c "p = $name(x);" 'memory comes'
done
for name in sleep usleep nanosleep; do
    code tests/unit/test_a.c "$name(1);" 'wait for'
done
for name in exit _exit abort; do
    code models/a.c "$name(1);" 'a library'
done
code proto/net/a.c 'if (memcmp(a, b, 32))' 'compare in'
code agent/a.c 'goto done;' 'the one label'

header agent/link.h LINK_H
fires check_house.sh 'a guard of another form' 'agent/link.h:2: the include guard'
header agent/link.h AN_LINK_H
header models/link.h AN_LINK_H
fires check_house.sh 'the same guard twice' 'has the same include guard'
header agent/link.h AN_LINK_H
sed -i 's/#define AN_LINK_H/#define AN_LIMK_H/' agent/link.h
fires check_house.sh 'a guard that guards nothing' 'the guard is defined'
printf '#pragma once\n' >agent/link.h
fires check_house.sh 'no opening comment' 'agent/link.h:1: a header begins'

lines agent/a.c 501 'int x;'
fires check_house.sh 'a file of 501 lines' 'agent/a.c:501: too many lines'
lines tests/unit/test_a.c 701 'int x;'
fires check_house.sh 'a test of 701 lines' 'too many lines'
for word in TO-DO FIX-ME XX-X; do # written so that this file is not found itself
    word=$(echo "$word" | tr -d -)
    printf '/* %s: later */\n' "$word" >agent/a.c
    fires check_house.sh "$word" 'finish it'
done
printf 'x\n' >agent/state.db
fires check_house.sh 'a data base' 'agent/state.db:1: generated'
mkdir -p build && printf 'x\n' >build/x
fires check_house.sh 'the build tree' 'build/x:1: generated'
printf 'a\000b\001\377' >agent/picture
fires check_house.sh 'a binary file' 'agent/picture:1: binary'

printf 'int f(void)\n{\n' >agent/a.c
lines agent/a.c 69 '    x();'
echo '}' >>agent/a.c
fires check_functions.sh 'a function of 71 lines' 'agent/a.c:1: f has 71 lines'

echo "$planted violations planted, $failed not found"
[ "$failed" -eq 0 ]
