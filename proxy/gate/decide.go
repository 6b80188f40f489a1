package gate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"sluice.dev/proxy/approval"
	"sluice.dev/proxy/audit"
	"sluice.dev/proxy/mask"
	"sluice.dev/proxy/plugin"
	"sluice.dev/proxy/policy"
)

// judged is what classification and policies say of a command, before anything
// is done about it.
type judged struct {
	conn  *Connection
	class classification
	*opinion
	refusal *Refusal
}

// classification is what plugins add to the facts.
type classification struct {
	labels []string
	risk   int
	spans  []plugin.Span
	said   []audit.Said // one for each plugin, in the order of the configuration
}

// Decide takes one command along the data path as far as it goes without
// waiting: classified, decided, and either refused (the refusal is recorded),
// held (the ticket is durable), or let through (its intent is on its way to
// the disk). What it lets through ends with Finish.
func (s *Session) Decide(c *Command) Verdict {
	s.commands.Add(1)
	c.ID = ulid.Make().String()
	return s.decide(c, nil)
}

// decide works for a new command and for one whose hold was approved; released
// is that hold.
func (s *Session) decide(c *Command, released *Hold) Verdict {
	began := time.Now()
	if r := s.stopped(); r != nil {
		c.release()
		return Verdict{Refusal: r}
	}
	j := s.judge(c)
	if j.conn == nil {
		return Verdict{Refusal: j.refusal}
	}
	v := Verdict{conn: j.conn, began: began, Masks: j.plan, Limits: CommandLimits{Rows: j.decision.Limit.Rows}}
	if released != nil {
		v.ticket = released.waiter
		v.hold = began.Sub(released.since)
	}
	switch {
	case j.refusal != nil:
		s.refuse(c, &v, &j, j.refusal)
	case j.decision.Verdict == policy.Hold && !covered(j.conn, j.decision.Holds, released):
		s.hold(c, &v, &j)
	default:
		s.admit(c, &v, &j)
	}
	return v
}

// stopped refuses everything when nothing can be recorded any more.
func (s *Session) stopped() *Refusal {
	if s.gw.Log.Err() != nil {
		return LogStopped()
	}
	if s.Recorder != nil && s.Recorder.Err() != nil {
		s.end(EndStopped, "the recording of this session cannot be written")
		return LogStopped()
	}
	return nil
}

// judge asks plugins and policies, and builds the masks. A failure of any is a
// refusal: the gate fails closed.
func (s *Session) judge(c *Command) (j judged) {
	j.opinion = unjudged
	conn := c.Conn
	if c.Conn = nil; conn == nil {
		conn = s.gw.Connection(s.connection)
	}
	if conn == nil {
		j.refusal = s.removed()
		return j
	}
	j.conn = conn
	ctx := context.Background() // plugins and policies bound their own time
	var err error
	if j.class, err = s.classify(ctx, conn, c); err == nil {
		j.opinion, err = s.opinion(ctx, conn, c, &j.class)
	}
	if err != nil {
		j.refusal = CannotDecide(err)
		return j
	}
	switch {
	case c.Facts.Exempt:
	case j.decision.Verdict == policy.Deny:
		d := policy.Reason{Reason: policy.NothingAllows}
		if len(j.decision.Denies) > 0 {
			d = j.decision.Denies[0]
		}
		j.refusal = denial(d.Policy, d.Reason, d.Hint)
	case c.Refuse != nil && (len(c.RefuseColumns) == 0 || !j.plan.Lifted(c.RefuseColumns)):
		j.refusal = c.Refuse
	default:
		j.refusal = j.barred
	}
	return j
}

// removed ends a session whose connection has left the configuration.
func (s *Session) removed() *Refusal {
	text := "connection " + s.connection + " was removed from the configuration"
	s.end(EndRemoved, text)
	return &Refusal{Kind: Denied, Text: text}
}

