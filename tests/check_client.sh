#!/usr/bin/env bash
# Every route of the HTTP API is asked by a verb of `andon`, but for those that say here why not.
#
#     tests/check_client.sh [TREE]
#
# It reads the paths in the client's source: "/sites/%s/%s" is any route of that form whose words the file names.
set -u
cd "${1:-$(dirname "$0")/..}" || exit 2
routes=coordinator/api/routes.def

# METHOD PATTERN: why no verb asks it
without='GET /events: a stream for pages; andon watch and --follow wait at /journal'

work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
for file in coordinator/client/*.c; do
    tr '\n' ' ' <"$file" | sed 's/"  *"//g' >"$work/$(basename "$file")"
done

# FILE METHOD PATH of each call; a path that no call has in its own brackets is a helper's, of either method.
calls()
{
    for file in "$work"/*.c; do
        name=$(basename "$file")
        grep -oE 'an_cli_(get|post)\([^;"]*"/[^"]*"' "$file" |
            sed -E 's/^an_cli_get.*"(.*)"$/GET \1/; s/^an_cli_post.*"(.*)"$/POST \1/; s/\?.*//' | sort -u >"$work/direct"
        grep -oE 'an_cli_do\([^;"]*"[a-z]*", [a-z"]*' "$file" |
            sed -E 's/.*"([a-z]*)", "([a-z]*)"?$/POST \/\1\/%s\/\2/; s/.*"([a-z]*)", [a-z]*$/POST \/\1\/%s\/%s/' >>"$work/direct"
        sed "s/^/$name /" "$work/direct"
        grep -oE '"/[a-z][^" ]*"' "$file" | sed -E 's/^"(.*)"$/\1/; s/\?.*//' | grep -vxFf <(cut -d' ' -f2 "$work/direct") |
            sed "s/^/$name ANY /"
    done | sort -u
}

# Does the call's path stand for this pattern?
stands() # file, path, pattern
{
    local -a have want
    IFS=/ read -ra have <<<"${2#/}"
    IFS=/ read -ra want <<<"${3#/}"
    [ "${#have[@]}" -eq "${#want[@]}" ] || return 1
    local i
    for i in "${!want[@]}"; do
        case ${want[i]} in
        '{'*) [[ ${have[i]} == *%* ]] || return 1 ;;
        *) [ "${have[i]%%%s}" = "${want[i]}" ] || { [ "${have[i]}" = %s ] && grep -q "\"${want[i]}\"" "$work/$1"; } || return 1 ;;
        esac
    done
}

calls >"$work/calls"
bad=0
n=0
while read -r method pattern; do
    n=$((n + 1))
    found=no
    while read -r file how path; do
        if [ "$how" = "$method" ] || [ "$how" = ANY ]; then
            stands "$file" "$path" "$pattern" && found=yes && break
        fi
    done <"$work/calls"
    excused=no
    grep -q "^$method $pattern: " <<<"$without" && excused=yes
    if [ "$found$excused" = nono ]; then
        echo "$routes:1: no verb of andon asks $method $pattern"
        bad=1
    fi
done < <(sed -nE 's/^AN_ROUTE\(([A-Z]+), *"([^"]*)".*/\1 \2/p' "$routes")
[ "$n" -ge 20 ] || {
    echo "tests/check_client.sh:1: no routes were found in $routes"
    bad=1
}
exit $bad
