package recorded

import (
	"context"
	"slices"
	"strings"
	"time"

	"sluice.dev/proxy/audit"
)

// Summary is one decided command in a list.
type Summary struct {
	Command    string    `json:"command"`
	Time       time.Time `json:"time"`
	Who        string    `json:"who"`
	Connection string    `json:"connection"`
	Text       string    `json:"text,omitempty"` // redacted
	Verdict    string    `json:"verdict"`
	Ticket     string    `json:"ticket,omitempty"`
	Reason     string    `json:"reason,omitempty"` // the first
	Shadow     bool      `json:"shadow,omitempty"` // a policy in shadow mode would have decided otherwise
}

// Filter selects decisions. The zero value selects all.
type Filter struct {
	Verdict    string // allow, hold or deny
	Connection string
	Limit      int // 0: 100
}

const (
	latestLook = 1 << 16 // records that Latest reads at most
	latestStep = 1 << 13
)

// Latest returns the decisions that match among the latest records of a log,
// the newest first, each command once; head is the log's size.
func Latest(ctx context.Context, dir string, head uint64, f Filter) ([]Summary, error) {
	if f.Limit <= 0 {
		f.Limit = 100
	}
	out := []Summary{}
	at := map[string]int{} // command → its place in out
	for end := head; end > 0 && head-end < latestLook && len(out) < f.Limit; {
		begin := end - min(end, latestStep)
		var entries []*audit.Entry
		err := audit.ScanFrom(dir, audit.Seq(begin+1), func(s audit.Seq, raw []byte) error {
			if uint64(s) > end {
				return audit.ErrStop
			}
			if err := ctx.Err(); err != nil || !strings.Contains(string(raw), `"verdict":`) {
				return err
			}
			e, err := audit.Decode(s, raw)
			if err == nil && Decided(e) {
				entries = append(entries, e)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		for _, e := range slices.Backward(entries) {
			if i, known := at[e.Command]; known {
				if e.Decision.Verdict != audit.Allow { // it says more than that it ran
					out[i] = summary(e)
				}
				continue
			}
			if f.Verdict != "" && f.Verdict != Verdict(e) || f.Connection != "" && f.Connection != e.Connection.Name || len(out) == f.Limit {
				continue
			}
			at[e.Command] = len(out)
			out = append(out, summary(e))
		}
		end = begin
	}
	return out, nil
}

func summary(e *audit.Entry) Summary {
	s := Summary{Command: e.Command, Time: e.Time, Who: Who(e), Connection: e.Connection.Name, Text: e.Action.Text, Verdict: Verdict(e), Ticket: e.Decision.Ticket}
	for _, r := range e.Decision.Reasons {
		if !strings.HasPrefix(r, refused) {
			s.Reason = r
			break
		}
	}
	for _, line := range e.Decision.Shadow {
		name, verdict, ok := strings.Cut(line, "=")
		if ok && !strings.Contains(name, " ") && verdict != s.Verdict {
			s.Shadow = true
		}
	}
	return s
}

// Count adds the latest records of a log, at most limit of them; head is the
// log's size.
func (s *Shadows) Count(ctx context.Context, dir string, head, limit uint64) error {
	return audit.ScanFrom(dir, audit.Seq(head-min(head, limit)+1), func(seq audit.Seq, raw []byte) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		e, err := audit.Decode(seq, raw)
		if err == nil {
			s.Add(e)
		}
		return err
	})
}
