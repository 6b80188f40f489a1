package policy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// CONTRACT 3's own example decides as CONTRACT 3 and 5 say.
func TestContract(t *testing.T) {
	s := compileAll(t, Options{EvalTimeout: roomy, Approvals: []string{"change"}}, source("agents", contract))
	mask := []Mask{{Policy: "agents", Column: "public.customers.card", Action: "redact"}}
	delete := Decision{Verdict: Hold, Holds: []HoldRequest{{"agents", "change", "delete on public.customers"}},
		Masks: mask, Limit: Limits{Rows: 10000}, Policies: []string{"agents"}}
	if diff := cmp.Diff(delete, decide(t, s, agent7())); diff != "" {
		t.Error(diff)
	}
	delete.Cached = true
	if diff := cmp.Diff(delete, decide(t, s, agent7())); diff != "" {
		t.Error(diff)
	}
	drop := agent7()
	drop.Command.Operations = []string{"drop"}
	drop.Command.Flags = map[string]bool{"drop": true}
	want := Decision{Verdict: Deny, Denies: []Reason{{"agents", "DROP needs a migration", "Tell your human to open a change in #db-changes."}},
		Masks: mask, Limit: Limits{Rows: 10000}, Policies: []string{"agents"}}
	if diff := cmp.Diff(want, decide(t, s, drop)); diff != "" {
		t.Error(diff)
	}
	columns, blocks := s.MaskColumns()
	if !cmp.Equal(columns, []string{"public.customers.card"}) || len(blocks) != 0 {
		t.Errorf("masks can name %v and %v", columns, blocks)
	}
	if got := strings.Join(s.Reads(), " "); got != "input.command.flags.drop input.command.operations input.command.writes "+
		"input.connection.labels.environment input.principal.groups input.principal.kinds" {
		t.Errorf("it reads %s", got)
	}
}

func TestCompose(t *testing.T) {
	const (
		allow = "package %s\nallow if true\n"
		hold  = "package %s\nhold contains {\"approval\": \"change\", \"reason\": \"r\"} if true\n"
		deny  = "package %s\ndeny contains \"no\" if true\n"
		quiet = "package %s\nallow if false\ndeny contains \"no\" if false\n"
		maybe = "package %s\ndefault allow := false\n"
	)
	for _, tc := range []struct {
		name     string
		policies []string
		verdict  Verdict
		why      string
	}{
		{"nothing", nil, Deny, NothingAllows},
		{"quiet", []string{quiet}, Deny, NothingAllows},
		{"default false", []string{maybe}, Deny, NothingAllows},
		{"allow", []string{allow}, Allow, ""},
		{"one allows", []string{quiet, allow, maybe}, Allow, ""},
		{"a hold is no allow", []string{hold}, Deny, NothingAllows},
		{"hold", []string{hold, allow}, Hold, ""},
		{"deny wins over allow", []string{allow, deny}, Deny, "no"},
		{"deny wins over hold", []string{hold, deny, allow}, Deny, "no"},
		{"deny alone", []string{deny}, Deny, "no"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var sources []Source
			for i, p := range tc.policies {
				name := fmt.Sprintf("p%d", i)
				sources = append(sources, source(name, fmt.Sprintf(p, name)))
			}
			d := decide(t, compileAll(t, Options{EvalTimeout: roomy}, sources...), agent7())
			if d.Verdict != tc.verdict {
				t.Errorf("verdict %s, want %s", d.Verdict, tc.verdict)
			}
			why := ""
			for _, r := range d.Why() {
				why += r.Reason
			}
			if why != tc.why {
				t.Errorf("reasons %q, want %q", why, tc.why)
			}
		})
	}
}

func TestMasksAddAndLimitsShrink(t *testing.T) {
	s := compileAll(t, Options{EvalTimeout: roomy, MaskBlocks: []string{"contact"}},
		source("a", `package a
allow if true
mask contains {"column": "public.t.x", "action": "hash"} if true
mask contains {"block": "contact"} if true
limit contains {"rows": 100} if true
limit contains {"rows": 7} if true`),
		source("b", `package b
mask contains {"column": "public.t.x", "action": "null"} if true
limit contains {"rows": 50} if true`))
	d := decide(t, s, agent7())
	want := []Mask{{Policy: "a", Block: "contact"}, {Policy: "a", Column: "public.t.x", Action: "hash"}, {Policy: "b", Column: "public.t.x", Action: "null"}}
	if diff := cmp.Diff(want, d.Masks); diff != "" {
		t.Error(diff)
	}
	if d.Limit.Rows != 7 {
		t.Errorf("%d rows, want the smallest: 7", d.Limit.Rows)
	}
	columns, blocks := s.MaskColumns()
	if !cmp.Equal(columns, []string{"public.t.x"}) || !cmp.Equal(blocks, []string{"contact"}) {
		t.Errorf("masks can name %v and %v", columns, blocks)
	}
}

