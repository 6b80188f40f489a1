#!/bin/sh
# Fetches the console's libraries with npm, at the versions and digests of package-lock.json, into static/vendor, which
# is embedded by the next go build. Nothing is left beside them.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
vendor=$here/static/vendor
stamp=$vendor/.stamp
want=$(sha256sum "$here/package-lock.json" | cut -d' ' -f1)
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$want" ] && [ -f "$vendor/htmx.min.js" ] && [ -f "$vendor/sse.min.js" ]; then
	exit 0
fi
command -v npm >/dev/null || { echo "console: npm is not installed; the console is built without live parts (apt-get install npm, then again)" >&2; exit 0; }
echo "console: fetching htmx with npm"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$here/package.json" "$here/package-lock.json" "$work/"
(cd "$work" && npm ci --ignore-scripts --no-audit --no-fund --silent)
cp "$work/node_modules/htmx.org/dist/htmx.min.js" "$vendor/htmx.min.js"
cp "$work/node_modules/htmx-ext-sse/dist/sse.min.js" "$vendor/sse.min.js"
echo "$want" >"$stamp"
