#!/bin/sh
# Builds the pages in the build tree and makes C tables of them: build.sh SOURCE OUT MODE
#
# OUT gets console_assets.c and site_assets.c.  The source folder stays as git has it.  With MODE auto a machine whose npm
# has no way to its packages goes without the pages, loudly; with on that is an error.
set -eu
source=$1 out=$2 mode=$3
tree=$out/tree

none()
{
    for page in console site; do
        printf '#include "doors/asset.h"\n\nconst an_assets an_%s_assets = {NULL, 0, ""};\n' "$page" >"$out/${page}_assets.c"
    done
}

mkdir -p "$tree"
if [ "$mode" = off ]; then
    none
    exit 0
fi
rm -rf "$tree/src" "$tree/messages"
(cd "$source" && cp -R src messages ./*.md ./*.json ./*.html ./*.mjs ./*.ts .npmrc "$tree/")
cd "$tree"
if ! cmp -s package-lock.json .installed; then
    rm -f .installed
    if ! npm ci --prefer-offline >"$out/npm.log" 2>&1; then
        cat "$out/npm.log" >&2
        [ "$mode" = auto ] || exit 1
        echo "The console is left out: npm has no way to its packages. With -DAN_CONSOLE=ON that is an error, with OFF it is not tried." >&2
        none
        exit 0
    fi
    cp package-lock.json .installed
fi
npm run --silent build >"$out/vite.log" 2>&1 || { cat "$out/vite.log" >&2; exit 1; }
node embed.mjs dist index.html an_console_assets "$out/console_assets.c"
node embed.mjs dist site.html an_site_assets "$out/site_assets.c"
