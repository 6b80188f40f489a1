#!/bin/sh
# Installs what the tests, the demo and the benchmarks need from outside: deps.sh TARGET...
# Being written: postgres only so far.
set -eu
for t in "$@"; do
	case $t in
	postgres)
		ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || {
			echo "deps: installing PostgreSQL from Debian"
			apt-get update -q >/dev/null && DEBIAN_FRONTEND=noninteractive apt-get install -y -q postgresql >/dev/null
		} ;;
	*) echo "deps: unknown target $t" >&2; exit 2 ;;
	esac
done
