package conformance_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"sluice.dev/proxy/protocol/postgres/conformance"
	"sluice.dev/proxy/server/servertest"
	"sluice.dev/proxy/testenv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// full is set by make test-all: everything, not a part.
var full = os.Getenv("SLUICE_CONFORMANCE") == "full"

func options(t *testing.T, via, direct string) conformance.Options {
	o := conformance.Options{Via: via, Direct: direct, Seed: 1, Count: 1000, Progress: testLog{t}}
	if !full {
		o.Every, o.Count, o.Modes = 6, 150, []conformance.Mode{conformance.ModeSimple, conformance.ModeBinary}
	}
	return o
}

type testLog struct{ t *testing.T }

func (l testLog) Write(b []byte) (int, error) {
	l.t.Log(strings.TrimRight(string(b), "\n"))
	return len(b), nil
}

// TestGateway is the suite against this gateway.
func TestGateway(t *testing.T) {
	var quoted []string
	for _, c := range conformance.Protected() {
		quoted = append(quoted, fmt.Sprintf("%q", c))
	}
	g := servertest.Start(t, servertest.Options{Init: []string{}, Masks: "mask \"m\" {\n  columns = [" + strings.Join(quoted, ", ") + "]\n  action = \"redact\"\n}"})
	r, err := conformance.Run(t.Context(), options(t, g.DSN(g.Agent()), g.DB.SuperDSN("orders")))
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	r.Print(&out)
	t.Log(out.String())
	if r.Leaked() {
		t.Error("the gateway leaks")
	}
	if r.Evasions.Differ < r.Evasions.Cases/2 || r.Evasions.Answered == 0 {
		t.Error("the lists prove nothing")
	}
}

// TestNoGateway points the suite at a server that masks nothing: it has to say
// so.
func TestNoGateway(t *testing.T) {
	db := testenv.Postgres(t, testenv.PostgresOptions{Init: []string{"create role app login password 'app'", "create database scratch"}})
	o := options(t, db.DSN("scratch", "app", "app"), db.SuperDSN("scratch"))
	o.Every, o.Count, o.Modes = 12, 60, []conformance.Mode{conformance.ModeSimple}
	r, err := conformance.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(r.Evasions)
	if r.Evasions.Leaked < r.Evasions.Cases/3 {
		t.Errorf("of %d evasions on a server without masks only %d are said to leak", r.Evasions.Cases, r.Evasions.Leaked)
	}
	kinds := map[string]int{}
	for _, f := range r.Findings {
		kinds[f.Kind]++
	}
	if kinds["value"] == 0 || kinds["difference"] == 0 {
		t.Errorf("found %v: both checks have to see", kinds)
	}
}
