package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"sluice.dev/proxy/testenv/model"
)

// crewWatch looks on while a crew works: at what its model is shown, at the
// holds, and at the database itself.
type crewWatch struct {
	n          *narrator
	s          *stage
	model      *model.Server
	unattended bool // nobody is there to click
	customers  *result

	exchanges []model.Exchange
	waiting   bool      // the tool is on the DELETE
	held      *crewHold // what it waits for, once seen
	report    string
}

// driver makes sure that the crew has the driver that we say it has.
func (w *crewWatch) driver(ctx context.Context, p *crewProcess, d crewDriver) error {
	got, err := p.ask(ctx, `import os, sqlalchemy, importlib.metadata as m
e = sqlalchemy.create_engine(os.environ["DATABASE_URL"])
print("%s, CrewAI %s, SQLAlchemy %s, %s %s" % (e.driver, m.version("crewai"), sqlalchemy.__version__, e.dialect.dbapi.__name__, e.dialect.dbapi.__version__))`)
	if err != nil {
		return err
	}
	driver, versions, _ := strings.Cut(got, ", ")
	w.n.see(driver == d.name, "postgresql:// means %s here: %s", driver, versions)
	return nil
}

// follow goes along until the crew has ended.
func (w *crewWatch) follow(ctx context.Context, p *crewProcess) (err error) {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case e := <-w.model.Exchanges():
			w.exchange(ctx, e)
		case <-tick.C:
			if w.waiting && w.held == nil {
				if w.held, err = w.hold(ctx); err != nil {
					return p.stop(err)
				}
			}
		case err := <-p.ended: // with ctx too: its end ends the process
			for len(w.model.Exchanges()) > 0 {
				w.exchange(ctx, <-w.model.Exchanges())
			}
			if ctx.Err() != nil {
				return fmt.Errorf("the crew did not come to an end: %w; it last wrote:\n%s", ctx.Err(), lastLines(p.wrote("stderr"), 20))
			}
			w.n.see(err == nil, "the crew came to its end without an error")
			if err != nil {
				w.n.answer(lastLines(p.wrote("stderr"), 30))
			}
			return nil
		}
	}
}

// exchange looks at what the model was just shown, and tells what it said.
func (w *crewWatch) exchange(ctx context.Context, e model.Exchange) {
	first := len(w.exchanges) == 0
	w.exchanges = append(w.exchanges, e)
	if first {
		w.n.see(true, "the tool has looked up tables and columns, and the crew could be built")
	}
	if len(e.Answers) > 0 {
		w.n.answer(refusal(e.Answers[len(e.Answers)-1]))
		w.answered(ctx, e)
	}
	w.waiting = false
	for _, c := range e.Turn.Calls {
		sql := fmt.Sprint(c.Arguments["sql_query"])
		w.n.typed("model", sql)
		w.waiting = strings.HasPrefix(sql, crewSQL[crewDelete])
	}
	if w.report = e.Turn.Text; w.report != "" {
		w.n.typed("model", "(its report)")
	}
}

// answered sees to what the tool's last answer promises.
func (w *crewWatch) answered(ctx context.Context, e model.Exchange) {
	got, next, tried := crewProgress(e.Answers)
	if tried > 0 {
		return
	}
	a := got[next-1]
	switch next - 1 {
	case crewRead:
		w.n.see(strings.Contains(a, "'a***@example.com'") && strings.Contains(a, "Ada Brandt"), "the model is shown the customers, with masked e-mail addresses")
		w.n.see(strings.Contains(a, "'***1234'") && strings.Contains(a, "'card': '***'"), "phone and card numbers are masked too")
	case crewDrop:
		w.n.see(strings.Contains(a, "InsufficientPrivilege") && strings.Contains(a, "sluice: denied by policy agents: DROP needs a migration"),
			"the model is told why the DROP was refused, as SQLSTATE 42501")
		w.n.see(strings.Contains(a, "DETAIL:") && strings.Contains(a, "as agent-7 for analyst-3"), "and as whom it had asked")
		w.n.see(strings.Contains(a, "HINT:") && strings.Contains(a, "Do not retry or rephrase.") && strings.Contains(a, "#db-changes"), "and what to do instead")
		w.n.see(w.s.count(ctx, "SELECT to_regclass('public.orders') IS NOT NULL AND count(*) = 5 FROM public.orders") == "t", "PostgreSQL still has the table, with its 5 rows")
	case crewLook:
		w.n.see(strings.Count(a, "office chair") == 2, "the model sees an order that was entered twice")
	case crewDelete:
		w.n.see(a == "Query "+lastSQL(e.Answers)+" executed successfully", "the model is told that its DELETE was done")
	case crewCheck:
		w.n.see(strings.Count(a, "office chair") == 1, "the model sees that the duplicate is gone")
	}
}

// lastSQL is the statement that the last of the answers is to.
func lastSQL(answers []string) string {
	turn := crewScript(answers[:len(answers)-1])
	return fmt.Sprint(turn.Calls[0].Arguments["sql_query"])
}

