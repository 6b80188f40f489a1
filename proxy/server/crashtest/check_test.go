package crashtest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"sluice.dev/proxy/audit"
	"sluice.dev/proxy/console"
)

// known is what is known of a write after the kill and a new start: the rows
// that PostgreSQL has, the records, the ticket.
type known struct {
	rows, a, b int
	intent     bool
	outcome    string // "" without an intent
	results    int
	commit     string // outcome of the COMMIT of its session, likewise
	hold       *console.Hold
}

// count reads the effects, once no session of the dead gateway's is left that
// may yet make one.
func (w *world) count() map[string]int {
	w.t.Helper()
	for deadline := time.Now().Add(time.Minute); w.Direct("SELECT count(*) FROM pg_stat_activity WHERE usename = 'crew_app'") != "0"; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatal("sessions of a dead gateway stay at the database")
		}
	}
	out := map[string]int{}
	text := w.Direct("SELECT json_object_agg(what, n) FROM (SELECT what, count(*) n FROM (SELECT what FROM effects UNION ALL SELECT what FROM guarded) x GROUP BY what) y")
	if text == "" {
		return out
	}
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		w.t.Fatal(err)
	}
	return out
}

// records reads the audit log for the writes of a life.
func (w *world) records(l *life) map[string]*known {
	out := map[string]*known{}
	for _, o := range l.ops {
		out[o.mark] = &known{}
	}
	command := map[string]*known{}
	session := map[string]*known{} // whose write a session does
	commits := map[string]*known{}
	for _, r := range w.Records(audit.CommandIntent, audit.CommandResult) {
		if r.Event == audit.CommandResult {
			if k := command[r.Command]; k != nil {
				k.outcome = r.Result.Outcome
				k.results++
			}
			if k := commits[r.Command]; k != nil {
				k.commit = r.Result.Outcome
			}
			continue
		}
		text := r.Action.Text + " " + r.Detail["$1"]
		if m := marks.FindStringSubmatch(text); m != nil {
			if k := out[m[1]]; k != nil && (m[2] == "" || m[2] == ".c") {
				k.intent = true
				command[r.Command], session[r.Session] = k, k
			}
			continue
		}
		if k := session[r.Session]; strings.HasPrefix(r.Action.Text, "COMMIT") && k != nil {
			commits[r.Command] = k
			k.commit = "none"
		}
	}
	return out
}

// check starts the gateway again and holds what is known then against what
// clients and approvers were told.
func (w *world) check(l *life, tally map[string]int) {
	w.t.Helper()
	rows := w.count()
	w.start()
	facts := w.records(l)
	api, err := w.approver()
	if err != nil {
		w.t.Fatal(err)
	}
	for _, o := range l.ops {
		k := facts[o.mark]
		k.rows, k.a, k.b = rows[o.mark], rows[o.mark+".a"], rows[o.mark+".b"]
		if o.ticket != "" {
			h, err := api.Hold(w.t.Context(), o.ticket)
			if err != nil {
				w.t.Errorf("%s at %q: ticket %s: %v", o.kind, o.last, o.ticket, err)
				continue
			}
			k.hold = &h
		}
		for _, wrong := range o.judge(k) {
			w.t.Errorf("%s stopped at %q, last seen at %q (told %v, ready %v): %s\n\tknown: %s", o.kind, o.stop, o.last, o.done, o.ready, wrong, k)
		}
		tally[o.state(k)]++
	}
	w.repeat(l, facts)
	if out, err := w.cli("audit", "verify"); err != nil {
		w.t.Errorf("audit verify: %v\n%s", err, out)
	}
}

func (k *known) String() string {
	s := fmt.Sprintf("%d rows, intent %v, outcome %q", k.rows, k.intent, k.outcome)
	if k.commit != "" {
		s += fmt.Sprintf(", commit %q", k.commit)
	}
	if k.hold != nil {
		s += fmt.Sprintf(", ticket %s %s", k.hold.State, k.hold.Outcome)
	}
	return s
}

// state names where the kill found a write, for the tally.
func (o *op) state(k *known) string {
	effect := "no effect"
	if k.rows > 0 {
		effect = "took effect"
	}
	switch {
	case o.ready:
		return "its client was told"
	case o.done:
		return "its client was told, but for ReadyForQuery"
	case k.hold != nil && !k.intent:
		return "held: ticket " + string(k.hold.State) + ", " + effect
	case !k.intent:
		return "not on record, " + effect
	case o.block && k.commit == "":
		return "in a transaction that was never committed, " + effect
	case o.block:
		return "COMMIT " + k.commit + ", " + effect
	}
	return "outcome " + k.outcome + ", " + effect
}

