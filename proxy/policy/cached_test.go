package policy

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// conditions that any rule may have.
var conditions = []string{
	`input.command.flags.drop`,
	`not input.command.flags.ddl`,
	`input.command.flags[input.session.client.application]`,
	`input.command.complete == false`,
	`input.command.resolved != "none"`,
	`"a" in input.principal.groups`,
	`"x" in input.principal.kinds`,
	`input.principal.subject == input.session.client.user`,
	`startswith(input.principal.issuer, "a")`,
	`input.connection.labels.a == "b"`,
	`input.connection.labels[input.session.id] == "b"`,
	`not input.connection.labels.x`,
	`{ some i; input.command.reads[i] == input.session.id }`,
	`count(input.command.writes) > 1`,
	`count({c | some c in input.command.columns; not c in input.command.filters}) > 0`,
	`{ every w in input.command.writes { w != "x" } }`,
	`{ some o in input.command.operations; o in {"delete", "drop", "session"} }`,
	`{o | some o in input.command.operations} & {"select", "update"} == set()`,
	`object.get(input.principal.claims, ["org", "unit"], "none") == "a"`,
	`input.principal.claims.x == input.session.id`,
	`input.principal.claims.x.a`,
	`is_object(input.principal.claims.x)`,
	`walk(input.principal.claims, [_, "a"])`,
	`{ some h in input.principal.chain; h.proof == "token"; h.subject == "a" }`,
	`{ p := input.principal; p.subject == "a" }`,
	`count(input.principal.chain[0].groups) > 0`,
	`input.session.in_transaction`,
	`input.command.postgres.orders_by_protected`,
	`not input.command.postgres.returns_protected`,
	`input.command.redis.key == "a"`,
	`input.command.parameters > 1`,
	`input.command.fingerprint < input.command.digest`,
	`json.marshal(input.session) > "{\"client\":{\"address\":\"b"`,
	`"a" in {g | some g in input.command.parameter_digests}`,
	`data.agents.lookup[input.session.id]`,
	`data.agents.lookup[x] == input.session.in_transaction`,
	`input.generation == "ab"`,
	`helper`,
	`helper_else == 2`,
	`fn(input.session.client)`,
	`fn({"user": input.principal.subject})`,
	`not fn(input.session)`,
	`count(names) > 1`,
	`"a" in names`,
	`index[input.session.id] == 1`,
	`nested.deep.one`,
	`nested.deep[_] == false`,
}

// tightening are conditions that an allow may not have.
var tightening = []string{
	`"a" in input.command.labels`,
	`input.command.risk > 60`,
	`{ c := input.command; c.risk < 60 }`,
	`{ some k; input.command[k] == true; k != "complete" }`,
	`helper with input.session.id as "a"`,
	`input.time > "1970-01-01T00:00:01Z"`,
	`count(input) == 6`,
}

func randomPolicy(r *rand.Rand, name string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "package %s\n\n", name)
	body := func(more ...string) string {
		var parts []string
		for range 1 + r.IntN(2) {
			c := conditions[r.IntN(len(conditions))]
			if len(more) > 0 && r.IntN(3) == 0 {
				c = more[r.IntN(len(more))]
			}
			c = strings.TrimSuffix(strings.TrimPrefix(c, "{ "), " }")
			c = strings.ReplaceAll(c, "data.agents", "data."+name)
			// In a comprehension, so that its names are its own.
			parts = append(parts, fmt.Sprintf("count([1 | %s]) > 0", c))
		}
		return "if {\n\t" + strings.Join(parts, "\n\t") + "\n}\n"
	}
	for range 1 + r.IntN(2) {
		b.WriteString("allow " + body())
	}
	var more []string
	if r.IntN(3) > 0 {
		more = tightening[:3+r.IntN(2)]
		if r.IntN(8) == 0 {
			more = tightening
		}
	}
	for range 1 + r.IntN(2) {
		b.WriteString(pick(r, `deny contains "no" `, `deny contains {"reason": sprintf("%s", [input.session.id]), "hint": "h"} `,
			`deny contains {"reason": $"x{input.connection.name}"} `) + body(more...))
		b.WriteString(pick(r, `hold contains {"approval": "change", "reason": "r"} `, `hold contains {"approval": "change", "reason": sprintf("%v", [count(input.command.reads)])} `) + body(more...))
		b.WriteString(pick(r, `mask contains {"column": "a.b.c", "action": "null"} `, `mask contains {"block": "contact"} `) + body(more...))
		b.WriteString(pick(r, `limit contains {"rows": 5} `, `limit contains {"rows": input.command.parameters + 1} `) + body(more...))
	}
	b.WriteString(`
lookup := {"a": true, "b": false, "x": true}
helper if input.session.client.address == "a"
helper if "ab" in input.command.functions
helper_else := 1 if input.command.complete else := 2 if input.session.id == "x" else := 3
fn(c) if c.user == "a"
fn(c) if c.id == input.generation
names contains g if some g in input.principal.groups
names contains input.session.client.user if not input.session.in_transaction
index[k] := 1 if some k in input.command.reads
nested.deep.one if input.command.fingerprint == "a"
nested.deep.two := input.command.complete
`)
	return b.String()
}

