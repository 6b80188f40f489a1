package testenv

import (
	"errors"
	"fmt"
	"io"
	"os"
	osuser "os/user"
	"strconv"
	"syscall"
)

// user is whom a server runs as when we are root: PostgreSQL refuses root. nil is ourselves.
type user struct {
	uid, gid int
	name     string
}

// unprivileged finds a user for the servers. Debian's package makes "postgres"; "nobody" is always there.
func unprivileged() (*user, error) {
	if os.Geteuid() != 0 {
		return nil, nil //nolint:nilnil // nil is ourselves
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := osuser.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.Atoi(u.Uid)
		gid, err2 := strconv.Atoi(u.Gid)
		if err := errors.Join(err1, err2); err != nil {
			return nil, fmt.Errorf("testenv: user %s: %w", name, err)
		}
		return &user{uid: uid, gid: gid, name: name}, nil
	}
	return nil, errors.New("testenv: running as root, and there is neither a user postgres nor nobody to run PostgreSQL as")
}

func (u *user) attr() *syscall.SysProcAttr {
	if u == nil {
		return &syscall.SysProcAttr{}
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(u.uid), Gid: uint32(u.gid)}}
}

func (u *user) own(path string) error {
	if u == nil {
		return nil
	}
	return os.Lchown(path, u.uid, u.gid)
}

func (u *user) mkdir(path string) error {
	if err := os.Mkdir(path, 0o700); err != nil {
		return err
	}
	return u.own(path)
}

func (u *user) write(path, text string) error {
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return err
	}
	return u.own(path)
}

// copy copies one file, mode 0600.
func (u *user) copy(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close(), u.own(to))
}
