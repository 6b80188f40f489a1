package mask_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"sluice.dev/proxy/mask"
)

func nobody([]string) bool { return false }

func TestActionsKeepTheirNamesAndOrder(t *testing.T) {
	// CONTRACT 2, strictest first.
	order := []string{"deny", "null", "redact", "hash", "tokenize", "pseudonym", "partial", "replace"}
	for i, name := range order {
		a, err := mask.ParseAction(name)
		if err != nil || a.String() != name {
			t.Fatalf("%s: %v, %v", name, a, err)
		}
		if i > 0 {
			if before, _ := mask.ParseAction(order[i-1]); before <= a {
				t.Errorf("%s is not stricter than %s", before, a)
			}
		}
	}
	for _, bad := range []string{"", "none", "Redact", "mask"} {
		if _, err := mask.ParseAction(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestBuild(t *testing.T) {
	email := mask.Rule{Name: "contact", Columns: []string{"a.b.email"}, Treatment: mask.Treatment{Action: mask.Partial}, Except: []string{"leads"}}
	strict := mask.Rule{Name: "strict", Columns: []string{"a.b.email"}, Treatment: mask.Treatment{Action: mask.Hash}}
	found := mask.Rule{Name: "left", Plugin: "pii", Treatment: mask.Treatment{Action: mask.Redact}}
	leads := func(groups []string) bool { return slices.Contains(groups, "leads") }
	redact := mask.Treatment{Action: mask.Redact}
	for name, c := range map[string]struct {
		rules   []mask.Rule
		add     []mask.Addition
		lifted  func([]string) bool
		action  mask.Action // of a.b.email
		derived mask.Action
		plugins int
	}{
		"one rule":                    {[]mask.Rule{email}, nil, nobody, mask.Partial, mask.Redact, 0},
		"the strictest wins":          {[]mask.Rule{email, strict}, nil, nobody, mask.Hash, mask.Redact, 0},
		"except lifts its own":        {[]mask.Rule{email}, nil, leads, mask.None, mask.None, 0},
		"and no other":                {[]mask.Rule{email, strict}, nil, leads, mask.Hash, mask.Redact, 0},
		"nothing lifts a policy's":    {[]mask.Rule{email}, []mask.Addition{{Column: "a.b.email", Treatment: redact}}, leads, mask.Redact, mask.Redact, 0},
		"nor a block that it names":   {[]mask.Rule{email}, []mask.Addition{{Block: "contact", Treatment: redact}}, leads, mask.Redact, mask.Redact, 0},
		"a detector is no column":     {[]mask.Rule{found}, nil, nobody, mask.None, mask.None, 1},
		"null of derived stays null":  {[]mask.Rule{{Columns: []string{"a.b.email"}, Treatment: mask.Treatment{Action: mask.Null}}}, nil, nobody, mask.Null, mask.Null, 0},
		"nothing to hide from anyone": {nil, nil, nobody, mask.None, mask.None, 0},
	} {
		p := mask.Build(c.rules, c.add, c.lifted)
		if p.Columns["a.b.email"].Action != c.action || p.Derived.Action != c.derived || len(p.Detectors) != c.plugins {
			t.Errorf("%s: %+v", name, p)
		}
		if p.Empty() != (c.action == mask.None && c.plugins == 0) {
			t.Errorf("%s: Empty is %v", name, p.Empty())
		}
		if p.Lifted([]string{"a.b.email"}) != (c.action == mask.None) {
			t.Errorf("%s: Lifted is wrong", name)
		}
	}
}

func TestText(t *testing.T) {
	k := mask.NewKey([]byte("0123456789abcdef"))
	for in, want := range map[string]string{
		"ada.brandt@example.com": "a***@example.com", "ü@x.de": "ü***@x.de", "1234567": "***", "12345678": "***5678",
		"": "***", "@": "***", "a@": "***", "überlänge": "***änge", "with space @x.de": "***x.de",
	} {
		if got := mask.PartialText([]byte(in)); got != want {
			t.Errorf("partial of %q is %q, not %q", in, got, want)
		}
	}
	a, b := k.Hash([]byte("x")), k.Hash([]byte("y"))
	if !regexp.MustCompile(`^[0-9a-f]{16}$`).MatchString(a) || a == b || a != k.Hash([]byte("x")) {
		t.Errorf("hashes %q, %q", a, b)
	}
	if k.Hash([]byte("x")) == mask.NewKey([]byte("another key 0123")).Hash([]byte("x")) {
		t.Error("the hash does not depend on the key")
	}
	if p := k.Pseudonym("s", []byte("ada@example.com")); !strings.Contains(p, "@") || strings.Contains(p, "ada") {
		t.Errorf("pseudonym of an address: %q", p)
	}
	if p := k.Pseudonym("s", []byte("4111 1111 1111 1111")); len(p) != 19 || p == "4111 1111 1111 1111" || p[4] != ' ' {
		t.Errorf("pseudonym of a number: %q", p)
	}
	if k.Pseudonym("s1", []byte("Ada")) == k.Pseudonym("s2", []byte("Ada")) {
		t.Error("the scope makes no difference")
	}
	for _, bits := range []int{16, 32, 64} {
		n := k.PseudonymInt("s", 42, bits)
		if n < 0 || (bits < 64 && n >= 1<<(bits-1)) {
			t.Errorf("pseudonym of %d bits: %d", bits, n)
		}
	}
}

// FuzzText: whatever the value, a replacement is text and does not have it.
func FuzzText(f *testing.F) {
	f.Add([]byte("ada@example.com"))
	f.Add([]byte("\xff\xfe@\x00"))
	k := mask.NewKey([]byte("0123456789abcdef"))
	f.Fuzz(func(t *testing.T, v []byte) {
		for a := mask.Partial; a <= mask.Deny; a++ {
			s, null := k.Text(mask.Treatment{Action: a}, "s", v)
			if utf8.Valid(v) && !utf8.ValidString(s) {
				t.Fatalf("%s of %q is no text: %q", a, v, s)
			}
			if a == mask.Null && !null {
				t.Fatal("null is not NULL")
			}
			if a != mask.Partial && len(v) >= 20 && strings.Contains(s, string(v)) {
				t.Fatalf("%s of %q shows it: %q", a, v, s)
			}
		}
	})
}
