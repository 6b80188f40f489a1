package approval

import (
	"slices"
	"strings"
	"testing"
	"unicode"

	"sluice.dev/proxy/identity"
	"sluice.dev/proxy/state"
)

// FuzzStored: whatever a command is made of, its entry fits the store, comes back
// as it was, and shows no character that hides.
func FuzzStored(f *testing.F) {
	f.Add("delete from t where a = $1 -- \u202e fine", "‹redacted:12345678›", "no")
	f.Add("\x00\x1b[2J<>&\"\\\n\xff", "\u2028", "\r\n")
	f.Fuzz(func(t *testing.T, command, parameter, reason string) {
		h := Hold{Ticket: "HX4K-2Q", State: Withdrawn, Principal: identity.Principal{Subject: "a", Issuer: "i"}}
		// Long ones are made here, since the fuzzer's are short.
		h.keepText(strings.Repeat(command, 1+(1<<18)/max(1, len(command))), slices.Repeat([]string{strings.Repeat(parameter, 50)}, 1000))
		h.Reasons = boundReasons(slices.Repeat([]Reason{{"p", "a", strings.Repeat(reason, 2000)}}, 100))
		data, err := encode(&h)
		if err != nil {
			t.Fatal(err)
		}
		if len(data) > state.MaxValue {
			t.Fatalf("%d bytes", len(data))
		}
		back, err := decode(h.Ticket, data)
		if err != nil || back.Command != h.Command || !slices.Equal(back.Parameters, h.Parameters) || len(back.Reasons) != len(h.Reasons) {
			t.Fatalf("it does not come back: %v", err)
		}
		for _, r := range h.Command + strings.Join(h.Parameters, "") {
			if unicode.IsControl(r) && r != '\n' && r != '\t' || r == '\u202e' {
				t.Fatalf("%U is kept", r)
			}
		}
		for _, r := range h.Reasons[0].Reason {
			if unicode.IsControl(r) {
				t.Fatalf("%U in a reason", r)
			}
		}
	})
}

// FuzzDecode: no entry of a damaged store makes the ledger panic.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"v":1,"ticket":"HX4K-2Q","state":"denied","denial":{"name":"dba-2@corp"}}`))
	f.Add([]byte(`{"v":1,"ticket":"HX4K-2Q","state":"denied"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := decode("HX4K-2Q", data)
		if err != nil {
			return
		}
		_ = h.Status()
		_ = h.Notice("")
		_, _ = Outcome{Hold: *h}.Text()
	})
}

func FuzzParseTicket(f *testing.F) {
	f.Add("hx4k2q")
	f.Add(" HX4K-2Q ")
	f.Add("HX4K-1O")
	f.Fuzz(func(t *testing.T, s string) {
		ticket, err := ParseTicket(s)
		if err != nil {
			return
		}
		if again, err := ParseTicket(ticket); err != nil || again != ticket || len(ticket) != 7 {
			t.Fatalf("%q gives %q, which gives %q, %v", s, ticket, again, err)
		}
	})
}

func TestNewTicket(t *testing.T) {
	letters := map[byte]int{}
	for range 3000 {
		ticket := newTicket()
		if parsed, err := ParseTicket(ticket); err != nil || parsed != ticket {
			t.Fatalf("%q: %v", ticket, err)
		}
		for i := range ticket {
			letters[ticket[i]]++
		}
	}
	if len(letters) != len(alphabet)+1 {
		t.Errorf("%d letters of %d come up", len(letters)-1, len(alphabet))
	}
}

func TestDigest(t *testing.T) {
	p := &identity.Principal{Subject: "agent-7", Issuer: "i", Chain: []identity.Hop{{Subject: "h", Proof: identity.ProofToken}, {Subject: "task-1", Proof: identity.ProofAsserted}}}
	other := func(change func(*Action)) Action {
		a := Action{Principal: p, Connection: "orders", Database: "d", Role: "r", Path: "public", Canonical: []byte("delete"), Values: []Value{{Bytes: []byte("1")}}}
		change(&a)
		return a
	}
	same := other(func(*Action) {}).Digest()
	retry := *p
	retry.Chain = []identity.Hop{{Subject: "h", Issuer: "i", Proof: identity.ProofToken}, {Subject: "task-2", Proof: identity.ProofAsserted}}
	retry.TokenID, retry.Groups = "other", []string{"g"}
	if got := other(func(a *Action) { a.Principal = &retry }).Digest(); got != same {
		t.Error("a retry with another token and another asserted task is another action")
	}
	seen := map[string]string{same: "the action"}
	agent := *p
	agent.Subject = "agent-8"
	issuer := *p
	issuer.Issuer = "j"
	alone := *p
	alone.Chain = nil
	for name, change := range map[string]func(*Action){
		"subject": func(a *Action) { a.Principal = &agent }, "issuer": func(a *Action) { a.Principal = &issuer },
		"chain": func(a *Action) { a.Principal = &alone }, "connection": func(a *Action) { a.Connection = "stock" },
		"database": func(a *Action) { a.Database = "e" }, "role": func(a *Action) { a.Role = "s" },
		"path": func(a *Action) { a.Path = "x" }, "command": func(a *Action) { a.Canonical = []byte("drop") },
		"value": func(a *Action) { a.Values[0].Bytes = []byte("2") }, "binary": func(a *Action) { a.Values[0].Binary = true },
		"null": func(a *Action) { a.Values[0] = Value{Null: true} }, "empty": func(a *Action) { a.Values[0] = Value{} },
		"no value": func(a *Action) { a.Values = nil }, "two values": func(a *Action) { a.Values = append(a.Values, Value{}) },
		"moved": func(a *Action) { a.Database, a.Role = "dr", "" },
	} {
		d := other(change).Digest()
		if was, ok := seen[d]; ok {
			t.Errorf("%s and %s have the same digest", name, was)
		}
		seen[d] = name
	}
}