// What a policy gets wrong refuses the command; none of it becomes an allow.
func TestFailsClosed(t *testing.T) {
	for name, rego := range map[string]string{
		"allow is a string":        `allow := input.principal.subject`,
		"two values":               "allow := true if true\nallow := false if input.command.complete",
		"deny of a number":         `allow if true` + "\n" + `deny contains 3 if true`,
		"deny without reason":      `allow if true` + "\n" + `deny contains {"hint": "x"} if true`,
		"empty reason":             `allow if true` + "\n" + `deny contains "" if true`,
		"unknown key":              `allow if true` + "\n" + `deny contains {"reason": "x", "severity": 3} if true`,
		"hold without reason":      `allow if true` + "\n" + `hold contains {"approval": "change"} if true`,
		"computed approval":        `allow if true` + "\n" + `hold contains {"approval": concat("", ["n", "ix"]), "reason": "x"} if true`,
		"no rows":                  `allow if true` + "\n" + `limit contains {"rows": 0} if true`,
		"half a row":               `allow if true` + "\n" + `limit contains {"rows": 1.5} if true`,
		"rows in words":            `allow if true` + "\n" + `limit contains {"rows": "ten"} if true`,
		"more rows than there are": `allow if true` + "\n" + `limit contains {"rows": 1e30} if true`,
		"too many reasons":         `allow if true` + "\n" + `deny contains sprintf("%d", [n]) if some n in numbers.range(1, 100)`,
		"a builtin that fails":     `allow if true` + "\n" + `deny contains "x" if to_number(input.principal.subject) > 3`,
		"a deny that would divide": `allow if true` + "\n" + `deny contains "x" if 1 / count(input.principal.claims) > 3`,
		"wrong type at run time":   `allow if true` + "\n" + `deny contains "x" if startswith(input.principal.claims.n, "a")`,
	} {
		t.Run(name, func(t *testing.T) {
			s := compileAll(t, Options{EvalTimeout: roomy, Approvals: []string{"change"}}, source("agents", "package agents\n"+rego))
			in := agent7()
			if strings.Contains(rego, "claims.n") {
				in.Principal.Claims = map[string]any{"n": 3}
			}
			d, err := s.Decide(context.Background(), in)
			var eval *EvalError
			if !errors.As(err, &eval) {
				t.Fatalf("it decided %+v, %v", d, err)
			}
			if d.Verdict != Deny {
				t.Errorf("with the error came the verdict %s", d.Verdict)
			}
			if eval.Policy != "agents" {
				t.Errorf("the error does not name the policy: %v", err)
			}
		})
	}
}

// The policy that fails is named among several.
func TestBlame(t *testing.T) {
	s := compileAll(t, Options{EvalTimeout: roomy}, source("good", "package good\nallow if true"),
		source("bad", "package bad\ndeny contains \"x\" if to_number(input.principal.subject) > 3"))
	_, err := s.Decide(context.Background(), agent7())
	var eval *EvalError
	if !errors.As(err, &eval) || eval.Policy != "bad" || !strings.HasPrefix(err.Error(), "policy: bad cannot decide: ") {
		t.Errorf("%v", err)
	}
}

func TestOutOfTime(t *testing.T) {
	// 10^12 steps: whatever the machine, it does not end by itself.
	const slow = `package agents
allow if count([1 | some a in numbers.range(1, 10000); some b in numbers.range(1, 10000); some c in numbers.range(1, 10000); a + b + c == 0]) == 0`
	s := compileAll(t, Options{EvalTimeout: 20 * time.Millisecond}, source("agents", slow))
	if _, err := s.Decide(context.Background(), agent7()); !errors.Is(err, ErrTimeout) {
		t.Errorf("got %v, want that it ran out of time", err)
	}
	if entries, _ := s.lib.cache.size(); entries != 0 {
		t.Error("the failure was cached")
	}
	ctx, cancel := context.WithCancel(context.Background())
	long := compileAll(t, Options{EvalTimeout: time.Hour}, source("agents", slow))
	time.AfterFunc(10*time.Millisecond, cancel)
	if _, err := long.Decide(ctx, agent7()); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that it was cancelled", err)
	}
	if _, err := long.Decide(ctx, agent7()); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that it did not begin", err)
	}
}

