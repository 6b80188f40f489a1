package postgres_test

import (
	"testing"

	"sluice.dev/proxy/server/servertest"
)

// A client need not wait for CopyInResponse: asyncpg sends data and CopyDone
// behind the statement. What it sends next is answered as ever.
func TestCopyInAheadOfTheServer(t *testing.T) {
	g := startSuite(t, servertest.Options{Masks: "-"})
	data := func(s string) []byte { return msg('d', s) }
	done := msg('c', "")
	for name, sent := range map[string]struct {
		messages [][]byte
		ready    int
		rows     string
	}{
		"simple":                 {[][]byte{query("COPY orders FROM STDIN"), data("101\t1\ta\t1\n"), done, query("SELECT 1"), parse("", "SELECT 2"), syncing}, 3, "21"},
		"two in one message":     {[][]byte{query("COPY orders FROM STDIN; COPY orders FROM STDIN"), data("102\t1\ta\t1\n"), done, data("103\t1\ta\t1\n"), done, query("SELECT 1")}, 2, "22"},
		"fails before it starts": {[][]byte{query("COPY orders (nothing) FROM STDIN"), data("104\t1\ta\t1\n"), done, query("SELECT 1")}, 2, "20"},
		"fails in the data":      {[][]byte{query("COPY orders FROM STDIN"), data("x\t1\ta\t1\n"), done, query("SELECT 1")}, 2, "20"},
		"extended":               {[][]byte{parse("", "COPY orders FROM STDIN"), bind("", "", 0), execute("", 0), data("105\t1\ta\t1\n"), done, syncing, query("SELECT 1")}, 2, "21"},
		"extended, Sync inside":  {[][]byte{parse("", "COPY orders FROM STDIN"), bind("", "", 0), execute("", 0), syncing, data("106\t1\ta\t1\n"), done, syncing, query("SELECT 1")}, 2, "21"},
	} {
		t.Run(name, func(t *testing.T) {
			g.Direct("DELETE FROM orders WHERE id > 100")
			r := login(t, g, g.Agent())
			r.send(sent.messages...)
			for range sent.ready {
				r.answered(g)
			}
			if got := rows(r.query("SELECT 7")); got != "7" {
				t.Errorf("afterwards: %q", got)
			}
			if got := g.Direct("SELECT count(*) FROM orders"); got != sent.rows {
				t.Errorf("%s rows, want %s", got, sent.rows)
			}
			r.conn.Close()
		})
	}
}
