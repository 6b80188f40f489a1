package conformance

import (
	"embed"
	"fmt"
	"strings"

	"sluice.dev/proxy/protocol/postgres/testdata"
)

//go:embed evasions/*.sql
var own embed.FS

//go:embed asks.txt
var asks string

// Evasions are all hand-written ways to a protected value.
func Evasions() ([]*Case, error) {
	all, err := Read("evasions.sql", testdata.Evasions)
	if err != nil {
		return nil, err
	}
	if err := label(all); err != nil {
		return nil, err
	}
	files, err := own.ReadDir("evasions")
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		text, err := own.ReadFile("evasions/" + f.Name())
		if err != nil {
			return nil, err
		}
		more, err := Read(f.Name(), string(text))
		if err != nil {
			return nil, err
		}
		all = append(all, more...)
	}
	return all, nil
}

// label gives the cases of the shared list the question that they ask, which
// that list does not know. A line of asks.txt is "question: name; name; …".
func label(all []*Case) error {
	byName := map[string]*Case{}
	for _, c := range all {
		byName[c.Name] = c
	}
	for line := range strings.Lines(asks) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		question, names, ok := strings.Cut(line, ": ")
		if !ok {
			return fmt.Errorf("conformance: asks.txt: %q has no question", line)
		}
		for name := range strings.SplitSeq(names, "; ") {
			c := byName[name]
			if c == nil {
				return fmt.Errorf("conformance: asks.txt: no case is called %q", name)
			}
			c.Asks = question
		}
	}
	return nil
}

func matches(name, part string) bool { return part == "" || strings.Contains(name, part) }

// sends says whether a case is worth sending in a mode: what is more than one
// statement, mostly about something else than its results, runs in two.
func (c *Case) sends(m Mode) bool {
	switch {
	case m == ModeSimple:
		return true
	case c.oneMode():
		return false
	}
	return len(c.Steps) == 1 || m == ModeBinary
}

// oneMode says that the modes make no difference: no step leaves the protocol
// open.
func (c *Case) oneMode() bool {
	for _, s := range c.Steps {
		if s.Do == VerbSend && !several(s.SQL) {
			return false
		}
	}
	return true
}
