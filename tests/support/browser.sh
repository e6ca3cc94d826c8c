# What a browser's test needs from npm, in tests/browser/node_modules, fetched once.  Source it; it ends a script that cannot have it.
# shellcheck shell=bash
for tool in node npm; do command -v "$tool" >/dev/null || { echo "skipped: $tool is not here"; exit 77; }; done
(cd tests/browser && { cmp -s package-lock.json node_modules/.installed || { npm ci >/dev/null && cp package-lock.json node_modules/.installed; }; }) ||
    { echo "skipped: npm has no way to playwright-core"; exit 77; }
