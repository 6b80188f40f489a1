package conformance_test

import (
	"fmt"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"sluice.dev/proxy/protocol/postgres/conformance"
	"sluice.dev/proxy/server/servertest"
	"sluice.dev/proxy/testenv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// options are a small part of the suite, always the same; make mask-conformance
// runs all of it, and make test-all that.
func options(t *testing.T, via, direct string) conformance.Options {
	return conformance.Options{Via: via, Direct: direct, Seed: 1, Every: 25, Count: 60, Progress: testLog{t},
		Modes: []conformance.Mode{conformance.ModeSimple, conformance.ModeBinary}}
}

type testLog struct{ t *testing.T }

func (l testLog) Write(b []byte) (int, error) {
	l.t.Log(strings.TrimRight(string(b), "\n"))
	return len(b), nil
}

// TestGateway is the suite against this gateway, in both of its modes.
func TestGateway(t *testing.T) {
	var quoted []string
	for _, c := range conformance.Protected() {
		quoted = append(quoted, fmt.Sprintf("%q", c))
	}
	for _, lineage := range []string{"server", "strict"} {
		t.Run(lineage, func(t *testing.T) {
			g := servertest.Start(t, servertest.Options{Init: []string{}, Lineage: lineage,
				Masks: "mask \"m\" {\n  columns = [" + strings.Join(quoted, ", ") + "]\n  action = \"redact\"\n}"})
			o := options(t, g.DSN(g.Agent()), g.DB.SuperDSN("orders"))
			o.Late = lineage == "strict"
			r, err := conformance.Run(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			var out strings.Builder
			r.Print(&out)
			t.Log(out.String())
			if r.Leaked() {
				t.Error("the gateway leaks")
			}
			if r.Evasions.Differ < r.Evasions.Cases/3 || r.Evasions.Answered == 0 || r.Generated.Differ == 0 || r.Formats.Masked == 0 || r.Precision.Masked == 0 {
				t.Error("the lists prove nothing")
			}
		})
	}
}

// TestNoGateway points the suite at a server that masks nothing: it has to say
// so.
func TestNoGateway(t *testing.T) {
	db := testenv.Postgres(t, testenv.PostgresOptions{Init: []string{"create role app login password 'app'", "create database scratch"}})
	o := options(t, db.DSN("scratch", "app", "app"), db.SuperDSN("scratch"))
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
	if kinds["value"] == 0 || kinds["difference"] == 0 || kinds["unmasked"] == 0 {
		t.Errorf("found %v: both checks have to see", kinds)
	}
}
