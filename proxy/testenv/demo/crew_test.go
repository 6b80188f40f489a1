package main

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"sluice.dev/proxy/testenv/model"
)

// What net/http lets linger for half a second after an answer is no leak.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*conn).closeWriteAndWait"))
}

const undecided = "Based on these tables [] and columns {}, you can create SQL queries … Get the original request DELETE and the error (psycopg.errors.QueryCanceled) sluice: ticket HX4K-2Q is not decided yet\nHINT:  Wait.\n[SQL: DELETE] and create the correct SQL query."

func TestCrewScript(t *testing.T) {
	answers := []string{"rows", "Based on … and the error (x) sluice: denied\nHINT:  Tell.\n[SQL: DROP]\n(Background …) and create the correct SQL query.", "orders"}
	for _, c := range []struct {
		more []string
		want string
	}{
		{nil, "DELETE FROM orders WHERE id = 103"},
		{[]string{undecided}, "DELETE FROM orders WHERE id = 103 /* try 2 */"},
		{[]string{undecided, undecided}, "DELETE FROM orders WHERE id = 103 /* try 3 */"},
		{[]string{undecided, "Query executed successfully"}, "SELECT id, item FROM orders ORDER BY id"},
	} {
		turn := crewScript(append(slices.Clone(answers), c.more...))
		if len(turn.Calls) != 1 || turn.Calls[0].Arguments["sql_query"] != c.want || turn.Text != "" {
			t.Errorf("after %d answers: %+v, want %s", len(answers)+len(c.more), turn, c.want)
		}
	}

	end := crewScript(append(slices.Clone(answers), undecided, "Query executed successfully", "fewer orders"))
	for _, want := range []string{"customers: rows\n", "refused: (x) sluice: denied\nHINT:  Tell.\n", "delete it: Query executed successfully\n", "now: fewer orders"} {
		if !strings.Contains(end.Text, want) || len(end.Calls) > 0 {
			t.Errorf("the report lacks %q: %s", want, end.Text)
		}
	}

	// Nobody ever decides: it ends, and says so. CrewAI ends it at max_iter, so there must be some left.
	for range crewTries {
		answers = append(answers, undecided)
	}
	end = crewScript(answers)
	if !strings.Contains(end.Text, "sluice: ticket HX4K-2Q is not decided yet") || len(end.Calls) > 0 {
		t.Errorf("nobody decides: %+v", end)
	}
	code, err := os.ReadFile("../../../examples/crewai/crew.py")
	if err != nil {
		t.Fatal(err)
	}
	if crewReport+crewTries+1 >= 25 || !strings.Contains(string(code), "max_iter=25,") {
		t.Errorf("crew.py's max_iter ends it before %d tries", crewTries)
	}
}

func TestCrewLeaks(t *testing.T) {
	p := &crewProcess{dir: t.TempDir()}
	for _, f := range []string{"stdout", "stderr"} {
		if err := os.WriteFile(filepath.Join(p.dir, f), []byte("nothing"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w := &crewWatch{s: &stage{password: "pg-secret", agent: "eyJ-token"},
		customers: &result{heads: []string{"email", "phone", "card"}, rows: [][]string{{"a@b.example", "+49 30", "4111 1111"}, {"c@d.example", "NULL", "NULL"}}}}
	w.exchanges = []model.Exchange{{Request: []byte(`"a***@b.example NULL"`), Answers: []string{"***"}}}
	if got := w.leaks(p); len(got) > 0 {
		t.Errorf("leaks in what is masked: %v", got)
	}
	w.exchanges = append(w.exchanges, model.Exchange{Request: []byte("c@d.example"), Reply: []byte("eyJ-token"), Answers: []string{"4111 1111"}})
	if err := os.WriteFile(filepath.Join(p.dir, "stderr"), []byte("password pg-secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := w.leaks(p)
	slices.Sort(got)
	if want := []string{"4111 1111", "c@d.example", "eyJ-token", "pg-secret"}; !slices.Equal(got, want) {
		t.Errorf("leaks %v, want %v", got, want)
	}
}

func TestTrapCounts(t *testing.T) {
	tr, err := openTrap()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		c, err := net.Dial("tcp", strings.TrimPrefix(tr.address(), "http://"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(make([]byte, 1)); err == nil { // returns when the trap has counted and closed
			t.Error("the trap answered")
		}
		c.Close()
	}
	tr.close()
	if tr.tries() != 2 {
		t.Errorf("%d tries counted", tr.tries())
	}
}

// What the example tells people to install is what is tried here.
func TestRequirementsAreTried(t *testing.T) {
	deps, err := os.ReadFile("../deps.sh")
	if err != nil {
		t.Fatal(err)
	}
	list, err := os.ReadFile("../../../examples/crewai/requirements.txt")
	if err != nil {
		t.Fatal(err)
	}
	pins := regexp.MustCompile(`(?m)^(?:# )?(\S+==\S+)$`).FindAllStringSubmatch(string(list), -1)
	if len(pins) != 6 {
		t.Errorf("%d pins in requirements.txt", len(pins))
	}
	for _, pin := range pins {
		if !strings.Contains(string(deps), pin[1]) {
			t.Errorf("requirements.txt has %s, deps.sh has not", pin[1])
		}
	}
}