// crewHold is what we look at in a hold of the API.
type crewHold struct {
	Ticket      string `json:"ticket"`
	State       string `json:"state"`
	Description string `json:"description"`
	Command     string `json:"command"`
	Connection  string `json:"connection"`
	Waiters     int    `json:"waiters"`
	Outcome     string `json:"outcome"`
}

// hold looks for the DELETE among the pending holds and sees to its approval;
// nil if it is not there yet.
func (w *crewWatch) hold(ctx context.Context) (*crewHold, error) {
	out, code := w.s.sluice(ctx, w.s.approver, "holds", "list", "-o", "json")
	var list struct {
		Holds []crewHold `json:"holds"`
	}
	if code != 0 || json.Unmarshal([]byte(out), &list) != nil {
		return nil, fmt.Errorf("sluice holds list: code %d: %s", code, out)
	}
	i := slices.IndexFunc(list.Holds, func(h crewHold) bool { return h.Connection == "orders" && strings.Contains(h.Command, "DELETE") })
	if i < 0 {
		return nil, nil
	}
	h := &list.Holds[i]
	w.n.see(h.Waiters == 1 && w.s.count(ctx, "SELECT count(*) FROM orders") == "5" && len(w.model.Exchanges()) == 0,
		"the DELETE waits for an approver, and nothing is deleted: ticket %s, %s", h.Ticket, h.Description)
	if !w.unattended {
		w.n.say("Click: %s/t/%s  (log in as Dana) – or type in another terminal:\n  source %s/demo.env\n  SLUICE_TOKEN=$TOKEN_APPROVER bin/sluice approve %s",
			w.s.webURL, h.Ticket, w.s.dir, h.Ticket)
		return h, nil
	}
	w.n.typed("dba-2", "sluice approve "+h.Ticket)
	out, code = w.s.sluice(ctx, w.s.approver, "approve", h.Ticket, "--reason", "duplicate of 102, checked")
	w.n.answer(out)
	w.n.see(code == 0, "approved by dba-2")
	return h, nil
}

// sum looks at everything once more when the crew has gone.
func (w *crewWatch) sum(ctx context.Context, p *crewProcess, tries int) {
	w.used(ctx)
	ids := w.s.count(ctx, "SELECT string_agg(id::text, ' ' ORDER BY id) FROM orders")
	w.n.see(ids == "101 102 104 105", "order 103 is gone, and nothing else: %s", ids)
	var changes string
	for range 50 { // a backend that has ended tells its figures a moment later
		changes = w.s.count(ctx, `SELECT coalesce(string_agg(format('%s: %s inserted, %s updated, %s deleted', relname, n_tup_ins, n_tup_upd, n_tup_del), '; '), '')
			FROM pg_stat_user_tables WHERE n_tup_ins + n_tup_upd + n_tup_del > 0`)
		if changes != "" {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	w.n.see(changes == "orders: 0 inserted, 0 updated, 1 deleted", "PostgreSQL itself counts one change: %s", changes)
	if leaks := w.leaks(p); len(leaks) > 0 {
		w.n.see(false, "no clear address or number went to the model; but: %s", strings.Join(leaks, ", "))
	} else {
		w.n.see(len(w.exchanges) > crewReport, "in %d requests to the model and all that the crew printed there is no clear e-mail address, phone or card number", len(w.exchanges))
	}
	w.n.see(w.report != "" && strings.Contains(p.wrote("stdout"), w.report), "the crew ends with its report, made of what its model saw")
	w.n.answer(w.report)
	w.n.see(tries == 0, "nothing of it wanted out to the internet")
}

// used makes sure that the approval was for one run.
func (w *crewWatch) used(ctx context.Context) {
	if w.held == nil {
		w.n.see(false, "the DELETE was held")
		return
	}
	out, code := w.s.sluice(ctx, w.s.approver, "holds", "show", w.held.Ticket, "-o", "json")
	var h crewHold
	if err := json.Unmarshal([]byte(out), &h); err != nil || code != 0 {
		w.n.see(false, "sluice holds show %s: code %d: %s", w.held.Ticket, code, out)
		return
	}
	w.n.see(h.State == "done" && h.Outcome == "committed", "the ticket is used up: %s, %s", h.State, h.Outcome)
}

// leaks are the protected values that a request to the model, its answer, or
// the crew's output shows in clear, and secrets.
func (w *crewWatch) leaks(p *crewProcess) (found []string) {
	texts := []string{p.wrote("stdout"), p.wrote("stderr")}
	for _, e := range w.exchanges {
		texts = append(texts, string(e.Request), string(e.Reply))
		texts = append(texts, e.Answers...)
	}
	secrets := []string{w.s.password, w.s.agent, "b.kovacs@mail.example"}
	for i := range w.customers.rows {
		for _, h := range []string{"email", "phone", "card"} {
			if v := w.customers.cell(i, h); v != "NULL" {
				secrets = append(secrets, v)
			}
		}
	}
	for _, t := range texts {
		for _, secret := range secrets {
			if strings.Contains(t, secret) && !slices.Contains(found, secret) {
				found = append(found, secret)
			}
		}
	}
	return found
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
