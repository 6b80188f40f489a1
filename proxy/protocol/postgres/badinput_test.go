package postgres_test

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"sluice.dev/proxy/server/servertest"
)

func TestMalformedMessages(t *testing.T) {
	g := startSuite(t, servertest.Options{})
	known := "QPBDECSHFdcfX"
	cases := map[string][]byte{
		"a length of 0":                    {'Q', 0, 0, 0, 0},
		"a length of 3":                    {'Q', 0, 0, 0, 3},
		"a length below zero":              {'Q', 0xff, 0xff, 0xff, 0xff},
		"a Query without an end":           msg('Q', "SELECT 1"),
		"a Query with two ends":            msg('Q', "SELECT 1\x00DROP TABLE orders\x00"),
		"an empty Query message":           msg('Q', ""),
		"a Parse without types":            msg('P', "s\x00SELECT 1\x00"),
		"a Parse whose count lies":         msg('P', "s\x00SELECT 1\x00"+u16(9)+u32(23)),
		"a Parse with more behind":         msg('P', "s\x00SELECT 1\x00"+u16(0)+"x"),
		"a Bind whose count lies":          msg('B', "\x00s\x00"+u16(0)+u16(65535)+u32(1)+"x"+u16(0)),
		"a Bind whose value is too long":   msg('B', "\x00s\x00"+u16(0)+u16(1)+u32(1<<30)+"x"+u16(0)),
		"a Bind with a length of -2":       msg('B', "\x00s\x00"+u16(0)+u16(1)+u32(-2)+u16(0)),
		"a Bind with format 7":             msg('B', "\x00s\x00"+u16(1)+u16(7)+u16(0)+u16(0)),
		"a Bind with too many formats":     msg('B', "\x00s\x00"+u16(3)+u16(0)+u16(0)+u16(0)+u16(1)+u32(0)+u16(0)),
		"a Bind with result format 2":      msg('B', "\x00s\x00"+u16(0)+u16(0)+u16(1)+u16(2)),
		"a Describe of neither":            msg('D', "X\x00"),
		"a Describe of nothing":            msg('D', ""),
		"a Close of neither":               msg('C', "Z\x00"),
		"an Execute without a limit":       msg('E', "\x00"),
		"an Execute cut short":             msg('E', "\x00\x00"),
		"a Sync with a body":               msg('S', "x"),
		"a FunctionCall whose count lies":  msg('F', u32(1)+u16(0)+u16(9)+u16(0)),
		"a password when none is asked":    msg('p', "x\x00"),
		"what only a server sends":         msg('Z', "I"),
		"a start-up message in mid-stream": startup(3<<16, whoAmI+"\x00"),
		"an SSLRequest in mid-stream":      {0, 0, 0, 8, 4, 210, 22, 47},
	}
	for b := range 256 {
		if !strings.Contains(known, string(rune(b))) || b > 127 {
			cases[fmt.Sprintf("message type %#x", b)] = msg(byte(b), "x\x00")
		}
	}
	for name, sent := range cases {
		t.Run(name, func(t *testing.T) {
			r := login(t, g, g.Agent())
			r.must("SELECT 1")
			r.send(sent, query("DROP TABLE orders"))
			out := r.rest()
			last := out[len(out)-1]
			if types(out) != "E" || last.fields()['C'] != "08P01" || last.fields()['S'] != "FATAL" {
				t.Fatalf("got %v", out)
			}
		})
	}
	login(t, g, g.Agent()).works()
}

