package testenv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// ErrNoPostgres is returned when no usable PostgreSQL server is installed. InstallPostgres, or
// proxy/testenv/deps.sh postgres, puts that right.
var ErrNoPostgres = errors.New("testenv: no PostgreSQL server found: run proxy/testenv/deps.sh postgres, or set SLUICE_PG_BIN to a folder with initdb and postgres")

// FindPostgres is where initdb and postgres are, and their version ("15.18"). With major "" that is $SLUICE_PG_BIN, or
// else the newest that Debian installed, or else the first in the PATH: the ones that have psql and the like beside
// them. With a major such as "18" it is the first of that major among these and what deps.sh postgres-18 fetched.
func FindPostgres(ctx context.Context, major string) (binDir, version string, err error) {
	return findPostgres(ctx, "", major)
}

func findPostgres(ctx context.Context, binDir, major string) (dir, version string, err error) {
	candidates := []string{binDir}
	if binDir == "" {
		candidates = candidatesFor(major)
	}
	for _, c := range candidates {
		if _, err := os.Stat(filepath.Join(c, "initdb")); err != nil {
			continue
		}
		out, err := exec.CommandContext(ctx, filepath.Join(c, "postgres"), "--version").Output()
		if err != nil {
			continue
		}
		// postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)
		fields := strings.Fields(string(out))
		if len(fields) < 3 {
			continue
		}
		if m, _, _ := strings.Cut(fields[2], "."); major != "" && m != major {
			continue
		}
		return c, fields[2], nil
	}
	if major != "" {
		return "", "", fmt.Errorf("%w (version %s: run proxy/testenv/deps.sh postgres-%s)", ErrNoPostgres, major, major)
	}
	return "", "", ErrNoPostgres
}

func candidatesFor(major string) []string {
	named := os.Getenv("SLUICE_PG_BIN")
	if named != "" && major == "" {
		return []string{named}
	}
	candidates, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	slices.SortFunc(candidates, func(a, b string) int { return majorOf(b) - majorOf(a) })
	if p, err := exec.LookPath("initdb"); err == nil {
		// Other programs (psql) are beside the real file, not beside a link to it.
		if real, err := filepath.EvalSymlinks(p); err == nil {
			candidates = append(candidates, filepath.Dir(real))
		}
	}
	if major == "" {
		return candidates
	}
	if named != "" {
		candidates = append([]string{named}, candidates...)
	}
	// Root's are not in root's cache: see deps.sh.
	fetched := []string{"/var/cache/sluice"}
	if cache, err := cacheDir(); err == nil && os.Geteuid() != 0 {
		fetched = []string{cache, "/var/cache/sluice"}
	}
	for _, f := range fetched {
		candidates = append(candidates, filepath.Join(f, "postgres", major, "bin"))
	}
	return candidates
}

func majorOf(binDir string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(binDir)))
	return n
}
