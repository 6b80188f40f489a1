package redis

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"sluice.dev/proxy/protocol/redis/commands"
	"sluice.dev/proxy/protocol/redis/resp"
)

// upstream is a connection to the server that the gateway has logged in to.
type upstream struct {
	net.Conn
	in    *bufio.Reader
	table commands.Table
}

// enterTime bounds the way into the server.
const enterTime = 15 * time.Second

// maxOwn is the longest answer to a question of the gateway's own, in bytes.
const maxOwn = 8 << 20

// enter connects and logs in. An error says nothing of the credential.
func (o *Options) enter(ctx context.Context) (_ *upstream, err error) {
	ctx, cancel := context.WithTimeout(ctx, enterTime)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", o.Address)
	if err != nil {
		return nil, err
	}
	if o.TLS != nil {
		conn = tls.Client(conn, o.TLS)
	}
	up := &upstream{Conn: conn, in: bufio.NewReaderSize(conn, chunk)}
	defer func() {
		if err != nil {
			conn.Close()
		}
	}()
	if err := conn.SetDeadline(time.Now().Add(enterTime)); err != nil {
		return nil, err
	}
	if o.Password != nil {
		secret, err := o.Password(ctx)
		if err != nil {
			return nil, err
		}
		args := []string{"AUTH", o.User, secret}
		if o.User == "default" {
			args = []string{"AUTH", secret} // as servers before ACLs have it
		}
		if v, err := up.ask(args...); err != nil || v.Type != '+' {
			return nil, errors.Join(errors.New("the server did not take the gateway's own log-in"), err)
		}
	}
	if v, err := up.ask("SELECT", o.Database); err != nil || v.Type != '+' {
		return nil, errors.Join(fmt.Errorf("the server has no database %s", o.Database), err)
	}
	if up.table, err = o.commands(up); err != nil {
		return nil, err
	}
	return up, conn.SetDeadline(time.Time{})
}

// commands are the server's, asked for once a generation.
func (o *Options) commands(up *upstream) (commands.Table, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.table != nil {
		return o.table, nil
	}
	v, err := up.ask("COMMAND")
	if err != nil {
		return nil, err
	}
	o.table, err = commands.Parse(v)
	return o.table, err
}

// ask asks a question of the gateway's own.
func (u *upstream) ask(args ...string) (resp.Value, error) {
	if _, err := u.Write(resp.Append(nil, args...)); err != nil {
		return resp.Value{}, err
	}
	var s resp.Scanner
	var all []byte
	at := 0 // of all, what has been scanned
	for len(all) < maxOwn {
		if _, err := u.in.Peek(1); err != nil {
			return resp.Value{}, err
		}
		b, _ := u.in.Peek(u.in.Buffered())
		before := len(all)
		all = append(all, b...)
		n, done, err := s.Scan(all[at:])
		if err != nil {
			return resp.Value{}, err
		}
		if at += n; done {
			_, err = u.in.Discard(at - before)
			if err != nil {
				return resp.Value{}, err
			}
			return resp.Parse(all[:at])
		}
		if _, err := u.in.Discard(len(b)); err != nil {
			return resp.Value{}, err
		}
	}
	return resp.Value{}, fmt.Errorf("an answer of more than %d bytes", maxOwn)
}
