package crashtest

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"regexp"
	"sync"
	"testing"
)

// relay stands between the gateway and the database. It knows whose statement
// it passes by the mark in it, and stops at the steps where its owner wants to
// be stopped.
type relay struct {
	ln net.Listener
	db string
	wg sync.WaitGroup

	mu    sync.Mutex
	ops   map[string]*op
	conns map[net.Conn]struct{}
}

func listen(t *testing.T, db string) *relay {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{ln: ln, db: db, ops: map[string]*op{}, conns: map[net.Conn]struct{}{}}
	r.wg.Go(r.accept) // ends with the listener
	t.Cleanup(func() {
		ln.Close()
		r.cut()
		r.wg.Wait()
	})
	return r
}

func (r *relay) address() string { return r.ln.Addr().String() }

// own says whose statement a mark is in.
func (r *relay) own(o *op) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ops[o.mark] = o
}

// cut closes all connections to the database.
func (r *relay) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.conns {
		c.Close()
	}
	clear(r.conns)
	clear(r.ops)
}

func (r *relay) accept() {
	for {
		gateway, err := r.ln.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", r.db)
		if err != nil {
			gateway.Close()
			continue
		}
		r.mu.Lock()
		r.conns[gateway], r.conns[server] = struct{}{}, struct{}{}
		r.mu.Unlock()
		p := &pair{relay: r, gateway: gateway, server: server}
		end := func() { gateway.Close(); server.Close() }
		r.wg.Go(func() { defer end(); p.down() })
		r.wg.Go(func() { defer end(); p.up() })
	}
}

// pair is one connection of the gateway's to the database.
type pair struct {
	relay           *relay
	gateway, server net.Conn

	mu       sync.Mutex
	owner    *op
	bound    bool // the last Bind carries the owner's own mark
	commit   bool // the last Parse is COMMIT
	awaiting step // what the next CommandComplete of the server is
	answered step // what the next ReadyForQuery ends
}

var marks = regexp.MustCompile(`(m\d+-\d+-\d+)(\.[abc])?`)

// frames reads whole messages.
func frames(src net.Conn, startup bool, pass func(typ byte, msg []byte) error) {
	in := bufio.NewReader(src)
	for {
		head := 5
		if startup {
			head = 4
		}
		msg := make([]byte, head, 64)
		if _, err := io.ReadFull(in, msg); err != nil {
			return
		}
		n := int(binary.BigEndian.Uint32(msg[head-4:])) - 4
		if n < 0 || n > 64<<20 {
			return
		}
		msg = append(msg, make([]byte, n)...)
		if _, err := io.ReadFull(in, msg[head:]); err != nil {
			return
		}
		typ := msg[0]
		if startup {
			typ = 0
		}
		startup = false
		if pass(typ, msg) != nil {
			return
		}
	}
}

// up carries what the gateway says.
func (p *pair) up() {
	frames(p.gateway, true, func(typ byte, msg []byte) error {
		at, o := p.leaving(typ, msg)
		if o != nil && at != "" && !o.reach(at) {
			return errDead
		}
		p.mu.Lock()
		switch at {
		case leaving:
			p.awaiting = answered
		case commitLeaving:
			p.awaiting = commitAnswered
		}
		p.mu.Unlock()
		_, err := p.server.Write(msg)
		return err
	})
}

var errDead = errors.New("the gateway is dead")

// leaving says which step a message of the gateway's is.
func (p *pair) leaving(typ byte, msg []byte) (step, *op) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if m := marks.FindSubmatch(msg); m != nil && (typ == 'Q' || typ == 'P' || typ == 'B' || typ == 'd') {
		p.relay.mu.Lock()
		p.owner = p.relay.ops[string(m[1])]
		p.relay.mu.Unlock()
		p.bound = len(m[2]) == 0
		if typ == 'Q' && p.bound {
			return leaving, p.owner
		}
		return "", p.owner
	}
	commit := bytes.Contains(msg, []byte("COMMIT"))
	switch typ {
	case 'P':
		p.commit = commit
	case 'Q':
		if commit {
			return commitLeaving, p.owner
		}
	case 'E':
		if p.commit {
			return commitLeaving, p.owner
		}
		if p.bound {
			return leaving, p.owner
		}
	case 'c':
		return leaving, p.owner
	}
	return "", p.owner
}

// down carries what the database says.
func (p *pair) down() {
	frames(p.server, false, func(typ byte, msg []byte) error {
		p.mu.Lock()
		o, at := p.owner, step("")
		switch {
		case typ == 'C' && p.awaiting != "":
			at, p.awaiting = p.awaiting, ""
			if p.answered = complete; at == commitAnswered {
				p.answered = commitComplete
			}
		case typ == 'Z' && p.answered != "":
			at, p.answered = p.answered, ""
		}
		p.mu.Unlock()
		if o != nil && at != "" && !o.reach(at) {
			return errDead
		}
		_, err := p.gateway.Write(msg)
		return err
	})
}