func TestReasonsAreOneShortLine(t *testing.T) {
	s := compileOne(t, `package agents
deny contains input.principal.subject if true`)
	in := agent7()
	in.Principal.Subject = "a\nERROR: \x1b[31m\u202eevil\x00\xff" + strings.Repeat("é", 2000)
	got := decide(t, s, in).Denies[0].Reason
	if strings.ContainsAny(got, "\n\x1b\x00\u202e") || !strings.HasPrefix(got, "a ERROR:  [31m evil \uFFFD") {
		t.Errorf("%q", got[:60])
	}
	if len(got) > maxText+len("…") || !strings.HasSuffix(got, "é…") {
		t.Errorf("%d bytes, ending %q", len(got), got[len(got)-8:])
	}
}

func TestShadow(t *testing.T) {
	enforced := source("agents", contract)
	strict := source("strict", "package strict\ndeny contains \"not at night\" if input.command.operations[_] == \"delete\"\nmask contains {\"column\": \"public.t.y\", \"action\": \"null\"} if true")
	strict.Shadow = true
	broken := source("broken", "package broken\nallow := input.principal.subject")
	broken.Shadow = true
	open := source("open", "package open\nallow if true")
	open.Shadow = true
	s := compileAll(t, Options{EvalTimeout: roomy}, enforced, strict, broken, open)
	d := decide(t, s, agent7())
	if d.Verdict != Hold || len(d.Denies) != 0 || len(d.Masks) != 1 || !cmp.Equal(d.Policies, []string{"agents"}) {
		t.Errorf("a shadow policy decided: %+v", d)
	}
	want := []Shadow{
		{Policy: "strict", Verdict: Deny, Denies: []Reason{{Policy: "strict", Reason: "not at night"}}, Masks: []Mask{{Policy: "strict", Column: "public.t.y", Action: "null"}}},
		{Policy: "broken", Error: "policy: broken cannot decide: allow: it is neither true nor false but string"},
		{Policy: "open", Verdict: Hold, Allows: true},
	}
	if diff := cmp.Diff(want, d.Shadow); diff != "" {
		t.Error(diff)
	}
	if columns, _ := s.MaskColumns(); !cmp.Equal(columns, []string{"public.customers.card"}) {
		t.Errorf("a shadow policy widens the protected set: %v", columns)
	}
	stranger := agent7()
	stranger.Principal.Groups = nil
	if d := decide(t, s, stranger); d.Verdict != Deny {
		t.Errorf("a shadow policy's allow counts: %+v", d)
	}
	if ok, err := s.SessionAllowed(context.Background(), stranger); ok || err != nil {
		t.Errorf("a shadow policy opens a session: %v %v", ok, err)
	}
	if decide(t, s, agent7()).Cached {
		t.Error("a decision with a failed shadow was cached")
	}
}

func TestViews(t *testing.T) {
	s := compileAll(t, Options{EvalTimeout: roomy}, source("a", "package a\nallow if true"), source("b", "package b\ndeny contains \"b\" if true"))
	a, err := s.For([]string{"a"})
	if err != nil {
		t.Fatal(err)
	}
	none, err := s.For(nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if v := decide(t, a, agent7()).Verdict; v != Allow {
			t.Errorf("a alone: %s", v)
		}
		if v := decide(t, s, agent7()).Verdict; v != Deny {
			t.Errorf("both: %s", v)
		}
		if v := decide(t, none, agent7()).Verdict; v != Deny {
			t.Errorf("none: %s", v)
		}
	}
	if again, _ := s.For([]string{"a"}); again != a {
		t.Error("a view is made twice")
	}
	if a.Digest() == s.Digest() || !strings.HasPrefix(a.Digest(), "sha256:") {
		t.Errorf("digests %s and %s", a.Digest(), s.Digest())
	}
	if _, err := s.For([]string{"c"}); err == nil || !strings.Contains(err.Error(), `no policy "c"`) {
		t.Errorf("an unknown name: %v", err)
	}
}

// Many goroutines, one library: for the race detector.
func TestConcurrent(t *testing.T) {
	s := compileAll(t, Options{EvalTimeout: roomy, CacheEntries: 32}, source("agents", contract), source("b", "package b\ndeny contains \"b\" if input.command.risk > 50"))
	a, err := s.For([]string{"agents"})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 200 {
				in := agent7()
				in.Command.Risk = i % 100
				in.Command.Writes = []string{fmt.Sprintf("public.t%d", (i*g)%60)}
				d, err := s.Decide(context.Background(), in)
				if want := in.Command.Risk > 50; err != nil || (d.Verdict == Deny) != want {
					t.Errorf("risk %d: %s %v", in.Command.Risk, d.Verdict, err)
				}
				d, err = a.Decide(context.Background(), in)
				if err != nil || d.Verdict != Hold || d.Holds[0].Reason != "delete on "+in.Command.Writes[0] {
					t.Errorf("%+v %v", d, err)
				}
			}
		})
	}
	wg.Wait()
}
