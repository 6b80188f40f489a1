package recorded

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"sluice.dev/proxy/audit"
)

// Shadows counts what policies in shadow mode would have done, over the
// records of a log. A command counts once for each policy, whatever records
// it has.
type Shadows struct {
	// Policy limits the count to one policy; "": all.
	Policy string
	// Since leaves out what is older; zero: nothing.
	Since time.Time

	records  int
	from     time.Time
	commands map[string]*trial // policy, and the command's id
	order    []*trial
}

// trial is one command under one shadow policy.
type trial struct {
	policy, verdict, real, who, connection, command string
	said                                            []string
	at                                              time.Time
}

// ShadowReport is what Shadows counted.
type ShadowReport struct {
	// Records is how many of the log were looked at, From when the first of
	// them was made.
	Records  int            `json:"records"`
	From     time.Time      `json:"from,omitzero"`
	Policies []ShadowPolicy `json:"policies"`
}

// ShadowPolicy is one shadow policy's.
type ShadowPolicy struct {
	Policy   string    `json:"policy"`
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`
	Commands int       `json:"commands"` // that it was asked about
	// Same: enforced, it would have changed nothing of the verdict.
	Same   int `json:"same"`
	Failed int `json:"failed"` // it could not decide: enforced, all of these are refused
	// Changes count the commands whose verdict would be another.
	Changes []ShadowChange `json:"changes"`
	// Said counts what its rules said, whether that changed a verdict or not.
	Said []ShadowSaid `json:"said"`
}

// ShadowChange counts the commands of one principal on one connection that
// would be decided otherwise.
type ShadowChange struct {
	From       string `json:"from"` // as it was decided: allow, hold, deny
	To         string `json:"to"`
	Who        string `json:"who"`
	Connection string `json:"connection"`
	Commands   int    `json:"commands"`
	Example    string `json:"example"` // the latest command's id
}

// ShadowSaid counts the commands about which a rule said this.
type ShadowSaid struct {
	Says     string `json:"says"` // "deny: reason", "hold approval: reason", "mask column=action", "limit rows=n"
	Commands int    `json:"commands"`
	Example  string `json:"example"` // the latest command's id
}

// Add takes one record.
func (s *Shadows) Add(e *audit.Entry) {
	if e.Time.Before(s.Since) {
		return
	}
	if s.records++; s.records == 1 {
		s.from = e.Time
	}
	if !Decided(e) || len(e.Decision.Shadow) == 0 {
		return
	}
	var now *trial
	for _, line := range e.Decision.Shadow {
		if i := strings.IndexAny(line, "= "); i > 0 && line[i] == '=' {
			now = nil
			if s.Policy == "" || s.Policy == line[:i] {
				now = s.trial(line[:i], line[i+1:], e)
			}
		} else if now != nil && i > 0 && line[:i] == now.policy {
			now.said = append(now.said, line[i+1:])
		}
	}
}

// trial begins one. Of a command that was held and then ran, the hold is what
// was decided.
func (s *Shadows) trial(name, verdict string, e *audit.Entry) *trial {
	id := name + " " + e.Command
	if s.commands == nil {
		s.commands = make(map[string]*trial)
	}
	if s.commands[id] != nil {
		return nil
	}
	t := &trial{policy: name, verdict: verdict, real: Verdict(e), who: Who(e), connection: e.Connection.Name, command: e.Command, at: e.Time}
	s.commands[id] = t
	s.order = append(s.order, t)
	return t
}

// Report is the count so far, what is most frequent first.
func (s *Shadows) Report() ShadowReport {
	out := ShadowReport{Records: s.records, From: s.from, Policies: []ShadowPolicy{}}
	by := map[string]*ShadowPolicy{}
	changes, said := map[ShadowChange]*ShadowChange{}, map[[2]string]*ShadowSaid{}
	of := map[string][]*ShadowChange{}
	saidBy := map[string][]*ShadowSaid{}
	for _, t := range s.order {
		p := by[t.policy]
		if p == nil {
			p = &ShadowPolicy{Policy: t.policy, From: t.at}
			by[t.policy] = p
		}
		p.Commands++
		p.To = t.at
		verdict, failed := t.verdict, strings.HasPrefix(t.verdict, "error: ")
		switch {
		case failed:
			p.Failed++
			verdict = audit.Deny
		case t.verdict == t.real:
			p.Same++
		}
		if verdict != t.real {
			key := ShadowChange{From: t.real, To: verdict, Who: t.who, Connection: t.connection, Example: t.policy}
			c := changes[key]
			if c == nil {
				c = &ShadowChange{From: t.real, To: verdict, Who: t.who, Connection: t.connection}
				changes[key] = c
				of[t.policy] = append(of[t.policy], c)
			}
			c.Commands++
			c.Example = t.command
		}
		words := t.said
		if failed {
			words = []string{t.verdict}
		}
		for _, w := range words {
			x := said[[2]string{t.policy, w}]
			if x == nil {
				x = &ShadowSaid{Says: w}
				said[[2]string{t.policy, w}] = x
				saidBy[t.policy] = append(saidBy[t.policy], x)
			}
			x.Commands++
			x.Example = t.command
		}
	}
	for name, p := range by {
		p.Changes, p.Said = []ShadowChange{}, []ShadowSaid{}
		for _, c := range of[name] {
			p.Changes = append(p.Changes, *c)
		}
		for _, w := range saidBy[name] {
			p.Said = append(p.Said, *w)
		}
		slices.SortStableFunc(p.Changes, func(a, b ShadowChange) int { return b.Commands - a.Commands })
		slices.SortStableFunc(p.Said, func(a, b ShadowSaid) int { return b.Commands - a.Commands })
		out.Policies = append(out.Policies, *p)
	}
	slices.SortFunc(out.Policies, func(a, b ShadowPolicy) int { return cmp.Compare(a.Policy, b.Policy) })
	return out
}
