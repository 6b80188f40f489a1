package console

import (
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

func TestVisible(t *testing.T) {
	for in, want := range map[string]string{
		"SELECT 1\n\tFROM t":           "SELECT 1\n\tFROM t",
		"a\x1b[2Jb":                    "a⟨U+001B⟩[2Jb",
		"by\u202Eagent":                "by⟨U+202E⟩agent",
		"zero\u200bwidth\ufeff":        "zero⟨U+200B⟩width⟨U+FEFF⟩",
		"no\u00a0break\u2028line":      "no⟨U+00A0⟩break⟨U+2028⟩line",
		"bad\xff":                      "bad⟨byte FF⟩",
		"tag\U000E0041":                "tag⟨U+E0041⟩",
		"‹redacted:5f2c9a1e› ‹secret›": "‹redacted:5f2c9a1e› ‹secret›",
		"Grüße, 你好 🙂":                  "Grüße, 你好 🙂",
		"\r\n":                         "⟨U+000D⟩\n",
	} {
		if got := Visible(in); got != want {
			t.Errorf("Visible(%q) = %q, want %q", in, got, want)
		}
	}
	long := Visible(strings.Repeat("é", maxShown))
	if !strings.HasSuffix(long, "⟨65536 bytes more⟩") || len(long) > maxShown+64 {
		t.Errorf("a long command ends in %q", long[len(long)-40:])
	}
	kinds := ""
	for _, p := range spans("a = ‹redacted:5f2c9a1e› AND ‹redacted:") {
		kinds += "[" + p.Kind + "]"
	}
	if kinds != "[][redacted][]" {
		t.Error(kinds)
	}
}

func FuzzVisible(f *testing.F) {
	f.Add("by\u202Eagent ‹redacted:5f2c9a1e› \xff")
	f.Fuzz(func(t *testing.T, s string) {
		out := Visible(s)
		if !utf8.ValidString(out) {
			t.Fatalf("%q became %q", s, out)
		}
		for _, r := range out {
			if unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.Is(unicode.Bidi_Control, r) {
				t.Fatalf("%q kept %U", s, r)
			}
		}
	})
}

func TestNext(t *testing.T) {
	for in, want := range map[string]string{
		"/t/HX4K-2Q":           "/t/HX4K-2Q",
		"/sessions?x=1#y":      "/sessions?x=1",
		"":                     "/holds",
		"//evil.example":       "/holds",
		"/\\evil.example":      "/holds",
		"https://evil.example": "/holds",
		"/\t/evil.example":     "/holds",
		"/%2f/evil.example":    "/holds",
		"/login":               "/holds",
		"javascript:alert(1)":  "/holds",
	} {
		if got := next(in); got != want {
			t.Errorf("next(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzNext(f *testing.F) {
	f.Add("/t/HX4K-2Q")
	f.Add("//evil.example")
	f.Add("/\\evil")
	f.Fuzz(func(t *testing.T, s string) {
		got := next(s)
		if !strings.HasPrefix(got, "/") || strings.HasPrefix(got, "//") || strings.ContainsAny(got, "\\\r\n\t") {
			t.Fatalf("next(%q) = %q", s, got)
		}
	})
}

func TestRelative(t *testing.T) {
	now := time.Now()
	for d, want := range map[time.Duration]string{
		0: "now", 9*time.Minute + time.Second: "in 9 min", -70 * time.Second: "70 s ago", -3 * time.Hour: "3 h ago", 80 * time.Hour: "in 3 days",
	} {
		if got := Relative(now.Add(d), now); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

func TestSealer(t *testing.T) {
	a, err := newSealer()
	if err != nil {
		t.Fatal(err)
	}
	b, _ := newSealer()
	text, err := a.seal(attempt{State: "s"})
	if err != nil {
		t.Fatal(err)
	}
	var got attempt
	if err := a.open(text, &got); err != nil || got.State != "s" {
		t.Fatal(err, got)
	}
	if strings.Contains(text, "State") || b.open(text, &got) == nil || a.open(text[:len(text)-2]+"AA", &got) == nil || a.open("", &got) == nil {
		t.Error("a log-in cookie that is not ours was opened")
	}
}
