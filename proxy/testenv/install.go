package testenv

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

//go:embed deps.sh
var depsScript string

// InstallPostgres installs Debian's PostgreSQL unless a server is there already. It says on out what it does.
func InstallPostgres(ctx context.Context, out io.Writer) error {
	if _, _, err := FindPostgres(ctx, ""); err == nil {
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
