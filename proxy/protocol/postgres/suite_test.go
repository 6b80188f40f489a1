package postgres_test

import (
	"bytes"
	"fmt"
	"net"
	"strings"
	"testing"

	"sluice.dev/proxy/gate/protocoltest"
	"sluice.dev/proxy/server/servertest"
	"sluice.dev/proxy/testenv"
)

// TestSuite is PostgreSQL's table of what every protocol must do.
func TestSuite(t *testing.T) {
	protocoltest.Run(t, protocoltest.Protocol{
		Start:    startProtocol,
		Read:     query("SELECT id, item, amount FROM orders ORDER BY id"),
		Write:    query("INSERT INTO effects (what) VALUES ('write')"),
		Denied:   query("INSERT INTO effects (what) VALUES ('dropped'); DROP TABLE orders"),
		Held:     query("WITH gone AS (DELETE FROM orders WHERE false) INSERT INTO effects (what) VALUES ('held')"),
		Masked:   query("SELECT id, email, phone FROM customers ORDER BY id"),
		Oversize: []byte{'Q', 0x40, 0, 0, 0, 'S'},
		Canaries: [][]byte{[]byte("ada.brandt@"), []byte("bela@kovacs"), []byte("5550 1234")},
		Shown:    []byte("a***@example.com"),
		Normalise: func(b []byte) []byte {
			return numbered.ReplaceAll(b, []byte("[cmd]"))
		},
	})
}

func startProtocol(t *testing.T, d protocoltest.Demand) protocoltest.Gateway {
	disk := servertest.NewDisk()
	o := servertest.Options{Files: disk, Postgres: testenv.PostgresOptions{Auth: "trust"},
		Init: []string{servertest.Schema, "CREATE TABLE effects (what text); ALTER TABLE effects OWNER TO crew_app"}}
	if d.Classifier != nil {
		o.More = wasm(t, "classifier", d.Classifier)
	}
	g := startSuite(t, o)
	return protocoltest.Gateway{
		Open: func() protocoltest.Client {
			r := login(t, g, g.Agent())
			return &suiteClient{r, len(r.all())}
		},
		Direct: func() protocoltest.Client {
			conn, err := net.Dial("tcp", g.DB.Address())
			if err != nil {
				t.Fatal(err)
			}
			r := newRaw(t, conn)
			r.user = "crew_app"
			r.start()
			r.ready()
			return &suiteClient{r, len(r.all())}
		},
		Approve:  func(ticket string) { approve(t, g, ticket) },
		Deny:     func(ticket string) { deny(t, g, ticket) },
		Kill:     func() { kill(t, g) },
		FillDisk: func() { disk.Fill() },
		Effects: func() (n int) {
			fmt.Sscan(g.Direct("SELECT count(*) FROM effects"), &n)
			return n
		},
	}
}

// suiteClient is raw as the suite wants it.
type suiteClient struct {
	*raw
	skip int // what came with the log-in
}

func (c *suiteClient) Send(b []byte) { c.send(b) }

func (c *suiteClient) Answer() (a protocoltest.Answer) {
	for {
		m, err := c.read()
		if err != nil {
			a.Ended = true
			return a
		}
		switch m.typ {
		case 'Z':
			return a
		case 'E':
			f := m.fields()
			a.Refused = a.Refused || strings.HasPrefix(f['M'], "sluice: ")
			a.Text += f['M']
		}
	}
}

func (c *suiteClient) Notice() string { return c.ticket() }

func (c *suiteClient) Received() []byte { return bytes.Clone(c.all()[c.skip:]) }

func (c *suiteClient) Close() { c.conn.Close() }
