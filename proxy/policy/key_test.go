package policy

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"

	"sluice.dev/proxy/identity"
)

// pick and the words are few, so that inputs often agree in parts and differ
// in others. Some of them try to be mistaken for each other.
func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

func word(r *rand.Rand) string {
	return pick(r, "", "a", "b", "ab", "a\x00b", "x", "drop", "session", "\x01a", "é")
}

func words(r *rand.Rand) []string {
	out := []string{}
	for range r.IntN(4) {
		out = append(out, word(r))
	}
	return out
}

func anything(r *rand.Rand, depth int) any {
	switch n := r.IntN(10); {
	case n < 3 && depth > 0:
		m := map[string]any{}
		for range r.IntN(3) {
			m[word(r)] = anything(r, depth-1)
		}
		return m
	case n < 4 && depth > 0:
		list := []any{}
		for range r.IntN(3) {
			list = append(list, anything(r, depth-1))
		}
		return list
	case n == 4:
		return words(r)
	case n == 5:
		return pick(r, 0, 1, -1)
	case n == 6:
		return pick(r, true, false)
	case n == 7:
		return pick(r, json.Number("1"), json.Number("0.5"), json.Number("1e3"))
	case n == 8:
		return pick[any](r, nil, 0.5, int64(1))
	}
	return word(r)
}

func randomInput(r *rand.Rand) *Input {
	claims, _ := anything(r, 0).(map[string]any)
	if r.IntN(2) == 0 {
		claims = map[string]any{"x": anything(r, 3), "org": map[string]any{"unit": anything(r, 1)}}
	}
	p := &identity.Principal{Subject: word(r), Issuer: word(r), Groups: words(r), Kinds: words(r), Claims: claims}
	for range r.IntN(3) {
		p.Chain = append(p.Chain, identity.Hop{Subject: word(r), Issuer: word(r), Kind: word(r), Proof: pick(r, "token", "asserted"), Groups: words(r)})
	}
	in := &Input{
		Principal:  p,
		Connection: Connection{Name: word(r), Protocol: pick(r, "postgres", "redis"), Labels: map[string]string{}},
		Session:    Session{ID: word(r), Client: Client{Address: word(r), Application: word(r), User: word(r)}, InTransaction: r.IntN(2) == 0},
		Command: Command{Digest: word(r), Fingerprint: word(r), Complete: r.IntN(2) == 0, Resolved: pick(r, "server", "catalog", "none"),
			Operations: []string{pick(r, "select", "delete", "update", "session", "drop")}, Reads: words(r), Writes: words(r), Columns: words(r),
			Filters: words(r), Functions: words(r), Flags: map[string]bool{}, Parameters: r.IntN(3), ParameterDigests: words(r),
			Labels: words(r), Risk: pick(r, 0, 50, 90)},
		Time: time.Unix(int64(r.IntN(3)), 0), Generation: word(r),
	}
	in.Command.Protocol = in.Connection.Protocol
	for range r.IntN(3) {
		in.Connection.Labels[word(r)] = word(r)
	}
	for range r.IntN(4) {
		in.Command.Flags[pick(r, "drop", "ddl", "where", "new")] = r.IntN(2) == 0
	}
	if r.IntN(3) > 0 {
		in.Command.Own = map[string]any{}
		for range r.IntN(4) {
			in.Command.Own[pick(r, "returns_protected", "orders_by_protected", "key", "new")] = anything(r, 2)
		}
	}
	return in
}

