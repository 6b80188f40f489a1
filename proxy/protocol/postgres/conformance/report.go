package conformance

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
)

// Report is what a run has shown.
type Report struct {
	Server    string        `json:"server"` // version of PostgreSQL
	Role      string        `json:"role"`   // that the gateway logs in as
	Seed      uint64        `json:"seed"`
	Began     time.Time     `json:"began"`
	Took      time.Duration `json:"took_ns"`
	Evasions  *Tally        `json:"evasions,omitempty"`
	Generated *Tally        `json:"generated,omitempty"`
	Precision *Precision    `json:"precision,omitempty"`
	Formats   *Formats      `json:"formats,omitempty"`
	Findings  []*Finding    `json:"findings"`
}

// Leaked says whether the gateway let something through.
func (r *Report) Leaked() bool { return len(r.Findings) > 0 }

// Finding is something that the gateway let through, or garbled.
type Finding struct {
	Kind       string `json:"kind"` // value, difference, unmasked or malformed
	Part       string `json:"part"`
	Name       string `json:"name"`
	List       string `json:"list,omitempty"`
	Line       int    `json:"line,omitempty"`
	Mode       string `json:"mode,omitempty"`
	Statements string `json:"statements"`
	Detail     string `json:"detail"`
}

func (f *Finding) String() string {
	where := f.Name
	if f.List != "" {
		where = fmt.Sprintf("%s (%s:%d)", f.Name, f.List, f.Line)
	}
	return fmt.Sprintf("[%s] %s, %s: %s\n    %s\n  %s", f.Kind, f.Part, f.Mode, where,
		strings.ReplaceAll(f.Statements, "\n", "\n    "), f.Detail)
}

// outcome is what came of a case; the worst of its runs.
type outcome int

const (
	answered  outcome = iota
	noisy             // differs between two runs on the same data
	explained         // differs, and the list says which question it asks
	leaked
)

// Tally counts cases by what came of them; each case is counted once.
type Tally struct {
	Part      string    `json:"-"`
	Cases     int       `json:"cases"`
	Runs      int       `json:"runs"` // a case in each mode
	Leaked    int       `json:"leaked"`
	Explained int       `json:"explained"` // it asked what masks cannot stop
	Answered  int       `json:"answered"`  // the same on both data sets
	Refused   int       `json:"refused"`
	Failed    int       `json:"failed"` // for the server too: proves nothing
	Noise     int       `json:"noise"`  // what differs also differs between two equal data sets
	Differ    int       `json:"differ_without_masks"`
	Refusals  []Refusal `json:"refusals,omitempty"`
	Failures  []Refusal `json:"failures,omitempty"`
	Noisy     []string  `json:"noisy,omitempty"`
}

// Refusal is a case that the gateway refused.
type Refusal struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

func (t *Tally) note(c *Case, reason string) {
	t.Refusals = append(t.Refusals, Refusal{c.Name, reason})
}

func (t *Tally) count(o outcome) {
	switch o {
	case leaked:
		t.Leaked++
	case explained:
		t.Explained++
	case noisy:
		t.Noise++
	default:
		t.Answered++
	}
}

func (t *Tally) String() string {
	return fmt.Sprintf("%-10s %4d: %d leaked, %d answered masked, %d refused, %d answered a question that masks cannot stop, %d noise, %d fail on the server itself; without masks %d differ",
		t.Part, t.Cases, t.Leaked, t.Answered, t.Refused, t.Explained, t.Noise, t.Failed, t.Differ)
}

// Print writes the report for a reader.
func (r *Report) Print(w io.Writer) {
	fmt.Fprintf(w, "\nPostgreSQL %s as %s, seed %d, %s\n", r.Server, r.Role, r.Seed, r.Took.Round(100*time.Millisecond))
	for _, t := range []*Tally{r.Evasions, r.Generated} {
		if t != nil {
			fmt.Fprintln(w, t)
		}
	}
	if r.Precision != nil {
		fmt.Fprintln(w, r.Precision)
	}
	if r.Formats != nil {
		fmt.Fprintln(w, r.Formats)
	}
	for _, f := range r.Findings {
		fmt.Fprintln(w, f)
	}
	switch n := len(r.Findings); n {
	case 0:
		fmt.Fprintln(w, "Nothing leaked.")
	case 1:
		fmt.Fprintln(w, "1 finding.")
	default:
		fmt.Fprintf(w, "%d findings.\n", n)
	}
}

// JSON writes the report for a program.
func (r *Report) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(r)
}