// opinion is what policies and triggers say, and the masks that follow. With an
// error it has what was said before that.
func (s *Session) opinion(ctx context.Context, conn *Connection, c *Command, class *classification) (*opinion, error) {
	mine := s.under(conn)
	var key opinionKey
	if mine.repeats {
		key = mine.key(c, class)
		if op := mine.by[key]; op != nil {
			return op, nil
		}
	}
	d, err := conn.Policy.Decide(ctx, s.input(conn, c, class))
	if err != nil {
		return unjudged, err
	}
	plan, err := s.plan(conn, &d)
	if err != nil {
		return newOpinion(c, class, d, nil), err
	}
	if c.Facts.Exempt {
		d.Verdict, d.Limit = policy.Allow, policy.Limits{}
	} else if err := s.trigger(ctx, conn, c, &d); err != nil {
		return newOpinion(c, class, d, plan), err
	}
	op := newOpinion(c, class, d, plan)
	if mine.repeats {
		mine.keep(key, op)
	}
	return op, nil
}

// maskDenies refuses a command that reads a column whose mask is "deny".
func maskDenies(c *Command, p *mask.Plan) *Refusal {
	for _, col := range c.Facts.Columns {
		if p.Columns[col].Action == mask.Deny {
			return denial("", "column "+col+" may not be read", "")
		}
	}
	return nil
}

// classify asks every plugin that classifies; labels add up, the highest risk
// counts.
func (s *Session) classify(ctx context.Context, conn *Connection, c *Command) (out classification, err error) {
	if len(conn.Classifiers) == 0 || c.Facts.Exempt || c.Unparsed {
		return out, nil
	}
	pc := s.pluginCommand(conn, c)
	for _, m := range conn.Classifiers {
		r, err := m.Classify(ctx, pc)
		if err != nil {
			s.gw.Metrics.PluginFailures.WithLabelValues(m.Name()).Inc()
			return out, err
		}
		for _, l := range r.Labels {
			if !slices.Contains(out.labels, l) {
				out.labels = append(out.labels, l)
			}
		}
		out.risk = max(out.risk, r.Risk)
		out.spans = append(out.spans, r.Spans...)
		out.said = append(out.said, s.said(m, pc, &r))
	}
	slices.Sort(out.labels)
	return out, nil
}

// said is what records say of a plugin's answer. It hangs on the module, the
// input and the gateway's key alone.
func (s *Session) said(m *plugin.Module, pc *plugin.Command, r *plugin.Classification) audit.Said {
	if r.Note != nil {
		if known, ok := r.Note.Load().(audit.Said); ok {
			return known
		}
	}
	out := audit.Said{Plugin: m.Name(), Module: "sha256:" + m.Digest(), Input: s.gw.Key.Digest(InputDomain, m.Input(pc)),
		Output: r.Digest(), Labels: r.Labels, Risk: int64(r.Risk), Reason: r.Reason, Clock: !m.Replays()}
	if r.Note != nil {
		r.Note.Store(out)
	}
	return out
}

// InputDomain is what the digest of a plugin's input in a record is keyed for:
// a plain digest of a short command could be searched for.
const InputDomain = "plugin input"

func (s *Session) pluginCommand(conn *Connection, c *Command) *plugin.Command {
	pc := &plugin.Command{Protocol: conn.Protocol, Text: string(c.Text), Facts: c.Facts.JSON, Groups: s.Principal.Groups}
	for _, p := range c.Params {
		out := plugin.Param{Value: p.Value, Null: p.Null, Binary: p.Binary && !p.Null}
		if p.Binary && p.Text != "" { // so that no client hides a value in a format
			out.Value, out.Binary = []byte(p.Text), false
		}
		pc.Params = append(pc.Params, out)
	}
	return pc
}

