package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"sluice.dev/proxy/console"
	"sluice.dev/proxy/identity"
	"sluice.dev/proxy/server/api"
)

// SocketName is the admin socket's file in data_dir.
const SocketName = "admin.sock"

// maxAdmins is how many connections the admin socket has at once.
const maxAdmins = 64

// SystemIssuer is the issuer of principals that the operating system vouched for.
const SystemIssuer = "system"

// Admin serves the API on a unix socket to the user that the gateway runs as, and to root. The caller is who the
// kernel says it is (SO_PEERCRED).
type Admin struct {
	ln     *net.UnixListener
	path   string
	server *http.Server
}

// ListenAdmin makes the socket in dir, mode 0600. A socket that a dead gateway left is replaced; one that answers is an
// error.
func ListenAdmin(dir string, backend console.Backend, log *slog.Logger) (*Admin, error) {
	path := filepath.Join(dir, SocketName)
	if err := removeDead(path); err != nil {
		return nil, err
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	// Made under another name and moved, so that it is never there with a mode that lets others in.
	made := path + ".new"
	_ = os.Remove(made)
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: made, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("server: admin socket: %w (the path of a socket is at most 107 bytes: choose a shorter data_dir)", err)
	}
	ln.SetUnlinkOnClose(false)
	if err = os.Chmod(made, 0o600); err == nil {
		err = os.Rename(made, path)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("server: admin socket %s: %w", path, err), ln.Close())
	}
	handler := api.New(api.Options{
		Backend: backend, Socket: true, Logger: log, Caller: peer,
		Access: func() console.Access { return console.Access{} },
	})
	return &Admin{ln: ln, path: path, server: &http.Server{
		Handler: handler, ReadHeaderTimeout: headerTimeout, ReadTimeout: bodyTimeout, MaxHeaderBytes: maxHeader,
		ErrorLog:    slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		ConnContext: func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) },
	}}, nil
}

// Serve answers until ctx ends, and takes the socket away.
func (a *Admin) Serve(ctx context.Context) error {
	a.server.BaseContext = func(net.Listener) context.Context { return ctx }
	err := serve(ctx, a.server, bound(a.ln, maxAdmins), 5*time.Second)
	if gone := os.Remove(a.path); gone != nil && !errors.Is(gone, os.ErrNotExist) {
		err = errors.Join(err, gone)
	}
	return err
}

// removeDead removes a socket that nobody listens on.
func removeDead(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("server: admin socket: %w", err)
	}
	if info.Mode().Type() != os.ModeSocket {
		return fmt.Errorf("server: admin socket: %s exists and is no socket; remove it", path)
	}
	d := net.Dialer{Timeout: time.Second}
	c, err := d.DialContext(context.Background(), "unix", path)
	if err == nil {
		_ = c.Close()
		return fmt.Errorf("server: admin socket: another gateway answers on %s; each needs a data_dir of its own", path)
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("server: admin socket: %s: %w", path, err)
	}
	return os.Remove(path)
}

type connKey struct{}

// peer is the system user at the other end of the request's connection.
func peer(r *http.Request) (*identity.Principal, error) {
	c, ok := r.Context().Value(connKey{}).(*counted)
	if !ok {
		return nil, errors.New("server: admin socket: not a connection of ours")
	}
	unixConn, ok := c.Conn.(*net.UnixConn)
	if !ok {
		return nil, errors.New("server: admin socket: not a unix connection")
	}
	raw, err := unixConn.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("server: admin socket: %w", err)
	}
	var cred *unix.Ucred
	var asked error
	if err := raw.Control(func(fd uintptr) { cred, asked = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }); err != nil {
		return nil, fmt.Errorf("server: admin socket: %w", err)
	}
	if asked != nil {
		return nil, fmt.Errorf("server: admin socket: peer credentials: %w", asked)
	}
	if cred.Uid != 0 && int(cred.Uid) != os.Geteuid() {
		return nil, fmt.Errorf("%w: the admin socket is for the gateway's own user and root, not for uid %d", console.ErrForbidden, cred.Uid)
	}
	return SystemUser(int(cred.Uid)), nil
}

// SystemUser is a user of this machine as a principal: no groups, so that no group's right is ever its own.
func SystemUser(uid int) *identity.Principal {
	p := &identity.Principal{Subject: "uid:" + strconv.Itoa(uid), Issuer: SystemIssuer, Kinds: []string{"system"}}
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		p.Display = u.Username
	}
	return p
}