func TestWrongOrder(t *testing.T) {
	g := startSuite(t, servertest.Options{})
	r := login(t, g, g.Agent())
	for name, sent := range map[string][]byte{
		"Execute alone":            execute("", 0),
		"Execute of a portal":      execute("nothing", 0),
		"Bind alone":               bind("", "", 0),
		"Bind, Execute":            bytes.Join([][]byte{bind("", "", 0), execute("", 0)}, nil),
		"Describe alone":           describe("S", ""),
		"Describe of a portal":     describe("P", "nothing"),
		"too few values":           bytes.Join([][]byte{parse("", "SELECT $1::text"), bind("", "", 0), execute("", 0)}, nil),
		"too many values":          bytes.Join([][]byte{parse("", "SELECT 1"), bind("", "", 0, "x"), execute("", 0)}, nil),
		"two statements in one":    bytes.Join([][]byte{parse("", "SELECT 1; SELECT 2"), bind("", "", 0), execute("", 0)}, nil),
		"a value that is no UTF-8": bytes.Join([][]byte{parse("", "SELECT $1::text"), bind("", "", 0, "\xff\xfe"), execute("", 0)}, nil),
		"a value of no number":     bytes.Join([][]byte{parse("", "SELECT $1::int"), bind("", "", 0, "x"), execute("", 0)}, nil),
		"a text that is no UTF-8":  parse("", "SELECT '\xff\xfe'"),
		"a text that is no SQL":    parse("", "SELEKT 1"),
	} {
		t.Run(name, func(t *testing.T) {
			r.send(closing("S", ""), syncing) // what an earlier case has left there
			r.until('Z')
			r.send(sent, parse("", "SELECT 3"), syncing)
			out := r.until('Z')
			if n := strings.Count(types(out), "E"); n != 1 || strings.ContainsAny(types(out), "DC") {
				t.Fatalf("got %v", out)
			}
			r.works()
		})
	}
	for name, sql := range map[string]string{"no UTF-8": "SELECT '\xff\xfe'", "no SQL": "SELEKT 1", "half a literal": "SELECT 'x", "deep": "SELECT " + strings.Repeat("(", 20000) + "1" + strings.Repeat(")", 20000)} {
		t.Run("simple: "+name, func(t *testing.T) {
			if out := r.query(sql); types(out) != "EZ" || !strings.HasPrefix(errorOf(out), "42601") && name != "deep" {
				t.Fatalf("got %v", out)
			}
			r.works()
		})
	}
}

func TestSplitAndCutAnywhere(t *testing.T) {
	g := startSuite(t, servertest.Options{})
	session := bytes.Join([][]byte{
		query("SELECT id, email, city FROM customers ORDER BY id"), parse("s", "SELECT email FROM customers WHERE id = $1"), describe("S", "s"),
		bind("", "s", 0, "2"), execute("", 0), syncing, query("DROP TABLE orders"), query("SELECT 1/0"),
		query("COPY (SELECT id, email FROM customers ORDER BY id) TO STDOUT"), closing("S", "s"), syncing, query("UPDATE orders SET item = item || '.' WHERE id = 1"),
	}, nil)
	const ends = 7
	clean := func(r *raw) string {
		// The number of a command is its own.
		return numbered.ReplaceAllString(string(r.all()[len(r.greeted):]), "[cmd]")
	}
	whole := login(t, g, g.Agent())
	whole.greeted = whole.all()
	whole.send(session)
	for range ends {
		whole.until('Z')
	}
	t.Run("a byte at a time", func(t *testing.T) {
		r := login(t, g, g.Agent())
		r.greeted = r.all()
		for i := range session {
			r.send(session[i : i+1])
		}
		for range ends {
			r.until('Z')
		}
		if got, want := clean(r), clean(whole); got != want {
			t.Fatalf("got  %q\nwant %q", got, want)
		}
	})
	t.Run("split at each byte", func(t *testing.T) {
		r := login(t, g, g.Agent())
		for i := range session {
			r.greeted = r.all()
			r.send(session[:i])
			r.send(session[i:])
			for range ends {
				r.until('Z')
			}
			if got, want := clean(r), clean(whole); got != want {
				t.Fatalf("split at %d: got  %q\nwant %q", i, got, want)
			}
		}
	})
	t.Run("cut at each byte", func(t *testing.T) {
		update := query("UPDATE orders SET item = 'cut' WHERE id = 2")
		for i := range update {
			r := login(t, g, g.Agent())
			r.send(update[:i])
			r.conn.Close()
		}
		if got := g.Direct("SELECT item FROM orders WHERE id = 2"); got != "item 2" {
			t.Fatalf("item is %q", got)
		}
	})
	login(t, g, g.Agent()).works()
}