// trigger asks the plugins that may hold a command.
func (s *Session) trigger(ctx context.Context, conn *Connection, c *Command, d *policy.Decision) error {
	if len(conn.Triggers) == 0 || d.Verdict == policy.Deny || c.Unparsed {
		return nil
	}
	pc := s.pluginCommand(conn, c)
	for _, m := range conn.Triggers {
		h, err := m.Trigger(ctx, pc, []byte(`{"verdict":"`+d.Verdict.String()+`"}`))
		if err != nil {
			s.gw.Metrics.PluginFailures.WithLabelValues(m.Name()).Inc()
			return err
		}
		if h != nil {
			d.Verdict = policy.Hold
			d.Holds = append(d.Holds, policy.HoldRequest{Policy: "plugin " + m.Name(), Approval: h.Approval, Reason: h.Reason})
		}
	}
	return nil
}

// input is the document that policies see, without the digests that none of
// them reads.
func (s *Session) input(conn *Connection, c *Command, class *classification) *policy.Input {
	f := c.Facts
	mine := s.under(conn)
	in := &policy.Input{
		Principal:  s.Principal,
		Connection: policy.Connection{Name: conn.Name, Protocol: conn.Protocol, Labels: conn.Labels},
		Session: policy.Session{ID: s.ID, InTransaction: c.InTransaction,
			Client: policy.Client{Address: s.Client.Address, Application: s.Client.Application, User: s.Client.User}},
		Command: policy.Command{Protocol: conn.Protocol, Fingerprint: f.Fingerprint,
			Complete: f.Complete, Resolved: f.Resolved, Operations: f.Operations, Reads: f.Reads, Writes: f.Writes,
			Columns: f.Columns, Filters: f.Filters, Functions: f.Functions, Flags: f.Flags, Own: f.Extra,
			Parameters: len(c.Params), Labels: class.labels, Risk: class.risk},
		Time:       time.Now().UTC(),
		Generation: conn.Generation.ID(),
	}
	if mine.texts {
		digest := sha256.Sum256(c.Text)
		in.Command.Digest = hex.EncodeToString(digest[:])
	}
	if !mine.values {
		return in
	}
	for _, p := range c.Params {
		in.Command.ParameterDigests = append(in.Command.ParameterDigests, s.gw.Key.Digest("parameter", p.Value))
	}
	return in
}

// plan builds the masks of a command from the connection's rules and what the
// policies add.
func (s *Session) plan(conn *Connection, d *policy.Decision) (*mask.Plan, error) {
	adds := make([]mask.Addition, 0, len(d.Masks))
	for _, m := range d.Masks {
		a := mask.Addition{Column: m.Column, Block: m.Block, Treatment: mask.Treatment{Action: mask.Redact}}
		if m.Action != "" {
			action, err := mask.ParseAction(m.Action)
			if err != nil {
				return nil, err
			}
			a.Treatment.Action = action
		}
		adds = append(adds, a)
	}
	if len(adds) == 0 {
		return s.under(conn).base, nil
	}
	return mask.Build(conn.Rules, adds, s.Principal.InEvery), nil
}

// covered says whether an approved hold stands for every approval that the
// decision asks for now, as the newest configuration has them.
func covered(conn *Connection, holds []policy.HoldRequest, released *Hold) bool {
	if released == nil {
		return false
	}
	rules := make([]approval.Rule, 0, len(holds))
	for _, h := range holds {
		r, ok := conn.Approvals[h.Approval]
		if !ok {
			return false
		}
		rules = append(rules, r)
	}
	hold := released.waiter.Hold()
	return hold.Covers(rules)
}

