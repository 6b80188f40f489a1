package server

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"sluice.dev/proxy/approval"
	"sluice.dev/proxy/audit"
	"sluice.dev/proxy/console"
	"sluice.dev/proxy/gate"
	"sluice.dev/proxy/identity"
	"sluice.dev/proxy/recording"
	"sluice.dev/proxy/state"
)

// backend is the running gateway as the console, the API and the admin socket
// see it. It has the last word on who may do what.
type backend struct{ g *Gateway }

func (g *Gateway) backend() console.Backend { return &backend{g} }

// access says which groups may see and do what, by the newest configuration.
func (g *Gateway) access() console.Access {
	gen := g.manager.Generation()
	if gen == nil || gen.Console() == nil {
		return console.Access{}
	}
	return console.Access{Auditors: gen.Console().Auditors, Operators: gen.Console().Operators}
}

// kinds of error, by what caused it.
var errorKinds = []struct{ cause, kind error }{
	{approval.ErrNotFound, console.ErrNotFound},
	{approval.ErrNotApprover, console.ErrForbidden},
	{approval.ErrSelf, console.ErrForbidden},
	{approval.ErrAgain, console.ErrConflict},
	{approval.ErrDecided, console.ErrConflict},
	{approval.ErrReason, console.ErrInvalid},
	{approval.ErrClosed, console.ErrUnavailable},
	{state.ErrUnavailable, console.ErrUnavailable},
}

// fault is an error of a kind with its own text.
type fault struct {
	kind error
	text string
}

func (f *fault) Error() string { return f.text }
func (f *fault) Unwrap() error { return f.kind }

func kindOf(err error) error {
	if err == nil {
		return nil
	}
	text := strings.TrimPrefix(err.Error(), "approval: ")
	for _, k := range errorKinds {
		if errors.Is(err, k.cause) {
			return &fault{k.kind, text}
		}
	}
	return &fault{console.ErrUnavailable, text}
}

func (b *backend) Holds(_ context.Context, f console.Filter) ([]console.Hold, error) {
	filter := approval.Filter{Connection: f.Connection, Session: f.Session, Limit: f.Limit}
	for _, s := range f.States {
		filter.States = append(filter.States, approval.State(s))
	}
	all, err := b.g.ledger.List(filter)
	if err != nil {
		return nil, kindOf(err)
	}
	out := make([]console.Hold, len(all))
	for i := range all {
		out[i] = holdView(&all[i], b.g.gate)
	}
	return out, nil
}

func (b *backend) Hold(_ context.Context, ticket string) (console.Hold, error) {
	h, err := b.g.ledger.Get(ticket)
	if err != nil {
		return console.Hold{}, kindOf(err)
	}
	return holdView(&h, b.g.gate), nil
}

// holdView is a hold as pages show it.
func holdView(h *approval.Hold, g *gate.Gateway) console.Hold {
	out := console.Hold{Ticket: h.Ticket, State: console.State(h.State), Requester: console.PartyOf(&h.Principal), Session: h.Session,
		Connection: h.Connection, Protocol: h.Protocol, Database: h.Database, Description: h.Description, Command: h.Command,
		Parameters: h.Parameters, InTransaction: h.InTransaction, Waiters: h.Waiters, Created: h.Created, Expires: h.Expires,
		Decided: h.Decided, Outcome: h.Outcome, Digest: h.Digest, Generation: h.Generation}
	for _, r := range h.Reasons {
		out.Reasons = append(out.Reasons, console.Reason{Policy: r.Policy, Approval: r.Approval, Text: r.Reason})
	}
	for _, s := range g.Sessions() {
		if s.ID == h.Session {
			out.Client = console.Client(s.Client)
			break
		}
	}
	if c := g.Connection(h.Connection); c != nil {
		out.Labels = c.Labels
		c.Generation.Release()
	}
	for _, r := range h.Rules {
		a := console.Approval{Name: r.Name, Approvers: r.Approvers, Required: r.Required, Self: r.Self}
		for _, v := range h.Votes {
			for _, name := range v.Rules {
				if name == r.Name {
					a.Votes = append(a.Votes, voteView(&v, true))
				}
			}
		}
		if h.Denial != nil {
			a.Votes = append(a.Votes, voteView(h.Denial, false))
		}
		out.Approvals = append(out.Approvals, a)
	}
	return out
}

func voteView(v *approval.Vote, approve bool) console.Vote {
	return console.Vote{Subject: v.Subject, Issuer: v.Issuer, Display: v.Display, Approve: approve, Reason: v.Reason, At: v.At}
}

func (b *backend) Approve(ctx context.Context, ticket string, by *identity.Principal, reason string) error {
	if err := b.g.log.Err(); err != nil {
		return &fault{console.ErrUnavailable, "the audit log has stopped: nothing can be approved"}
	}
	return b.decided(ctx, b.g.ledger.Approve(ctx, ticket, by, reason))
}

// decided returns how a decision ended, once it is on record.
func (b *backend) decided(ctx context.Context, err error) error {
	if err != nil {
		return kindOf(err)
	}
	if err := b.g.gate.AwaitLedger(ctx); err != nil {
		b.g.o.Logger.Error("server: a decision was taken and could not be recorded", "error", err)
		return &fault{console.ErrUnavailable, "the decision was taken, and is not on record: the audit log has stopped"}
	}
	return nil
}

func (b *backend) Deny(ctx context.Context, ticket string, by *identity.Principal, reason string) error {
	return b.decided(ctx, b.g.ledger.Deny(ctx, ticket, by, reason))
}

