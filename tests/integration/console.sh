#!/usr/bin/env bash
# The console: its types, its own tests, what the build made of it, and what a coordinator sends of it.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
: "${ANDON_BIN:?is not set: run this through tests/run}"
tree=$(dirname "$ANDON_BIN")/console/tree
for tool in curl npm; do
    command -v "$tool" >/dev/null || { echo "skipped: $tool is not here"; exit 77; }
done
[ -d "$tree/dist" ] || { echo "skipped: this build is without the console"; exit 77; }
. tests/support/federation.sh

rm -rf "$tree/test"
cp -R coordinator/console/test "$tree/"
(cd "$tree" && npm run --silent check) || die "types do not fit"
(cd "$tree" && npm test --silent) || die "the console's own tests"

start_coordinator "${coordinator_flags[@]}"
url=$(endpoint http)
get() { curl -sS --max-time 10 -H 'Accept-Encoding: gzip' -o "$work/body" -D "$work/head" -w '%{http_code}' "$url$1" "${@:2}"; }
has() { grep -qi "^$1" "$work/head" || die "$2 lacks $1: $(cat "$work/head")"; }

# ---- the page and all that it names
[ "$(get /)" = 200 ] || die "/: $(cat "$work/head")"
has "Content-Security-Policy: default-src 'none'" /
has 'Content-Encoding: gzip' /
has 'X-Frame-Options: DENY' /
has 'Referrer-Policy: no-referrer' /
etag=$(sed -n 's/^ETag: \(.*\)\r$/\1/Ip' "$work/head")
zcat "$work/body" >"$work/page.html" || die "the page is not what it says"
[ "$(get / -H "If-None-Match: $etag")" = 304 ] || die "a page that is known is sent again"
# Each file names further ones: screens, charts, languages.
files=() seen=' '
take() # a text that names files
{
    local name
    for name in $(grep -oE '[A-Za-z0-9_.-]+-[A-Za-z0-9_-]{8}\.(js|css|svg)' "$1" | sort -u); do
        [[ $seen == *" $name "* ]] || { seen+="$name "; files+=("$name"); }
    done
}
take "$work/page.html"
for ((i = 0; i < ${#files[@]}; i++)); do
    [ "$(get "/assets/${files[i]}")" = 200 ] || die "${files[i]}: $(cat "$work/head")"
    has 'Cache-Control: public, max-age=31536000, immutable' "${files[i]}"
    zcat "$work/body" >"$work/file"
    take "$work/file"
done
[ "${#files[@]}" -gt 20 ] || die "the page and its files name ${#files[@]} files only"

# ---- addresses of screens are the page, what is not there is not
[ "$(get /sites/plant-a -H 'Accept: text/html')" = 200 ] || die "an address of a screen is not the page"
case $(get /assets/gone-0000.js -H 'Accept: text/html') in 40[14]) ;; *) die "a file that is not there: $(cat "$work/head")" ;; esac
[ "$(get /api/v1/status -H 'Accept: text/html')" = 401 ] || die "the API lets in whoever asks for a page"
get /metrics -H 'Accept: text/html' >/dev/null
! grep -qi '^Content-Type: text/html' "$work/head" || die "the page is in the place of the metrics"
say "ok"