// judge lists what is wrong with a write after the kill.
func (o *op) judge(k *known) (wrong []string) {
	bad := func(is bool, format string, args ...any) {
		if is {
			wrong = append(wrong, fmt.Sprintf(format, args...))
		}
	}
	unit := 1
	if o.kind == "copy" {
		unit = 2 // rows, whole or not at all
	}
	took := k.rows == unit
	bad(k.rows != 0 && !took, "%d rows: doubled or cut in two", k.rows)
	bad(o.done && !took, "reported done, and lost")
	if o.kind == "pipeline" {
		bad(k.a != k.rows || k.b != k.rows, "a pipeline is cut in two: %d, %d, %d rows", k.a, k.rows, k.b)
	}
	bad(took && !k.intent, "it took effect and is not on record")
	bad(k.intent && k.results != 1, "its intent has %d outcomes", k.results)
	last := k.outcome
	if o.block {
		last = k.commit
	}
	bad(o.done && last != audit.OK, "its client was told, and its outcome is %q", last)
	bad(last == audit.OK && !took && o.kind != "pipeline", "on record as done, and without effect")
	bad(!slices.Contains([]string{"", audit.OK, audit.Unknown}, last), "its outcome is %q", last)
	if !o.guarded {
		return wrong
	}
	if o.ticket == "" {
		bad(took, "it took effect without a ticket")
		return wrong
	}
	state := string(k.hold.State)
	bad(took && state != "done" && state != "unknown", "it took effect and its ticket is %s", state)
	bad(k.intent && state != "done" && state != "unknown", "it has left and its ticket is %s", state)
	bad(o.ready && (state != "done" || k.hold.Outcome != "committed"), "its client was told, and its ticket is %s %s", state, k.hold.Outcome)
	bad(state == "done" && k.hold.Outcome == "committed" && !took, "its ticket says committed, and it has no effect")
	bad(o.approved && state == "pending", "the approval is lost")
	bad(!o.asked && state != "pending", "nobody approved it, and its ticket is %s", state)
	bad(!slices.Contains([]string{"pending", "approved", "done", "unknown"}, state), "its ticket is %s", state)
	return wrong
}

// repeat sends every held statement again, in a new session: what is pending
// still waits under its ticket and runs once it is approved, what is approved
// runs once, and what has run, or may have, is a new hold.
func (w *world) repeat(l *life, facts map[string]*known) {
	w.t.Helper()
	for _, o := range l.ops {
		k := facts[o.mark]
		if !o.guarded || o.kind == "pipeline" || o.kind == "held prepared" {
			continue // statements with bound values are other actions than these Queries
		}
		application := "patient"
		if o.kind == "ticket" {
			application = "ticket"
		}
		if err := w.again(o, k, application); err != nil {
			w.t.Errorf("%s stopped at %q, last seen at %q, sent again: %v\n\tknown: %s", o.kind, o.stop, o.last, err, k)
		}
	}
}

func (w *world) again(o *op, k *known, application string) error {
	send := func() (answer, error) {
		c, err := w.dial(nil, application)
		if err != nil {
			return answer{}, err
		}
		defer c.conn.Close()
		a, err := c.ask(never, nil, query(o.statement()))
		return a, err
	}
	a, err := send()
	if err != nil {
		return err
	}
	state := "pending"
	if k.hold != nil {
		state = string(k.hold.State)
	} else {
		// Its client never read a ticket; there may be one all the same.
		o.ticket = a.ticket
	}
	switch state {
	case "approved":
		if a.code != "" || len(a.tags) != 1 {
			return fmt.Errorf("approved before the kill, and answered %v", a)
		}
	case "pending":
		if a.ticket != o.ticket {
			return fmt.Errorf("pending before the kill, and answered %v", a)
		}
		if err := w.approve(o.ticket); err != nil {
			return err
		}
		if a, err = send(); err != nil {
			return err
		}
		if a.code != "" || len(a.tags) != 1 {
			return fmt.Errorf("approved after the kill, and answered %v", a)
		}
	default:
		if a.ticket == "" || a.ticket == o.ticket || len(a.tags) > 0 {
			return fmt.Errorf("a used ticket, and answered %v", a)
		}
		return w.deny(a.ticket)
	}
	if a, err = send(); err != nil {
		return err
	}
	if a.ticket == "" || a.ticket == o.ticket || len(a.tags) > 0 {
		return fmt.Errorf("a third time it was answered %v", a)
	}
	return w.deny(a.ticket)
}

func (w *world) deny(ticket string) error {
	c, err := w.approver()
	if err != nil {
		return err
	}
	_, err = c.Deny(w.t.Context(), ticket, "once is enough")
	return err
}
