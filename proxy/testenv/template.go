package testenv

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// initdbArgs make the same cluster on every machine: no locale of the host, no sync. The password of the superuser
// comes later, since a template is shared.
var initdbArgs = []string{"--username=" + SuperUser, "--encoding=UTF8", "--locale=C.UTF-8", "--auth=trust", "--no-sync", "--no-instructions"}

// copyTemplate makes a data directory. initdb takes a second or two and its result never changes for one version, so
// it runs once per machine and is copied from then on.
func copyTemplate(ctx context.Context, bin, version string, who *user, to string) error {
	cache, err := cacheDir()
	if err != nil {
		return runInitdb(ctx, bin, who, to)
	}
	key := sha256.Sum256([]byte(bin + "\x00" + strings.Join(initdbArgs, "\x00")))
	template := filepath.Join(cache, "pgdata-"+version+"-"+hex.EncodeToString(key[:4]))
	if err := os.MkdirAll(cache, 0o700); err != nil {
		return fmt.Errorf("testenv: %w", err)
	}
	// Two test binaries that find no template make one, not two.
	lock, err := os.OpenFile(template+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("testenv: %w", err)
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("testenv: lock %s: %w", lock.Name(), err)
	}
	if _, err := os.Stat(template); errors.Is(err, fs.ErrNotExist) {
		// initdb runs as the server's user, who cannot reach our cache; so it works where the server will live, and
		// the cache gets a copy.
		if err := runInitdb(ctx, bin, who, to); err != nil {
			return err
		}
		part := template + ".part"
		if err := os.RemoveAll(part); err != nil {
			return fmt.Errorf("testenv: %w", err)
		}
		if err := copyTree(to, part, nil); err != nil {
			return fmt.Errorf("testenv: cache %s: %w", template, err)
		}
		return os.Rename(part, template)
	}
	if err := copyTree(template, to, who); err != nil {
		return fmt.Errorf("testenv: copy the template %s: %w", template, err)
	}
	return nil
}

func runInitdb(ctx context.Context, bin string, who *user, to string) error {
	if err := who.mkdir(to); err != nil {
		return fmt.Errorf("testenv: %w", err)
	}
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "initdb"), append([]string{"--pgdata=" + to}, initdbArgs...)...)
	cmd.Dir = filepath.Dir(to)
	cmd.Env = cleanEnv()
	cmd.SysProcAttr = who.attr()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("testenv: initdb: %w\n%s", err, out)
	}
	return nil
}

// copyTree copies plain files and folders, all that a fresh cluster has.
func copyTree(from, to string, who *user) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		dst := filepath.Join(to, rel)
		if d.IsDir() {
			return who.mkdir(dst)
		}
		return who.copy(path, dst)
	})
}
