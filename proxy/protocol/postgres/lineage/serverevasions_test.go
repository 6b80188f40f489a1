package lineage_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"sluice.dev/proxy/protocol/postgres/lineage/evasions"
)

// runCase runs one entry of a list in a session of its own.
func runCase(t *testing.T, shared *database, c evasions.Case, mode func(*testing.T, *database) *session) (s *session, why string) {
	t.Helper()
	if strings.HasPrefix(c.Name, "merge") && shared.snapshot.ServerVersion < 150000 {
		t.Skip("PostgreSQL 14 has no MERGE")
	}
	d := shared
	once := len(c.Statements) == 1 && changed(c)
	if changed(c) && !once {
		d = copyDatabase(t, shared.precise)
		t.Cleanup(d.drop)
	}
	d.t = t
	s = mode(t, d)
	if once { // undone at the end, so that the database can be shared
		s.must("begin")
	}
	for _, sql := range c.Statements {
		if r := s.run(sql); r != "" && why == "" {
			why = r
			t.Logf("%s\n%s", sql, r)
		}
	}
	s.conn.Close(t.Context())
	return s, why
}

// TestServerEvasions runs every evasion with the server's own analysis. What
// is refused is written in testdata/server_refused.txt.
func TestServerEvasions(t *testing.T) { eachServer(t, serverEvasions) }

func serverEvasions(t *testing.T) {
	t.Helper()
	cases, err := evasions.Read(testdata("evasions.sql"))
	if err != nil {
		t.Fatal(err)
	}
	list, err := os.ReadFile("testdata/server_refused.txt")
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Split(strings.TrimSpace(string(list)), "\n")
	var got []string
	shared := copyDatabase(t, true)
	ran, masked := 0, 0
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			s, why := runCase(t, shared, c, newServerSession)
			for _, text := range s.seen {
				if evasions.Leaks(text) {
					t.Errorf("evasions.sql:%d: the client reads %q", c.Line, text)
				}
			}
			if why != "" {
				got = append(got, c.Name)
			} else {
				ran++
			}
			masked += s.masked
		})
	}
	t.Logf("%d evasions: %d refused, %d ran with %d cells masked", len(cases), len(got), ran, masked)
	if masked == 0 {
		t.Error("nothing was masked: the list proves nothing")
	}
	if path := os.Getenv("SLUICE_REFUSED"); path != "" {
		if err := os.WriteFile(path, []byte(strings.Join(got, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	for _, name := range got {
		if !slices.Contains(want, name) {
			t.Errorf("%s is refused, the list says it runs", name)
		}
	}
	for _, name := range want {
		if strings.HasPrefix(name, "merge") && shared.snapshot.ServerVersion < 150000 {
			continue
		}
		if !slices.Contains(got, name) {
			t.Errorf("%s runs, the list says it is refused", name)
		}
	}
}
