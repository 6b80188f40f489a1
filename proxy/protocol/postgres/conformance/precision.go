package conformance

import (
	_ "embed" // the list
	"fmt"
	"slices"
	"strings"

	"sluice.dev/proxy/protocol/postgres/testdata"
)

//go:embed precision.sql
var ordinary string

// Precision counts what was masked or refused without need.
type Precision struct {
	Statements     int      `json:"statements"`
	WronglyRefused int      `json:"wrongly_refused"`
	Columns        int      `json:"columns"`
	WronglyMasked  int      `json:"wrongly_masked"`
	Masked         int      `json:"masked"`  // as they should be
	Unclear        int      `json:"unclear"` // columns without a value in them
	Wrong          []string `json:"wrong,omitempty"`
}

func (p *Precision) String() string {
	return fmt.Sprintf("%-10s %4d statements: wrongly refused %d; of %d result columns wrongly masked %d, rightly masked %d, without a value to tell by %d%s",
		"precision", p.Statements, p.WronglyRefused, p.Columns, p.WronglyMasked, p.Masked, p.Unclear, indent(p.Wrong))
}

func indent(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return "\n    " + strings.Join(lines, "\n    ")
}

// Ordinary are statements that no gateway should get in the way of. A case's
// word names the result columns that masks change; "or refused" after it
// allows a refusal.
func Ordinary() ([]*Case, error) {
	all, err := Read("precision.sql of testdata", testdata.Precision)
	if err != nil {
		return nil, err
	}
	more, err := Read("precision.sql", ordinary)
	return append(all, more...), err
}

func (s *suite) precision() error {
	all, err := Ordinary()
	if err != nil {
		return err
	}
	if err := s.restore("A"); err != nil {
		return err
	}
	p := &Precision{}
	s.report.Precision = p
	s.say("precision: %d lists of statements …", len(all))
	for i, c := range all {
		if s.Every > 1 && i%s.Every != int(s.Seed)%s.Every {
			continue
		}
		if err := s.precise(p, c); err != nil {
			return err
		}
	}
	return nil
}

func (s *suite) precise(p *Precision, c *Case) error {
	var got [2]*Transcript // the server, and the gateway
	for i, via := range []bool{false, true} {
		var err error
		if got[i], err = s.play(c, ModeSimple, via); err != nil {
			return err
		}
		if err := s.after(c, "A"); err != nil {
			return err
		}
	}
	if f := s.world.canary["A"].find(got[1], c.known()); f != "" {
		s.report.Findings = append(s.report.Findings, &Finding{Kind: "value", Part: "precision", Name: c.Name, List: c.List, Line: c.Line, Mode: "simple", Statements: c.Text(), Detail: f})
	}
	word, mayRefuse := strings.CutSuffix(c.Word, " or refused")
	var masked []string
	if word != "nothing" {
		masked = strings.Split(word, ",")
	}
	direct, via := got[0].failures(), got[1].failures()
	for i, f := range direct {
		if f != "" {
			p.Wrong = append(p.Wrong, fmt.Sprintf("%s:%d: %s: fails on the server itself: %s", c.List, c.Line, c.Name, f))
			continue
		}
		p.Statements++
		if i < len(via) && via[i] != "" {
			if !mayRefuse {
				p.WronglyRefused++
				p.Wrong = append(p.Wrong, fmt.Sprintf("%s:%d: %s: refused: %.200s", c.List, c.Line, c.Name, via[i]))
			}
			continue
		}
		for _, col := range compare(step(got[0], i), step(got[1], i)) {
			p.Columns++
			wanted := slices.Contains(masked, col.name)
			switch {
			case !col.changed && !col.told:
				p.Unclear++
			case col.changed && wanted:
				p.Masked++
			case col.changed:
				p.WronglyMasked++
				p.Wrong = append(p.Wrong, fmt.Sprintf("%s:%d: %s: column %s is masked: %s for %s", c.List, c.Line, c.Name, col.name, col.saw, col.was))
			}
		}
	}
	return nil
}

// compared is what came of one result column.
type compared struct {
	name     string
	changed  bool // a mask has been here
	told     bool // there was a value to tell by
	was, saw string
}

// compare looks at the result columns of one step: what the server says, and
// what came through the gateway.
func compare(server, gateway []Message) []compared {
	var out []compared
	a, g := tables(server), tables(gateway)
	for i, t := range a {
		if i >= len(g) {
			break
		}
		for c, name := range t.names {
			col := compared{name: name}
			x, z := t.column(c), g[i].column(c)
			col.told = slices.ContainsFunc(x, func(v string) bool { return !placeholder(v) })
			// A mask changes every value of a column. What differs otherwise (a
			// pid, a time, the session itself in a list of sessions) is no mask.
			if col.told && len(z) > 0 && !slices.ContainsFunc(z, func(v string) bool { return !placeholder(v) }) {
				col.changed, col.was, col.saw = true, x[0], z[0]
			}
			out = append(out, col)
		}
	}
	return out
}

const null = "\x00null"

func placeholder(v string) bool {
	return v == null || v == "***" || v == `"***"` || v == `\x2a2a2a` || v == "{}" || v == ""
}

// table is one result.
type table struct {
	names []string
	rows  [][]string
}

func (t table) column(i int) []string {
	var out []string
	for _, r := range t.rows {
		if i < len(r) {
			out = append(out, r[i])
		}
	}
	return out
}

// tables are the results in messages; a COPY's columns are called by number.
func tables(all []Message) []table {
	var out []table
	for _, m := range all {
		switch m.Type {
		case 'T':
			var t table
			for _, c := range m.columns() {
				t.names = append(t.names, c.name)
			}
			out = append(out, t)
		case 'D':
			var row []string
			for _, c := range m.cells() {
				if c == nil {
					row = append(row, null)
				} else {
					row = append(row, string(c))
				}
			}
			if len(out) > 0 {
				out[len(out)-1].rows = append(out[len(out)-1].rows, row)
			}
		case 'H':
			var t table
			if len(m.Body) >= 3 {
				for i := range int(m.Body[1])<<8 | int(m.Body[2]) {
					t.names = append(t.names, fmt.Sprintf("column %d", i+1))
				}
			}
			out = append(out, t)
		case 'd':
			if len(out) == 0 {
				break
			}
			t := &out[len(out)-1]
			row := strings.Split(strings.TrimSuffix(string(m.Body), "\n"), "\t")
			for i := range row {
				if row[i] == `\N` {
					row[i] = null
				}
			}
			t.rows = append(t.rows, row)
		}
	}
	return out
}
