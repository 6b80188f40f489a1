package conformance

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Options are what is run against what.
type Options struct {
	// Via and Direct are connection strings: through the gateway, and to the
	// same database as its owner or superuser.
	Via, Direct string
	Seed        uint64 // of generated statements
	Count       int    // of generated statements
	Modes       []Mode // of hand-written statements; nil: all
	// Every takes each n-th hand-written case only; 0 and 1: all.
	Every int
	// Only is a part of the names of the cases to run; "": all, and the other
	// parts of the suite too.
	Only string
	// Ignore is what differs in every answer of the gateway on purpose, such as
	// the number of a request in an error.
	Ignore *regexp.Regexp
	// Late explains what a definition shows that its owner has changed beside
	// the gateway a moment before: for gateways that resolve names by a catalog
	// of their own, and say so.
	Late bool
	// Wait bounds one statement; 20 seconds.
	Wait time.Duration
	// Progress is told what goes on; nil: nobody.
	Progress io.Writer
}

// suite is one run.
type suite struct {
	Options
	ctx    context.Context
	world  *world
	become string // what the owner's session says to have the gateway's rights
	report *Report
	dirty  bool             // tables have been written to since they were filled
	kept   map[bool]*client // sessions that are free, by whether they go via the gateway
}

// Run runs the suite. The error is an *Unreachable when a server could not be
// reached or prepared; leaks are in the report.
func Run(ctx context.Context, o Options) (*Report, error) {
	if o.Wait == 0 {
		o.Wait = 20 * time.Second
	}
	if o.Modes == nil {
		o.Modes = Modes
	}
	if o.Progress == nil {
		o.Progress = io.Discard
	}
	s := &suite{Options: o, ctx: ctx, kept: map[bool]*client{}, report: &Report{Seed: o.Seed, Began: time.Now().UTC()}}
	if err := s.prepare(); err != nil {
		return nil, err
	}
	defer s.world.close()
	defer s.drop()
	parts := []func() error{s.evasions, s.generated, s.precision, s.formats}
	if o.Only != "" {
		parts = parts[:1]
	}
	for _, part := range parts {
		if err := part(); err != nil {
			return s.report, err
		}
		if err := ctx.Err(); err != nil {
			return s.report, err
		}
	}
	s.report.Took = time.Since(s.report.Began).Round(time.Millisecond)
	return s.report, nil
}

func (s *suite) say(format string, args ...any) { fmt.Fprintf(s.Progress, format+"\n", args...) }

// prepare reaches both ends and makes the world.
func (s *suite) prepare() error {
	c, err := open(s.ctx, s.Via, s.Wait)
	if err != nil {
		return unreachable("VIA", err)
	}
	defer c.close()
	rows, err := c.query("select current_user")
	if err != nil {
		return unreachable("VIA", err)
	}
	if len(rows) != 1 || len(rows[0]) != 1 {
		return unreachable("VIA", errNoRole)
	}
	role := string(rows[0][0])
	s.say("making schema conformance, owned by %s …", role)
	if s.world, err = makeWorld(s.ctx, s.Direct, role, s.Wait); err != nil {
		return err
	}
	rows, err = s.world.owner.query("select current_setting('server_version'), rolsuper from pg_catalog.pg_roles where rolname = current_user")
	if err != nil {
		return unreachable("DIRECT", err)
	}
	s.report.Server, s.report.Role = string(rows[0][0]), role
	if string(rows[0][1]) == "t" {
		s.become = "set session authorization " + quote(role)
	}
	return nil
}

// start opens a session for a case.
func (s *suite) start(via bool) (*client, error) {
	dsn, which := s.Via, "VIA"
	if !via {
		dsn, which = s.Direct, "DIRECT"
	}
	c, err := open(s.ctx, dsn, s.Wait)
	if err != nil {
		return nil, unreachable(which, err)
	}
	first := "set search_path = conformance, public"
	if !via && s.become != "" {
		first = s.become + "; " + first
	}
	if _, err := c.query(first); err != nil {
		c.close()
		return nil, unreachable(which, fmt.Errorf("%s: %w", first, err))
	}
	return c, nil
}

// session is one for a case: a new one, or what the last case has left.
func (s *suite) session(c *Case, via bool) (*client, error) {
	if k := s.kept[via]; k != nil && c.Shares {
		delete(s.kept, via)
		return k, nil
	}
	return s.start(via)
}

// leave closes a session after a case, or keeps it for the next.
func (s *suite) leave(c *Case, k *client, via bool) {
	if !c.Shares || k.lost || s.kept[via] != nil {
		k.close()
		return
	}
	s.kept[via] = k
}

// drop closes what is kept: definitions have changed.
func (s *suite) drop() {
	for via, k := range s.kept {
		k.close()
		delete(s.kept, via)
	}
}

// play runs a case on one session, or two, and says what was received.
func (s *suite) play(c *Case, mode Mode, via bool) (*Transcript, error) {
	if err := s.ctx.Err(); err != nil {
		return nil, err
	}
	began := time.Now()
	defer func() {
		if took := time.Since(began); took > s.Wait/4 {
			s.say("note: %s:%d: %s, %s took %s", c.List, c.Line, c.Name, mode, took.Round(time.Millisecond))
		}
	}()
	first, err := s.session(c, via)
	if err != nil {
		return nil, err
	}
	defer s.leave(c, first, via)
	var second *client
	defer func() { second.close() }()
	if c.Undo {
		if _, err := first.query("begin"); err != nil {
			return nil, unreachable("begin", err)
		}
	}
	s.dirty = s.dirty || c.writes()
	t := &Transcript{}
	var pipe []byte
	piping := false
	for _, step := range c.Steps {
		switch {
		case step.Do == VerbPipe:
			piping = true
		case step.Do == VerbSync:
			first.send(append(pipe, message(nil, 'S', "")...))
			t.Steps = append(t.Steps, first.answer(false))
			pipe, piping = nil, false
		case piping:
			if step.Do == VerbSend {
				mode = max(mode, ModeExtended)
			}
			pipe, _ = encode(pipe, step, mode)
		case step.Do == VerbSecond:
			if second == nil {
				if second, err = s.start(via); err != nil {
					return nil, err
				}
			}
			t.Steps = append(t.Steps, second.do(step, ModeSimple))
		case step.Do == VerbDirect:
			if _, err := s.world.owner.query("set search_path = conformance, public; " + step.SQL); err != nil {
				s.say("note: %s:%d: \\direct: %v", c.List, c.Line, err)
			}
		default:
			t.Steps = append(t.Steps, first.do(step, mode))
		}
		if first.lost {
			break
		}
	}
	t.Lost = first.lost
	if c.Undo && !first.lost {
		if _, err := first.query("rollback"); err != nil {
			t.Lost = t.Lost || first.lost
		}
	}
	return t, nil
}

// refused says whether a case was refused: some step failed through the
// gateway that did not fail without it.
func refused(via, direct []string) string {
	for i, f := range via {
		if f == "" {
			continue
		}
		if i >= len(direct) || direct[i] == "" {
			return f
		}
	}
	return ""
}

// failed says whether a case fails for the server, so that it proves nothing.
func failed(direct []string) bool {
	return !slices.ContainsFunc(direct, func(f string) bool { return f == "" })
}

// known is all that the client of a case has sent.
func (c *Case) known() string {
	var b strings.Builder
	for _, s := range c.Steps {
		b.WriteString(s.SQL)
		b.WriteByte('\n')
	}
	return b.String()
}