// admit lets a command through: its intent is recorded, and with a ticket, the
// ticket is used up first.
func (s *Session) admit(c *Command, v *Verdict, j *judged) {
	if v.ticket != nil {
		ok, err := v.ticket.Claim()
		if err != nil {
			v.ticket = nil
			s.refuse(c, v, j, s.ledgerRefusal(err))
			return
		}
		if !ok {
			o := v.ticket.Outcome()
			o.Hold = v.ticket.Hold()
			v.ticket = nil
			s.refuse(c, v, j, ticketRefusal(o))
			return
		}
	}
	r := s.commandRecord("cmd.intent", c, v, j)
	r.Decision.Verdict = "allow"
	add := s.records.Append // the disk works while the resource does
	if !c.Facts.ReadOnly || s.gathers.Load() {
		add = s.records.Grouped // whoever forwards it waits at once, and writes by itself
	}
	seq, err := add(s.gw.Log, r)
	if err != nil {
		if v.ticket != nil {
			s.finishTicket(v.ticket, "unknown")
			v.ticket = nil
		}
		v.done()
		v.Refusal = LogStopped()
		return
	}
	v.Intent, v.Durable = seq, !c.Facts.ReadOnly
	s.allowed.Inc()
	s.recordStatement(c)
}

// refuse records a refusal; the client reads it when the record is durable.
func (s *Session) refuse(c *Command, v *Verdict, j *judged, refusal *Refusal) {
	d := *refusal
	switch {
	case d.Detail == "" && c.Unparsed:
		d.Detail = fmt.Sprintf("[cmd %s]", c.ID)
	case d.Detail == "":
		d.Detail = describe(c, s.Principal)
	default:
		d.Detail += fmt.Sprintf(" [cmd %s]", c.ID)
	}
	r := s.commandRecord("cmd.deny", c, v, j)
	r.Decision.Verdict = "deny"
	r.Decision.Reasons = append(r.Decision.Reasons, d.Text)
	r.Decision.Hint = d.Hint
	r.Decision.Ticket = d.Ticket
	r.Result.Outcome = "denied"
	seq, err := s.records.Append(s.gw.Log, r)
	v.done()
	if err != nil {
		v.Refusal = LogStopped()
		return
	}
	s.gw.Metrics.Commands.WithLabelValues(s.protocol, "deny").Inc()
	s.denied.Add(1)
	s.recordRefusal(c, &d)
	v.Intent, v.Refusal = seq, &d
}

// Preview refuses what a command's text alone denies, before its values are
// known: nothing is recorded unless it is refused, and holds are left to
// Decide.
func (s *Session) Preview(c *Command) (*Refusal, Seq) {
	c.ID = ulid.Make().String()
	if r := s.stopped(); r != nil {
		c.release()
		return r, 0
	}
	j := s.judge(c)
	if j.conn == nil {
		return j.refusal, 0
	}
	v := Verdict{conn: j.conn, began: time.Now(), Masks: j.plan}
	if j.refusal != nil {
		s.refuse(c, &v, &j, j.refusal)
		return v.Refusal, v.Intent
	}
	v.done()
	return nil, 0
}

// RefuseUnparsed records the refusal of what could not be read as a command:
// its text is kept as digest and length only.
func (s *Session) RefuseUnparsed(text []byte, size int64, r *Refusal) (*Refusal, Seq) {
	c := &Command{ID: ulid.Make().String(), Unparsed: true, Text: text, Facts: &Facts{Resolved: "none"}}
	conn := s.gw.Connection(s.connection)
	if conn == nil {
		return s.removed(), 0
	}
	s.commands.Add(1)
	v := Verdict{conn: conn, began: time.Now()}
	j := judged{conn: conn, opinion: unjudged}
	c.size = size
	s.refuse(c, &v, &j, r)
	return v.Refusal, v.Intent
}

// MaskOnly is a verdict for text of the server that belongs to no command: it
// has the masks of the session's principal and nothing else.
func (s *Session) MaskOnly() Verdict {
	conn := s.gw.Connection(s.connection)
	if conn == nil {
		return Verdict{Masks: &mask.Plan{Derived: mask.Treatment{Action: mask.Redact}}}
	}
	v := Verdict{Masks: s.under(conn).base, conn: conn}
	v.done() // a detector of a generation just replaced fails, and the text is scrubbed
	return v
}