// step is the input with one part exchanged for another input's.
func step(r *rand.Rand, in *Input) *Input {
	out, other := *in, randomInput(r)
	p, q := *in.Principal, other.Principal
	out.Principal = &p
	switch r.IntN(28) {
	case 0:
		p.Subject = q.Subject
	case 1:
		p.Issuer = q.Issuer
	case 2:
		p.Groups = q.Groups
	case 3:
		p.Kinds = q.Kinds
	case 4:
		p.Chain = q.Chain
	case 5:
		p.Claims = q.Claims
	case 6:
		out.Connection.Name = other.Connection.Name
	case 7:
		out.Connection.Labels = other.Connection.Labels
	case 8:
		out.Session.ID = other.Session.ID
	case 9:
		out.Session.Client = other.Session.Client
	case 10:
		out.Session.InTransaction = !in.Session.InTransaction
	case 11:
		out.Command.Digest = other.Command.Digest
	case 12:
		out.Command.Fingerprint = other.Command.Fingerprint
	case 13:
		out.Command.Complete = !in.Command.Complete
	case 14:
		out.Command.Resolved = other.Command.Resolved
	case 15:
		out.Command.Operations = other.Command.Operations
	case 16:
		out.Command.Reads = other.Command.Reads
	case 17:
		out.Command.Writes = other.Command.Writes
	case 18:
		out.Command.Columns, out.Command.Filters = other.Command.Columns, other.Command.Filters
	case 19:
		out.Command.Functions = other.Command.Functions
	case 20:
		out.Command.Flags = other.Command.Flags
	case 21:
		out.Command.Parameters, out.Command.ParameterDigests = other.Command.Parameters, other.Command.ParameterDigests
	case 22:
		out.Command.Labels = other.Command.Labels
	case 23:
		out.Command.Risk = other.Command.Risk
	case 24:
		out.Time = other.Time
	case 25:
		out.Generation = other.Generation
	case 26:
		out.Command.Own = other.Command.Own
	case 27:
		out.Connection.Protocol, out.Command.Protocol = other.Connection.Protocol, other.Command.Protocol
	}
	return &out
}

// The proof of the cache: for random policies and inputs, a decision from a
// cache that has seen other inputs is the decision that evaluation gives now.
func TestCachedEqualsUncached(t *testing.T) {
	policies, steps := 40, 60
	if testing.Short() {
		policies = 10
	}
	hits, refused, verdicts := 0, 0, map[Verdict]int{}
	for seed := range policies {
		r := rand.New(rand.NewPCG(uint64(seed), 7))
		sources := []Source{source("p", randomPolicy(r, "p")), source("q", randomPolicy(r, "q")), source("s", randomPolicy(r, "s"))}
		sources[2].Shadow = true
		cached := compileAll(t, Options{EvalTimeout: roomy}, sources...)
		fresh := compileAll(t, Options{EvalTimeout: roomy, CacheEntries: -1}, sources...)
		in := randomInput(r)
		for range steps {
			in = step(r, in)
			got, gotErr := cached.Decide(context.Background(), in)
			want, wantErr := fresh.Decide(context.Background(), in)
			if got.Cached {
				hits++
			}
			got.Cached = false
			if (gotErr == nil) != (wantErr == nil) || !cmp.Equal(got, want) {
				t.Fatalf("seed %d: cached and uncached differ: %s %v %v\n%s\n%s\ninput %+v\nreads %v", seed, cmp.Diff(want, got), gotErr, wantErr,
					sources[0].Files[0].Data, sources[1].Files[0].Data, in, cached.Reads())
			}
			if wantErr != nil {
				var eval *EvalError
				if !errors.As(wantErr, &eval) {
					t.Fatalf("seed %d: %v", seed, wantErr)
				}
				refused++
			} else {
				verdicts[want.Verdict]++
			}
		}
	}
	all := policies * steps
	t.Logf("%d decisions: %d from the cache, %d failed, verdicts %v", all, hits, refused, verdicts)
	if hits < all/10 || verdicts[Allow] < all/50 || verdicts[Hold] < all/50 || verdicts[Deny] < all/50 || refused > all/2 {
		t.Error("too few of a kind: the test shows little")
	}
}

// The same, with one path left out of the key: it must be noticed, or the
// test above would show nothing.
func TestCachedEqualsUncachedNotices(t *testing.T) {
	noticed := 0
	for seed := range 20 {
		r := rand.New(rand.NewPCG(uint64(seed), 7))
		src := source("p", randomPolicy(r, "p"))
		cached := compileAll(t, Options{EvalTimeout: roomy}, src)
		fresh := compileAll(t, Options{EvalTimeout: roomy, CacheEntries: -1}, src)
		cached.key = cached.key[1:]
		in := randomInput(r)
		for range 60 {
			in = step(r, in)
			got, _ := cached.Decide(context.Background(), in)
			want, _ := fresh.Decide(context.Background(), in)
			got.Cached = false
			if !cmp.Equal(got, want) {
				noticed++
				break
			}
		}
	}
	if noticed == 0 {
		t.Error("a key that lacks a path decides the same: the proof proves nothing")
	}
	t.Logf("noticed for %d of 20 policies", noticed)
}
