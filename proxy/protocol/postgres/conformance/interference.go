package conformance

import (
	"crypto/sha256"
	"fmt"
	"slices"
)

// trial is a case in a mode.
type trial struct {
	c    *Case
	mode Mode
	// What was seen through the gateway: on A, on A again, on B.
	seen  [3][32]byte
	fails []string // on A
	found string   // a protected value
}

// baseline is what the server itself says to a case, in the simple protocol.
type baseline struct {
	seen  [2][32]byte // on A and B
	fails []string    // on A
}

// asksCopy is the question of a function whose owner wrote it to copy protected
// data to where everybody can read it: a canary does not count.
const asksCopy = "copy"

var sets = [3]string{"A", "A", "B"}

func (s *suite) hash(t *Transcript) [32]byte {
	h := sha256.New()
	for _, m := range t.plain(s.world.name, s.Ignore) {
		fmt.Fprintf(h, "%d:", len(m))
		h.Write(m)
	}
	return [32]byte(h.Sum(nil))
}

// interfere runs trials on A, A and B, through the gateway and without it,
// looks closer at what differs, and returns the count.
func (s *suite) interfere(part string, trials []*trial) (*Tally, error) {
	tally := &Tally{Part: part, Cases: len(cases(trials)), Runs: len(trials)}
	for pass, set := range sets {
		s.say("%s: data set %s, %d runs …", part, [...]string{"A", "A again", "B"}[pass], len(trials))
		if err := s.restore(set); err != nil {
			return tally, err
		}
		for _, t := range trials {
			got, err := s.play(t.c, t.mode, true)
			if err != nil {
				return tally, err
			}
			t.seen[pass] = s.hash(got)
			if pass == 0 {
				t.fails = got.failures()
			}
			if f := s.world.canary[set].find(got, t.c.known()); f != "" && t.found == "" {
				t.found = "on data set " + set + ": " + f
			}
			if err := s.after(t.c, set); err != nil {
				return tally, err
			}
		}
	}
	s.say("%s: without the gateway …", part)
	base := map[*Case]*baseline{}
	for pass, set := range []string{"A", "B"} {
		if err := s.restore(set); err != nil {
			return tally, err
		}
		for _, c := range cases(trials) {
			got, err := s.play(c, ModeSimple, false)
			if err != nil {
				return tally, err
			}
			if pass == 0 {
				base[c] = &baseline{fails: got.failures()}
			}
			base[c].seen[pass] = s.hash(got)
			if err := s.after(c, set); err != nil {
				return tally, err
			}
		}
	}
	return tally, s.judge(tally, trials, base)
}

func (s *suite) after(c *Case, set string) error {
	if c.Changes {
		return s.restore(set)
	}
	return nil
}

// restore makes the world what it was, with a data set. Sessions that have seen
// another end: a cached plan is an answer too.
func (s *suite) restore(set string) error {
	s.drop()
	if !s.dirty && s.world.set == set {
		return nil
	}
	s.dirty = false
	return s.world.restore(set)
}

// cases are those of trials, in their order.
func cases(trials []*trial) []*Case {
	var out []*Case
	for _, t := range trials {
		if len(out) == 0 || out[len(out)-1] != t.c {
			out = append(out, t.c)
		}
	}
	return out
}

