#!/bin/sh
# Fetches what the oracle's test reads: PostgreSQL's regression SQL, which the
# source distribution of pglast carries (in libpg_query's tests). It goes below
# $XDG_CACHE_HOME/sluice (~/.cache/sluice), never into the checkout.
set -eu
dir=${XDG_CACHE_HOME:-$HOME/.cache}/sluice/sdist
python=${PYTHON:-python3}
mkdir -p "$dir"
[ -e "$dir/pglast-8.8.tar.gz" ] && exit 0
echo "facts: fetching pglast 8.8 (PyPI, 4 MB)"
"$python" -m pip download --quiet --disable-pip-version-check --no-deps --no-binary pglast --dest "$dir" pglast==8.8
