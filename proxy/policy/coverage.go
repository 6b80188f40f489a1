package policy

import (
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/cover"
)

// Coverage is how much of the policies their tests have evaluated, by lines
// that can be.
type Coverage struct {
	Percent float64        `json:"percent"`
	Files   []FileCoverage `json:"files"`
}

// FileCoverage is one file's. A file of tests has none.
type FileCoverage struct {
	Policy  string  `json:"policy"`
	File    string  `json:"file"`
	Percent float64 `json:"percent"`
	Covered int     `json:"covered_lines"`
	Missed  int     `json:"missed_lines"`
	Gaps    []Lines `json:"gaps,omitempty"`
}

// Lines are some that no test has evaluated, from 1, both ends included.
type Lines struct {
	From int `json:"from"`
	To   int `json:"to"`
}

func (c *Coverage) add(policy string, report cover.Report) {
	for _, file := range sortedKeys(report.Files) {
		f := report.Files[file]
		if strings.HasSuffix(file, "_test.rego") || strings.HasPrefix(file, supportFolder) {
			continue
		}
		out := FileCoverage{Policy: policy, File: file, Covered: f.CoveredLines, Missed: f.NotCoveredLines}
		for _, r := range f.NotCovered {
			gap := Lines{From: r.Start.Row, To: r.End.Row}
			if n := len(out.Gaps); n > 0 && gap.From <= out.Gaps[n-1].To+1 {
				out.Gaps[n-1].To = max(out.Gaps[n-1].To, gap.To)
				continue
			}
			out.Gaps = append(out.Gaps, gap)
		}
		out.Percent = percent(out.Covered, out.Missed)
		c.Files = append(c.Files, out)
	}
}

// sum works out the whole.
func (c *Coverage) sum() {
	covered, missed := 0, 0
	for _, f := range c.Files {
		covered, missed = covered+f.Covered, missed+f.Missed
	}
	c.Percent = percent(covered, missed)
	c.Files = slices.Clip(c.Files)
}

func percent(covered, missed int) float64 {
	if covered+missed == 0 {
		return 0
	}
	return float64(int(1000*float64(covered)/float64(covered+missed)+0.5)) / 10
}