// judge says of each case the worst that any of its runs shows.
func (s *suite) judge(tally *Tally, trials []*trial, base map[*Case]*baseline) error {
	for len(trials) > 0 {
		n := slices.IndexFunc(trials, func(t *trial) bool { return t.c != trials[0].c })
		if n < 0 {
			n = len(trials)
		}
		mine := trials[:n]
		trials = trials[n:]
		c := mine[0].c
		if base[c].seen[0] != base[c].seen[1] {
			tally.Differ++
		}
		worst := answered
		var why *Finding
		reason := ""
		for _, t := range mine {
			v, f, err := s.verdict(tally.Part, t)
			if err != nil {
				return err
			}
			if r := refused(t.fails, base[c].fails); r != "" && reason == "" {
				reason = r
			}
			if v > worst {
				worst = v
			}
			if f != nil && why == nil {
				why = f
			}
		}
		if why != nil {
			s.report.Findings = append(s.report.Findings, why)
			s.say("LEAK %s", why)
		}
		switch {
		case worst == answered && failed(base[c].fails) && base[c].seen[0] == base[c].seen[1]:
			tally.Failed++
			tally.Failures = append(tally.Failures, Refusal{c.Name, base[c].fails[0]})
		case worst == answered && reason != "":
			tally.Refused++
			tally.note(c, reason)
		default:
			if worst == noisy {
				tally.Noisy = append(tally.Noisy, c.Name)
			}
			tally.count(worst)
		}
	}
	return nil
}

// verdict looks at one trial, and runs it again alone when something differs.
func (s *suite) verdict(part string, t *trial) (outcome, *Finding, error) {
	finding := func(kind, detail string) *Finding {
		return &Finding{Kind: kind, Part: part, Name: t.c.Name, List: t.c.List, Line: t.c.Line, Mode: t.mode.String(), Statements: t.c.Text(), Detail: detail}
	}
	late := s.Late && slices.ContainsFunc(t.c.Steps, func(s Step) bool { return s.Do == VerbDirect })
	if t.found != "" && (t.c.Asks == asksCopy || late) {
		return explained, nil, nil
	}
	if t.found != "" {
		return leaked, finding("value", t.found), nil
	}
	if a := t.seen[0]; t.seen[1] == a && t.seen[2] == a {
		return answered, nil, nil
	}
	d, noise, err := s.isolate(t, false)
	if err != nil {
		return answered, nil, err
	}
	if d != "" && t.c.Asks == "" {
		// Once more, with the tables filled anew for each run: what comes from
		// the order of the runs (transaction numbers) differs here.
		noise = true
		if d, _, err = s.isolate(t, true); err != nil {
			return answered, nil, err
		}
	}
	switch {
	case d == "" && noise:
		return noisy, nil, nil
	case d == "":
		return answered, nil, nil
	case t.c.Asks != "" || late:
		return explained, nil, nil
	}
	return leaked, finding("difference", d), nil
}

// isolate runs a trial alone, on A, A and B, and tells what differs between A
// and B, and whether A differs from itself.
func (s *suite) isolate(t *trial, anew bool) (d string, noise bool, err error) {
	var got [3]*Transcript
	var names [3]namer
	order := []int{0, 1, 2}
	if s.world.set == "B" && !anew { // the order saves a loading
		order = []int{2, 0, 1}
	}
	last := ""
	for _, i := range order {
		s.dirty = s.dirty || anew
		if err := s.restore(sets[i]); err != nil {
			return "", false, err
		}
		last = sets[i]
		if got[i], err = s.play(t.c, t.mode, true); err != nil {
			return "", false, err
		}
		oids := s.world.oids
		names[i] = func(oid uint32) string {
			if n, ok := oids[oid]; ok {
				return n
			}
			return "?"
		}
	}
	if err := s.after(t.c, last); err != nil {
		return "", false, err
	}
	var unstable *Transcript
	if differ(got[0], got[1], names[0], names[1], s.Ignore, nil) != "" {
		unstable = got[1]
	}
	return differ(got[0], got[2], names[0], names[2], s.Ignore, unstable), unstable != nil, nil
}

// evasions runs the hand-written lists.
func (s *suite) evasions() error {
	all, err := Evasions()
	if err != nil {
		return err
	}
	var trials []*trial
	for i, c := range all {
		if s.Every > 1 && i%s.Every != int(s.Seed)%s.Every || !matches(c.Name, s.Only) {
			continue
		}
		for _, m := range s.Modes {
			if c.sends(m) {
				trials = append(trials, &trial{c: c, mode: m})
			}
		}
	}
	s.report.Evasions, err = s.interfere("evasions", trials)
	return err
}
