package gate

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice.dev/proxy/identity"
	"sluice.dev/proxy/mask"
	"sluice.dev/proxy/plugin"
)

func testSession(all bool) *Session {
	g := &Gateway{Options: Options{Key: mask.NewKey([]byte("0123456789abcdef")), RedactAll: func() bool { return all }}}
	return &Session{ID: "s1", gw: g}
}

var hidden = regexp.MustCompile(`‹redacted:[0-9a-f]{8}›`)

func TestRedact(t *testing.T) {
	const text = `UPDATE c SET email = 'ada@example.com', city = 'Berlin' WHERE note = 'call 4111'`
	at := func(s string) (int, int) { i := strings.Index(text, s); return i, i + len(s) }
	lit := func(s string, secret bool, columns ...string) Literal {
		from, to := at(s)
		return Literal{From: from, To: to, Secret: secret, Columns: columns}
	}
	span := func(s string) plugin.Span {
		from, to := at(s)
		return plugin.Span{Param: -1, From: uint32(from), To: uint32(to)}
	}
	conn := &Connection{Protected: []string{"public.c.email"}}
	literals := []Literal{lit("'ada@example.com'", false, "public.c.email"), lit("'Berlin'", false, "public.c.city"), lit("'call 4111'", false)}
	for name, c := range map[string]struct {
		all       bool
		literals  []Literal
		spans     []plugin.Span
		gone      []string
		remaining []string
	}{
		"protected column": {false, literals, nil, []string{"ada@"}, []string{"'Berlin'", "'call 4111'"}},
		"all literals":     {true, literals, nil, []string{"ada@", "Berlin", "4111"}, []string{"UPDATE c SET email = "}},
		"what plugins see": {false, literals, []plugin.Span{span("4111")}, []string{"ada@", "4111"}, []string{"'call ", "'Berlin'"}},
		"overlapping":      {false, literals, []plugin.Span{span("ada@example.com', city"), span("example.com")}, []string{"ada@", "example", "city"}, []string{"Berlin"}},
		"secret clause":    {false, []Literal{lit("'Berlin'", true)}, nil, []string{"Berlin"}, []string{"ada@"}},
	} {
		cmd := &Command{Text: []byte(text), Literals: c.literals}
		got := testSession(c.all).redact(cmd, &judged{conn: conn, class: classification{spans: c.spans}}).text
		for _, g := range c.gone {
			if strings.Contains(got, g) {
				t.Errorf("%s: %q is still in %s", name, g, got)
			}
		}
		for _, r := range c.remaining {
			if !strings.Contains(got, r) {
				t.Errorf("%s: %q is missing in %s", name, r, got)
			}
		}
		if !hidden.MatchString(got) {
			t.Errorf("%s: nothing is marked in %s", name, got)
		}
	}
}

func TestRedactParameters(t *testing.T) {
	conn := &Connection{Protected: []string{"public.c.email"}}
	cmd := &Command{Text: []byte("SELECT"), Params: []Param{
		{Value: []byte("ada@example.com"), Columns: []string{"public.c.email"}},
		{Value: []byte("Berlin")},
		{Null: true},
		{Value: []byte{0, 0, 0, 7}, Binary: true, Text: "7"},
		{Value: []byte{0xff, 0xfe}, Binary: true},
		{Value: []byte("marked")},
		{Value: []byte(strings.Repeat("é", 200))},
	}}
	spans := []plugin.Span{{Param: 5, From: 0, To: 3}}
	got := testSession(false).redact(cmd, &judged{conn: conn, class: classification{spans: spans}}).params
	for i, want := range []string{hidden.String(), "^Berlin$", "^NULL$", "^7$", "^‹binary: 2 bytes›$", hidden.String(), `^é+… \(400 bytes\)$`} {
		if !regexp.MustCompile(want).MatchString(got[i]) {
			t.Errorf("$%d is shown as %q, not like %q", i+1, got[i], want)
		}
	}
}

func TestRedactUnparsed(t *testing.T) {
	cmd := &Command{Unparsed: true, Text: []byte("SELCT 'secret'")}
	got := testSession(false).redact(cmd, &judged{conn: &Connection{}}).text
	if strings.Contains(got, "secret") || !strings.Contains(got, "14 bytes") {
		t.Errorf("kept as %q", got)
	}
}

// FuzzCut: whatever the ranges, what they cover is gone and nothing breaks.
func FuzzCut(f *testing.F) {
	f.Add("abcdef", 1, 3, 2, 5)
	f.Add("", -1, 9, 4, 2)
	s := testSession(false)
	f.Fuzz(func(t *testing.T, text string, a, b, c, d int) {
		out := s.cut([]byte(text), [][2]int{{a, b}, {c, d}})
		if a >= 0 && b > a && b <= len(text) && (a+b)/2 < len(text) && strings.Count(text, text[a:b]) == 1 && len(text[a:b]) > 8 &&
			!hidden.MatchString(text[a:b]) && strings.Contains(out, text[a:b]) {
			t.Fatalf("%q is still in %q", text[a:b], out)
		}
	})
}

// Plugins see what a client sends in binary as text where the protocol could
// read it, and else are told that it is binary.
func TestPluginParams(t *testing.T) {
	c := &Command{Facts: &Facts{}, Params: []Param{
		{Value: []byte("17")}, {Value: []byte{0, 0, 0, 17}, Binary: true, Text: "17"}, {Value: []byte{1, 2}, Binary: true}, {Null: true, Binary: true}, {Value: []byte{}, Binary: true}}}
	s := testSession(false)
	s.Principal = &identity.Principal{}
	got := s.pluginCommand(&Connection{Protocol: "postgres"}, c).Params
	want := []plugin.Param{{Value: []byte("17")}, {Value: []byte("17")}, {Value: []byte{1, 2}, Binary: true}, {Null: true}, {Value: []byte{}, Binary: true}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