// everyPath is paths into, at, above and beside what there is.
var everyPath = [][]string{
	{}, {"principal"}, {"principal", "subject"}, {"principal", "subject", "x"}, {"principal", "issuer"}, {"principal", "groups"},
	{"principal", "kinds"}, {"principal", "chain"}, {"principal", "claims"}, {"principal", "claims", "x"}, {"principal", "claims", "x", "a"},
	{"principal", "claims", "org", "unit"}, {"principal", "claims", "none"}, {"principal", "none"}, {"connection"}, {"connection", "name"},
	{"connection", "protocol"}, {"connection", "labels"}, {"connection", "labels", "a"}, {"connection", "labels", "a", "b"}, {"session"},
	{"session", "id"}, {"session", "client"}, {"session", "client", "user"}, {"session", "client", "address"}, {"session", "client", "application"},
	{"session", "in_transaction"}, {"command"}, {"command", "protocol"}, {"command", "digest"}, {"command", "fingerprint"}, {"command", "complete"},
	{"command", "resolved"}, {"command", "operations"}, {"command", "reads"}, {"command", "writes"}, {"command", "columns"}, {"command", "filters"},
	{"command", "functions"}, {"command", "flags"}, {"command", "flags", "drop"}, {"command", "flags", "new"}, {"command", "flags", "none"},
	{"command", "parameters"}, {"command", "parameter_digests"}, {"command", "labels"}, {"command", "risk"}, {"command", "postgres"},
	{"command", "postgres", "returns_protected"}, {"command", "postgres", "new"}, {"command", "postgres", "new", "a"}, {"command", "redis"},
	{"command", "redis", "key"}, {"command", "ssh"}, {"command", "none"}, {"generation"}, {"time"}, {"none"},
}

// Equal keys mean equal parts of the document, for every path; and equal
// documents have equal keys, or the cache would be of no use.
func TestKeysTellApart(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	inputs := make([]*Input, 400)
	docs := make([]ast.Value, len(inputs))
	for i := range inputs {
		inputs[i] = randomInput(r)
		if i%4 == 3 { // the one before with another anything
			c := *inputs[i-1]
			c.Principal = randomInput(r).Principal
			inputs[i] = &c
		}
		var err error
		if docs[i], err = inputs[i].Value(); err != nil {
			t.Fatal(err)
		}
	}
	at := func(doc ast.Value, path []string) string {
		ref := ast.Ref{}
		for _, p := range path {
			ref = ref.Append(ast.StringTerm(p))
		}
		v, err := doc.Find(ref)
		if err != nil {
			return "undefined"
		}
		return v.String()
	}
	same, shared := 0, 0
	for _, path := range everyPath {
		key := keyOf(path)
		seen := map[string]string{}
		for i := range inputs {
			k, ok := key(nil, inputs[i])
			if !ok {
				t.Fatalf("no key for %v", path)
			}
			v := at(docs[i], path)
			if old, there := seen[string(k)]; there {
				shared++
				if old != v {
					t.Errorf("path %v: one key for %s and %s", path, old, v)
				}
			}
			seen[string(k)] = v
			again, _ := key(nil, inputs[i])
			if !slices.Equal(again, k) {
				t.Errorf("path %v: two keys for one input", path)
			}
			same++
		}
	}
	if shared < same/10 {
		t.Errorf("only %d of %d keys were met twice: the test shows nothing", shared, same)
	}
}

// A key ends where the next begins: what is moved from one part to its
// neighbour gives another key.
func TestKeysDoNotRunTogether(t *testing.T) {
	parts := []keyFunc{keyOf([]string{"principal", "subject"}), keyOf([]string{"principal", "groups"}), keyOf([]string{"command", "reads"})}
	seen := map[string]string{}
	for _, p := range []struct {
		subject       string
		groups, reads []string
	}{
		{"ab", nil, nil}, {"a", []string{"b"}, nil}, {"a", nil, []string{"b"}}, {"", []string{"ab"}, nil}, {"", []string{"a", "b"}, nil},
		{"", []string{"a"}, []string{"b"}}, {"", nil, []string{"a", "b"}}, {"", nil, []string{"ab"}}, {"a\x01\x01b", nil, nil},
	} {
		k, _ := appendKey(nil, 1, parts, &Input{Principal: &identity.Principal{Subject: p.subject, Groups: p.groups}, Command: Command{Reads: p.reads}})
		if old, there := seen[string(k)]; there {
			t.Errorf("%v and %s have one key", p, old)
		}
		seen[string(k)] = fmt.Sprint(p)
	}
}

func TestLongKeysAreNotCached(t *testing.T) {
	s := compileOne(t, contract)
	in := agent7()
	for i := range 2000 {
		in.Command.Writes = append(in.Command.Writes, fmt.Sprintf("public.t%d", i))
	}
	in.Connection.Labels = nil // or 2000 holds are too many
	for range 2 {
		if decide(t, s, in).Cached {
			t.Error("a key of more than 8 KiB was cached")
		}
	}
}
