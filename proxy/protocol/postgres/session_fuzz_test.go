package postgres_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"sluice.dev/proxy/protocol/postgres/wire"
	"sluice.dev/proxy/server/servertest"
)

// FuzzSession sends bytes of its own, in two pieces, into a session on a real
// gateway and a real database: whatever they are, the session comes to an end,
// nothing that a mask hides comes back, and the gateway serves the next one.
func FuzzSession(f *testing.F) {
	query := func(text string) []byte { return wire.Query(nil, text) }
	extended := func(text string, describe bool) []byte {
		b := wire.AppendParse(nil, "", text, nil)
		b = wire.AppendBind(b, "")
		if describe {
			b = wire.Describe(b, 'P', "")
		}
		return wire.Empty(wire.AppendExecute(b, ""), 'S')
	}
	for _, text := range []string{
		"select id, email from customers", "select upper(email), city from customers where id = 1", "select c from customers c",
		"select row_to_json(c) from customers c; select 1", "copy customers to stdout", "copy (select email from customers) to stdout with (format csv)",
		"begin; declare x cursor for select email from customers; fetch 2 from x; rollback", "prepare p as select email from customers; execute p",
		"explain select 1 from customers where email = 'x'", "set client_min_messages = log", "discard all", "select email::int from customers",
	} {
		f.Add(query(text), 9)
		f.Add(append(query(text), query(text)...), 20)
		f.Add(extended(text, true), 30)
		f.Add(append(extended(text, false), extended(text, true)...), 17)
	}
	f.Add(append(wire.AppendParse(nil, "s", "select email from customers", nil), append(wire.Describe(nil, 'S', "s"), wire.Empty(nil, 'H')...)...), 12)
	g := servertest.Start(f, servertest.Options{Rego: map[string]string{"base": `package base

allow if {
	"crew" in input.principal.groups
	every op in input.command.operations { op in {"select", "session", "copy_out", "explain"} }
}
`}})
	token := g.Agent()
	hidden := [][]byte{[]byte("ada.brandt"), []byte("bela@"), []byte("chidi.okafor"), []byte("5550 1234"), []byte("555 0199")}
	f.Fuzz(func(t *testing.T, data []byte, at int) {
		if len(data) > 1<<16 {
			return
		}
		r := login(t, g, token)
		r.conn.SetDeadline(time.Now().Add(hang))
		at = min(max(at, 0), len(data))
		for _, piece := range [][]byte{data[:at], data[at:]} {
			if _, err := r.conn.Write(piece); err != nil {
				break // the gateway has said its last word
			}
		}
		r.conn.(*net.TCPConn).CloseWrite()
		got, err := io.ReadAll(r.in)
		if ne := net.Error(nil); errors.As(err, &ne) && ne.Timeout() {
			t.Fatalf("the session hangs; it has sent %q", got)
		}
		for _, h := range hidden {
			if bytes.Contains(bytes.ToLower(got), bytes.ToLower(h)) {
				t.Fatalf("%q came back: %q", h, got)
			}
		}
	})
}