func TestLargeInput(t *testing.T) {
	g := startSuite(t, servertest.Options{})
	r := login(t, g, g.Agent())
	t.Run("a statement of 64 MB", func(t *testing.T) {
		r.want("simple", r.query("SELECT '"+strings.Repeat("x", 64<<20)+"'"), "EZ", "", "53000")
		r.works()
	})
	t.Run("65,535 values", func(t *testing.T) {
		const n = 65535
		var sql strings.Builder
		sql.WriteString("SELECT count(*) FROM orders WHERE id IN (")
		values := make([]string, n)
		for i := range n {
			fmt.Fprintf(&sql, "$%d,", i+1)
			values[i] = fmt.Sprint(i + 11)
		}
		text := strings.TrimSuffix(sql.String(), ",") + ")"
		r.send(parse("", text), bind("", "", 0, values...), execute("", 0), syncing)
		r.want("65,535 values", r.until('Z'), "12DCZ", "10", "")
		r.works()
	})
	t.Run("a message of 2 GB", func(t *testing.T) {
		r := login(t, g, g.Agent())
		r.send([]byte{'B', 0x7f, 0xff, 0xff, 0xff, 0, 0})
		r.want("refused", r.rest(), "E", "", "53000")
	})
}

// TestPipelinesWithoutEnd has both sides write at once, more than any buffer
// holds: neither may wait for the other.
func TestPipelinesWithoutEnd(t *testing.T) {
	g := startSuite(t, servertest.Options{})
	for name, c := range map[string]struct {
		part  []byte
		count int
		ends  int
	}{
		"simple queries with large answers": {query("SELECT repeat('x', 3000)"), 3000, 3000},
		"large values, one Sync":            {bytes.Join([][]byte{bind("", "v", 0, strings.Repeat("y", 10000)), execute("", 0)}, nil), 1000, 1},
		"large values both ways":            {bytes.Join([][]byte{bind("", "w", 0, strings.Repeat("y", 30000)), execute("", 0), syncing}, nil), 500, 500},
		"large values both ways, masked":    {bytes.Join([][]byte{bind("", "m", 0, strings.Repeat("y", 30000)), execute("", 0), syncing}, nil), 300, 300},
		"names that change":                 {append(query("SET search_path TO public"), query("SELECT repeat('x', 3000)")...), 300, 600},
	} {
		t.Run(name, func(t *testing.T) {
			r := login(t, g, g.Agent())
			r.send(parse("v", "SELECT length($1)"), parse("w", "SELECT $1::text"), parse("m", "SELECT $1::text, email FROM customers"), syncing)
			r.until('Z')
			var wg sync.WaitGroup
			wg.Go(func() {
				for range c.count {
					if _, err := r.conn.Write(c.part); err != nil {
						t.Errorf("write: %v", err)
						return
					}
				}
				if c.ends == 1 {
					r.conn.Write(syncing) //nolint:errcheck // the reader sees it
				}
			})
			for range c.ends {
				if err := errorOf(r.until('Z')); err != "" {
					t.Fatal(err)
				}
			}
			wg.Wait()
			r.works()
		})
	}
}

// TestHalfClose ends the sending side behind the last command: its answer
// still comes.
func TestHalfClose(t *testing.T) {
	g := startSuite(t, servertest.Options{})
	r := login(t, g, g.Agent())
	r.send(query("SELECT pg_sleep(0.3); SELECT email FROM customers WHERE id = 1"))
	if err := r.conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got := rows(r.rest()); got != ",a***@example.com" {
		t.Fatalf("got %q", got)
	}
	r = login(t, g, g.Agent())
	r.send(query("UPDATE orders SET item = 'sent with X' WHERE id = 3"), msg('X', ""))
	io.Copy(io.Discard, r.conn) //nolint:errcheck // to its end
	waitFor(t, func() bool { return g.Direct("SELECT item FROM orders WHERE id = 3") == "sent with X" })
}
