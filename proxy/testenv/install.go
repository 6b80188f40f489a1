package testenv

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

//go:embed deps.sh
var depsScript string

// ErrNoPostgres is returned when no usable PostgreSQL server is installed. InstallPostgres, or
// proxy/testenv/deps.sh postgres, puts that right.
var ErrNoPostgres = errors.New("testenv: no PostgreSQL server found: run proxy/testenv/deps.sh postgres, or set SLUICE_PG_BIN to a folder with initdb and postgres")

// InstallPostgres installs Debian's PostgreSQL unless a server is there already. It says on out what it does.
func InstallPostgres(ctx context.Context, out io.Writer) error {
	if _, _, err := findPostgres(ctx, "", ""); err == nil {
		return nil
	}
	return Install(ctx, out, "postgres")
}

// Install runs deps.sh for the targets ("postgres", "python", "browser", …). It says on out what it does, one line a
// step, and is quick when everything is there.
func Install(ctx context.Context, out io.Writer, targets ...string) error {
	cmd := exec.CommandContext(ctx, "sh", append([]string{"-s", "--"}, targets...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(depsScript), out, out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("testenv: deps.sh %s: %w", strings.Join(targets, " "), err)
	}
	return nil
}

// FindPostgres is where initdb and postgres are, and their version ("15.18"). major "" is the newest there is.
func FindPostgres(ctx context.Context, major string) (binDir, version string, err error) {
	return findPostgres(ctx, "", major)
}

func findPostgres(ctx context.Context, binDir, major string) (dir, version string, err error) {
	var candidates []string
	switch {
	case binDir != "":
		candidates = []string{binDir}
	case os.Getenv("SLUICE_PG_BIN") != "":
		candidates = []string{os.Getenv("SLUICE_PG_BIN")}
	default:
		candidates, _ = filepath.Glob("/usr/lib/postgresql/*/bin")
		slices.SortFunc(candidates, func(a, b string) int { return majorOf(b) - majorOf(a) })
		if p, err := exec.LookPath("initdb"); err == nil {
			// Other programs (psql) are beside the real file, not beside a link to it.
			if real, err := filepath.EvalSymlinks(p); err == nil {
				candidates = append(candidates, filepath.Dir(real))
			}
		}
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
		return "", "", fmt.Errorf("%w (version %s)", ErrNoPostgres, major)
	}
	return "", "", ErrNoPostgres
}

func majorOf(binDir string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(binDir)))
	return n
}

// Dep is where deps.sh has put something: "python", "crewai-psycopg2" and "crewai-psycopg3" are interpreters of virtual
// environments, "playwright" is the folder of playwright-core. The error says what to run if it is not there.
func Dep(name string) (string, error) {
	cache, err := cacheDir()
	if err != nil {
		return "", fmt.Errorf("testenv: %w", err)
	}
	path, target := filepath.Join(cache, name, "bin/python"), name
	switch name {
	case "python":
	case "crewai-psycopg2", "crewai-psycopg3":
		target = "crewai"
	case "playwright":
		path, target = filepath.Join(cache, "browser/node_modules/playwright-core"), "browser"
	default:
		return "", fmt.Errorf("testenv: deps.sh installs no %q", name)
	}
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("testenv: %s is not installed: run proxy/testenv/deps.sh %s", name, target)
	}
	return path, nil
}
