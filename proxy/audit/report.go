package audit

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// How a finding was located, the sharpest first (audit-evidence 2.8).
const (
	ByTile       = "level-0 tile" // a record against its hash in the tree: the exact record
	ByCopy       = "second copy"  // segment, bundle and tile against each other: the exact record
	ByChain      = "chain"        // the order within the segments: the exact record
	ByFrame      = "frame"        // the checksum of a record in its segment: the exact record
	ByCheckpoint = "checkpoints"  // the signed roots: a range of records
	ByFile       = "file"         // a file that is missing, unreadable or of a wrong form
	BySignature  = "signature"    // a checkpoint's signature or key
	ByContent    = "content"      // what the records say: the exact record
	ByAnchor     = "anchor"       // a checkpoint that was kept elsewhere
)

// NoRecord is the Record of a finding that no single record can be named for.
const NoRecord = -1

// Finding is one thing that is not as it has to be.
type Finding struct {
	Record int64  `json:"record"` // index of the record, or NoRecord
	From   uint64 `json:"from,omitempty"`
	To     uint64 `json:"to,omitempty"` // records From to To-1, where Record is not known
	Method string `json:"method"`
	What   string `json:"what"`
}

func (f Finding) String() string {
	switch {
	case f.Record >= 0:
		return fmt.Sprintf("record %d: %s (by %s)", f.Record, f.What, f.Method)
	case f.To > f.From:
		return fmt.Sprintf("records %d to %d: %s (by %s)", f.From, f.To-1, f.What, f.Method)
	}
	return fmt.Sprintf("%s (by %s)", f.What, f.Method)
}

// maxFindings bounds a report; what is beyond is counted.
const maxFindings = 100

// Report is what Verify found.
type Report struct {
	OK          bool      `json:"ok"` // no findings
	Origin      string    `json:"origin"`
	Size        uint64    `json:"size"`        // records under the newest checkpoint
	Root        string    `json:"root"`        // its root, base64
	Unsigned    uint64    `json:"unsigned"`    // records after it
	Checkpoints int       `json:"checkpoints"` // kept ones, all of them checked
	Anchored    uint64    `json:"anchored"`    // records under the newest anchor; 0 without one
	Commands    uint64    `json:"commands"`    // intents
	Unknown     uint64    `json:"unknown"`     // commands whose outcome was lost in a crash, and recorded as unknown
	Running     uint64    `json:"running"`     // commands without an outcome since the last start
	Sessions    uint64    `json:"sessions"`
	Findings    []Finding `json:"findings,omitempty"`
	More        int       `json:"more,omitempty"` // findings beyond the limit
	Notes       []string  `json:"notes,omitempty"`
}

func (r *Report) add(f Finding) {
	if len(r.Findings) >= maxFindings {
		r.More++
		return
	}
	r.Findings = append(r.Findings, f)
}

func (r *Report) record(index uint64, method, format string, args ...any) {
	r.add(Finding{Record: int64(index), Method: method, What: fmt.Sprintf(format, args...)})
}

func (r *Report) span(from, to uint64, method, format string, args ...any) {
	r.add(Finding{Record: NoRecord, From: from, To: to, Method: method, What: fmt.Sprintf(format, args...)})
}

func (r *Report) note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

// finish orders the findings: those that name the first damage come first.
func (r *Report) finish() {
	place := func(f Finding) uint64 {
		switch {
		case f.Record >= 0:
			return uint64(f.Record)
		case f.To > f.From:
			return f.From
		}
		return 1 << 63
	}
	slices.SortStableFunc(r.Findings, func(a, b Finding) int { return cmp.Compare(place(a), place(b)) })
	r.OK = len(r.Findings) == 0
}

// First is the finding that names the first damage: the lowest record that is
// known exactly, unless a range lies wholly before it. It is nil if there are
// no findings.
func (r *Report) First() *Finding {
	var exact, span *Finding
	for i := range r.Findings {
		f := &r.Findings[i]
		switch {
		case f.Record >= 0 && (exact == nil || f.Record < exact.Record):
			exact = f
		case f.To > f.From && (span == nil || f.To < span.To):
			span = f
		}
	}
	switch {
	case exact != nil && (span == nil || span.To > uint64(exact.Record)):
		return exact
	case span != nil:
		return span
	case len(r.Findings) > 0:
		return &r.Findings[0]
	}
	return nil
}

// String is the report as sluice audit verify prints it.
func (r *Report) String() string {
	var b strings.Builder
	verdict := "ok"
	if !r.OK {
		verdict = "NOT OK"
	}
	fmt.Fprintf(&b, "%s: %s: %d records under %d checkpoints, %d not signed yet, %d commands (%d unknown, %d running), %d sessions\n",
		r.Origin, verdict, r.Size, r.Checkpoints, r.Unsigned, r.Commands, r.Unknown, r.Running, r.Sessions)
	if f := r.First(); f != nil {
		fmt.Fprintf(&b, "first damage: %s\n", f)
	}
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "  - %s\n", f)
	}
	if r.More > 0 {
		fmt.Fprintf(&b, "  - and %d more\n", r.More)
	}
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "note: %s\n", n)
	}
	return b.String()
}
