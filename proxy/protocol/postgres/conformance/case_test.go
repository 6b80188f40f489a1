package conformance

import (
	"strings"
	"testing"
)

// TestLists reads all lists: each case has a name of its own and does
// something.
func TestLists(t *testing.T) {
	evasions, err := Evasions()
	if err != nil {
		t.Fatal(err)
	}
	ordinary, err := Ordinary()
	if err != nil {
		t.Fatal(err)
	}
	for what, all := range map[string][]*Case{"evasions": evasions, "ordinary": ordinary} {
		names := map[string]bool{}
		for _, c := range all {
			if names[c.Name] || len(c.Steps) == 0 {
				t.Errorf("%s:%d: %q is there twice, or is empty", c.List, c.Line, c.Name)
			}
			names[c.Name] = true
		}
		t.Logf("%d %s", len(all), what)
	}
	if len(evasions) < 400 {
		t.Errorf("only %d evasions", len(evasions))
	}
}

func FuzzRead(f *testing.F) {
	f.Add("--- a: run [filter]\nselect 1;\n\\parse s select 1\n\\run s binary rows=2\n\\pipe\n\\sync\n")
	f.Fuzz(func(t *testing.T, text string) {
		cases, err := Read("fuzz", text)
		if err != nil {
			return
		}
		for _, c := range cases {
			for _, s := range c.Steps {
				if s.Do == VerbSend && strings.TrimSpace(s.SQL) == "" && !strings.Contains(text, ";") {
					t.Errorf("a step of nothing in %q", text)
				}
			}
			_ = c.Text()
		}
	})
}

func FuzzMessage(f *testing.F) {
	f.Add(byte('T'), []byte("\x00\x01a\x00\x00\x00\x00\x01\x00\x01\x00\x00\x00\x19\xff\xff\xff\xff\xff\xff\x00\x00"))
	f.Add(byte('D'), []byte("\x00\x02\x00\x00\x00\x01x\xff\xff\xff\xff"))
	f.Add(byte('E'), []byte("SERROR\x00C42501\x00Mno\x00\x00"))
	f.Fuzz(func(t *testing.T, typ byte, body []byte) {
		m := Message{Type: typ, Body: body}
		_ = m.String()
		_ = plain(m, func(uint32) string { return "?" }, nil)
		if n := len(m.cells()); n > len(body) {
			t.Errorf("%d cells in %d bytes", n, len(body))
		}
		copyText(string(body))
		copyCSV(string(body)) //nolint:errcheck // it may fail, not panic
		copyBinary(body)      //nolint:errcheck // likewise
	})
}

// TestCanary finds a value however it is written, and nothing else.
func TestCanary(t *testing.T) {
	c := newCanary([]string{"Zebra-Quartz-91"})
	for text, want := range map[string]bool{
		"it is Zebra-Quartz-91": true, "ZEBRA-Q": true, "quartz": true, "19-ztrauq-arbez": true,
		"5a656272612d517561": true, "WmVicmEtUXVhcnR6LTkx": true, "YnJhLVF1YXJ0ei05MQ": true,
		"zebra": false, "nothing at all": false, "***": false,
	} {
		got := c.find(&Transcript{Steps: [][]Message{{{Type: 'D', Body: []byte(text)}}}}, "")
		if (got != "") != want {
			t.Errorf("%q: found %q", text, got)
		}
	}
	if got := c.find(&Transcript{Steps: [][]Message{{{Type: 'E', Body: []byte("zebra-quartz-91")}}}}, "where x = 'Zebra-Quartz-91'"); got != "" {
		t.Errorf("what the client sent itself is found: %s", got)
	}
}