func (b *backend) Sessions(context.Context) ([]console.Session, error) {
	all := b.g.gate.Sessions()
	out := make([]console.Session, 0, len(all))
	for i := len(all) - 1; i >= 0; i-- {
		s := &all[i]
		out = append(out, console.Session{ID: s.ID, Principal: console.PartyOf(s.Principal), Client: console.Client(s.Client),
			Connection: s.Connection, Protocol: s.Protocol, Started: s.Started, Ends: s.Ends, Ended: s.Ended, Reason: s.Reason,
			Commands: int64(s.Commands), Denied: int64(s.Denied), Held: s.Held, Recorded: s.Recorded, Generation: s.Generation})
	}
	return out, nil
}

func (b *backend) Kill(ctx context.Context, id string, by *identity.Principal, reason string) error {
	if err := b.record(ctx, audit.AdminUse, by, map[string]string{"action": "kill", "object": id, "reason": reason}); err != nil {
		return err
	}
	if !b.g.gate.Kill(id, b.g.personName(by), reason) {
		return &fault{console.ErrNotFound, "no open session " + id}
	}
	return nil
}

func (b *backend) Replay(ctx context.Context, id string, by *identity.Principal) (iter.Seq2[console.Frame, error], error) {
	if err := b.record(ctx, audit.AdminRead, by, map[string]string{"session": id}); err != nil {
		return nil, err
	}
	known, err := b.g.records.Sessions()
	if err != nil {
		return nil, kindOf(err)
	}
	found := false
	for _, k := range known {
		found = found || k == id
	}
	if !found {
		return nil, &fault{console.ErrNotFound, "no recording of a session " + id}
	}
	return func(yield func(console.Frame, error) bool) {
		var start time.Time
		for e, err := range b.g.records.Replay(id) {
			if errors.Is(err, recording.ErrOpen) {
				err = console.ErrOpenEnd
			}
			if err != nil {
				yield(console.Frame{}, err)
				return
			}
			if start.IsZero() {
				start = e.At
			}
			if !yield(frameView(&e, start), nil) {
				return
			}
		}
	}, nil
}

// frameView is one event of a recording as pages show it.
func frameView(e *recording.Event, start time.Time) console.Frame {
	f := console.Frame{Offset: e.At.Sub(start), Kind: e.Kind, Command: e.Command, Text: e.Text}
	switch e.Kind {
	case recording.KindColumns:
		f.Cells = e.Columns
	case recording.KindComplete:
		f.Text = fmt.Sprintf("%s %s, %d rows", e.Text, e.Code, e.Rows)
	case recording.KindElided:
		f.Text = fmt.Sprintf("%d events were counted and not kept", e.Events)
	case recording.KindSession:
		if e.Meta != nil {
			f.Text = e.Meta.Subject + " on " + e.Meta.Connection + " from " + e.Meta.Client
		}
	case recording.KindError, recording.KindNotice:
		if e.Code != "" {
			f.Text = e.Text + " (" + e.Code + ")"
		}
	}
	for i, v := range e.Row {
		f.Cells = append(f.Cells, string(v))
		if v == nil {
			if f.Nulls == nil {
				f.Nulls = make([]bool, len(e.Row))
			}
			f.Nulls[i] = true
		}
	}
	return f
}

func (b *backend) Status(context.Context) (console.Status, error) {
	g := b.g
	s := console.Status{Gateway: g.name, Version: g.o.Version, Started: g.started, Ready: true, LogOrigin: g.log.Origin(),
		LogHead: g.log.Stats().Size, LogDurable: uint64(g.log.Durable())}
	if gen := g.manager.Generation(); gen != nil {
		s.Generation, s.Loaded, s.Development = gen.ID(), gen.Loaded, gen.Development()
		s.Quarantined = quarantined(gen)
	}
	if tried, err := g.manager.Last(); !tried.IsZero() {
		s.ReloadTried = tried
		if err != nil {
			s.ReloadError = err.Error()
		}
	}
	if err := g.ready(); err != nil {
		s.Ready, s.NotReady = false, err.Error()
	}
	if err := g.log.Err(); err != nil {
		s.LogError = err.Error()
	}
	for _, x := range g.gate.Sessions() {
		if x.Ended.IsZero() {
			s.Sessions++
		}
	}
	if pending, err := g.ledger.List(approval.Filter{States: []approval.State{approval.Pending}}); err == nil {
		s.Pending = len(pending)
	}
	return s, nil
}

func (b *backend) Reload(ctx context.Context, by *identity.Principal) error {
	if err := b.g.manager.Reload(ctx, b.g.personName(by)); err != nil {
		return &fault{console.ErrInvalid, Explain(err)}
	}
	return nil
}

func (b *backend) Used(ctx context.Context, u console.Use) error {
	d := map[string]string{"action": u.Action, "via": u.Via, "from": u.From}
	if u.Object != "" {
		d["object"] = u.Object
	}
	if u.Denied != "" {
		d["denied"] = u.Denied
	}
	return b.record(ctx, audit.AdminUse, u.By, d)
}

func (b *backend) record(ctx context.Context, event string, by *identity.Principal, detail map[string]string) error {
	r := &audit.Record{Event: event, Detail: detail}
	if by != nil {
		r.Principal = audit.Principal{Subject: by.Subject, Issuer: by.Issuer, Groups: by.Groups, Kinds: by.Kinds, TokenID: by.TokenID}
	}
	seq, err := b.g.log.Append(r)
	if err == nil {
		err = b.g.log.Wait(ctx, seq)
	}
	if err != nil {
		return &fault{console.ErrUnavailable, "the audit log cannot record this: " + err.Error()}
	}
	return nil
}

func (b *backend) Subscribe(ctx context.Context) <-chan console.Change {
	return b.g.changes.subscribe(ctx)
}
