package postgres_test

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"sluice.dev/proxy/protocol/postgres/lineage/evasions"
	"sluice.dev/proxy/server/servertest"
)

// TestEvasionsThroughTheGateway runs every evasion on a whole gateway, in the
// simple and the extended protocol, text and binary, and looks at each byte
// that the client receives.
func TestEvasionsThroughTheGateway(t *testing.T) {
	schema, err := os.ReadFile("testdata/evasions_schema.sql")
	if err != nil {
		t.Fatal(err)
	}
	cases, err := evasions.Read("testdata/evasions.sql")
	if err != nil {
		t.Fatal(err)
	}
	g := evasionGateway(t, string(schema))
	refused, ran := 0, 0
	for _, c := range cases {
		for _, mode := range []string{"simple", "extended text", "extended binary"} {
			r := login(t, g, g.Agent())
			denied := false
			for _, sql := range c.Statements {
				format := 0
				switch mode {
				case "extended binary":
					format = 1
					fallthrough
				case "extended text":
					if !strings.Contains(strings.TrimRight(sql, "; \n"), ";") {
						r.send(parse("", sql), describe("S", ""), bind("", "", format), execute("", 0), syncing)
						break
					}
					fallthrough
				default:
					r.send(query(sql))
				}
				out := r.finished()
				denied = denied || strings.HasPrefix(errorOf(out), "42501")
				if len(out) == 0 || out[len(out)-1].typ != 'Z' {
					break
				}
			}
			if denied {
				refused++
			} else {
				ran++
			}
			if seen := r.all(); evasions.Leaks(string(seen)) {
				t.Errorf("evasions.sql:%d: %s, %s: the client reads %q", c.Line, c.Name, mode, around(seen))
			}
			r.conn.Close()
		}
	}
	t.Logf("%d evasions in 3 modes: %d refused, %d ran", len(cases), refused, ran)
	if ran == 0 || refused == 0 {
		t.Error("the list proves nothing")
	}
}

// finished reads an answer to its end; COPY data that is asked for is not sent.
func (r *raw) finished() []message {
	var out []message
	for {
		m, err := r.read()
		if err != nil {
			return out
		}
		out = append(out, m)
		switch m.typ {
		case 'Z':
			return out
		case 'G':
			r.send(msg('f', "nothing to copy\x00"), syncing)
		}
	}
}

// around is where a protected value stands.
func around(seen []byte) []byte {
	for i := range seen {
		if evasions.Leaks(string(seen[i:min(i+16, len(seen))])) {
			return seen[max(0, i-60):min(i+60, len(seen))]
		}
	}
	return bytes.TrimSpace(seen[max(0, len(seen)-120):])
}

// evasionGateway protects what evasions_schema.sql says.
func evasionGateway(t *testing.T, schema string) *servertest.Gateway {
	t.Helper()
	var quoted []string
	for _, c := range []string{"public.customers.email", "public.customers.phone", "public.customers.card", "public.events.email"} {
		quoted = append(quoted, fmt.Sprintf("%q", c))
	}
	return servertest.Start(t, servertest.Options{
		Init:  []string{schema, "GRANT app TO crew_app"},
		Masks: "mask \"m\" {\n  columns = [" + strings.Join(quoted, ", ") + "]\n  action = \"redact\"\n}",
	})
}
