package postgres_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"sluice.dev/proxy/console"
	"sluice.dev/proxy/server/servertest"
)

// Agents repeat what is not answered (CrewAI's do so up to six times a turn),
// never in quite the same words, on new connections: one action is one ticket
// and one effect, whichever driver says it.

// repeater is a run of testdata/clients/held.py.
type repeater struct {
	t     *testing.T
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines *bufio.Scanner
	errs  strings.Builder
}

func repeats(t *testing.T, g *servertest.Gateway, driver, approval, mode, what string) *repeater {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	t.Cleanup(cancel)
	p := &repeater{t: t, cmd: exec.CommandContext(ctx, python(t), filepath.Join("testdata", "clients", "held.py"), mode, what)}
	p.cmd.Env = append(os.Environ(), "DSN="+g.DSN(g.Agent())+"&application_name="+approval, "DRIVER="+driver, "PYTHONDONTWRITEBYTECODE=1")
	p.cmd.Stderr = &p.errs
	out, err := p.cmd.StdoutPipe()
	if err == nil {
		p.in, err = p.cmd.StdinPipe()
	}
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	p.lines = bufio.NewScanner(out)
	return p
}

// attempt is one line of a repeater's output.
type attempt struct {
	n          int
	code, text string
}

func (p *repeater) next() attempt {
	p.t.Helper()
	if !p.lines.Scan() {
		p.cmd.Wait()
		p.t.Fatalf("the client says no more: %v\n%s", p.lines.Err(), p.errs.String())
	}
	f := append(strings.SplitN(p.lines.Text(), " ", 3), "", "")
	n, err := strconv.Atoi(f[0])
	if err != nil {
		p.t.Fatalf("the client says %q", p.lines.Text())
	}
	return attempt{n, f[1], f[2]}
}

// want takes the next attempt, which has to have ended so.
func (p *repeater) want(code, text string) attempt {
	p.t.Helper()
	a := p.next()
	if a.code != code || !strings.Contains(a.text, text) {
		p.t.Errorf("attempt %d ended in %s, %s; want %s, %s", a.n, a.code, a.text, code, text)
	}
	return a
}

func (p *repeater) end() {
	p.t.Helper()
	for p.lines.Scan() {
		p.t.Errorf("the client goes on: %s", p.lines.Text())
	}
	if err := p.cmd.Wait(); err != nil {
		p.t.Errorf("%v\n%s", err, p.errs.String())
	}
}

func ticketIn(t *testing.T, text string) string {
	t.Helper()
	f := ticketForm.FindStringSubmatch(text)
	if f == nil {
		t.Fatalf("no ticket in %q", text)
	}
	return f[1]
}

// pendingOf waits until n clients wait for tickets whose command has a text, and
// returns the tickets.
func pendingOf(t *testing.T, g *servertest.Gateway, text string, n int) (tickets []string) {
	t.Helper()
	waitFor(t, func() bool {
		holds, err := approver(t, g).Holds(t.Context(), console.Filter{})
		if err != nil {
			t.Fatal(err)
		}
		waiting := 0
		tickets = nil
		for _, h := range holds {
			if h.State == "pending" && strings.Contains(h.Command+strings.Join(h.Parameters, " "), text) {
				tickets = append(tickets, h.Ticket)
				waiting += h.Waiters
			}
		}
		return waiting >= n && len(tickets) > 0
	})
	return tickets
}

func TestClientsThatRepeat(t *testing.T) {
	g := startSlow(t)
	rows := func(what string) string {
		return g.Direct("SELECT count(*) FROM quick WHERE what LIKE '" + what + "%'")
	}
	for _, driver := range []string{"psycopg2", "psycopg3", "asyncpg"} {
		t.Run(driver, func(t *testing.T) {
			t.Run("together", func(t *testing.T) {
				what := driver + " together"
				p := repeats(t, g, driver, "patient", "together", what)
				tickets := pendingOf(t, g, what, 4)
				if len(tickets) != 1 {
					t.Fatalf("%d tickets for one action: %v", len(tickets), tickets)
				}
				approve(t, g, tickets[0])
				ok := 0
				for range 4 {
					a := p.next()
					if a.code == "ok" {
						ok++
					} else if !strings.Contains(a.text, tickets[0]) {
						t.Errorf("attempt %d: %s %s", a.n, a.code, a.text)
					}
				}
				p.end()
				if ok != 1 || rows(what) != "1" {
					t.Errorf("%d of four did it, %s effects", ok, rows(what))
				}
			})
			t.Run("one by one", func(t *testing.T) {
				what := driver + " by one"
				p := repeats(t, g, driver, "ticket", "one by one", what)
				ticket := ticketIn(t, p.want("57014", "is not decided yet").text)
				for range 2 {
					if again := ticketIn(t, p.want("57014", "is not decided yet").text); again != ticket {
						t.Errorf("tickets %s and %s for one action", ticket, again)
					}
				}
				p.end()
				approve(t, g, ticket)
				if n := rows(what); n != "0" {
					t.Fatalf("%s effects without a client", n)
				}
				p = repeats(t, g, driver, "ticket", "one by one", what)
				p.want("ok", "")
				if again := ticketIn(t, p.want("57014", "").text); again == ticket {
					t.Error("a ticket counts twice")
				}
				p.want("57014", "")
				p.end()
				if n := rows(what); n != "1" {
					t.Errorf("%s effects", n)
				}
			})
			t.Run("in a transaction", func(t *testing.T) {
				what := driver + " transaction"
				p := repeats(t, g, driver, "hasty", "transaction", what)
				ticket := ticketIn(t, p.want("57014", "is not decided yet").text)
				p.want("inside", what)
				approve(t, g, ticket)
				io.WriteString(p.in, "\n")
				p.want("ok", "")
				p.want("inside", what)
				p.end()
				if n := rows(what); n != "1" {
					t.Errorf("%s effects", n)
				}
				if how, outcome := settled(t, g, ticket); outcome != "committed" {
					t.Errorf("the ticket is %s %s", how, outcome)
				}
			})
		})
	}
	item := func(id string) string { return g.Direct("SELECT item FROM orders WHERE id = " + id) }
	for _, mode := range []string{"pipeline", "pipeline block"} {
		t.Run("psycopg3 "+mode, func(t *testing.T) {
			for _, yes := range []bool{false, true} {
				what := mode + " " + strconv.FormatBool(yes)
				p := repeats(t, g, "psycopg3", "patient", mode, what)
				ticket := pendingOf(t, g, what, 1)[0]
				if item("3") == what {
					t.Error("what comes behind a hold has run")
				}
				if yes {
					approve(t, g, ticket)
					p.want("ok", "")
				} else {
					deny(t, g, ticket)
					p.want("42501", "wrong customer")
				}
				p.want("after", "works")
				p.end()
				if got := []string{item("2"), rows(what), item("3")}; yes && !slices.Equal(got, []string{what, "1", what}) ||
					!yes && (got[1] != "0" || got[2] == what || got[0] == what) {
					t.Errorf("approved %v: %v", yes, got)
				}
			}
		})
	}
	t.Run("asyncpg pipeline", func(t *testing.T) {
		for _, last := range []bool{false, true} {
			what := "async many " + strconv.FormatBool(last)
			p := repeats(t, g, "asyncpg", "patient", "pipeline", what)
			for i := range 3 {
				ticket := pendingOf(t, g, what+" "+strconv.Itoa(i), 1)[0]
				if i == 2 && !last {
					deny(t, g, ticket)
				} else {
					approve(t, g, ticket)
				}
			}
			if last {
				p.want("ok", "")
			} else {
				p.want("42501", "wrong customer")
			}
			p.want("after", "works")
			p.end()
			if n := rows(what); last && n != "3" || !last && n != "0" {
				t.Errorf("the last approved %v: %s effects", last, n)
			}
		}
	})
	t.Run("pgx batch", func(t *testing.T) {
		for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe, pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol} {
			for _, yes := range []bool{false, true} {
				what := mode.String() + strconv.FormatBool(yes)
				conn := connect(t, g.DSN(g.Agent())+"&application_name=patient", mode)
				done := make(chan error, 1)
				go func() { // waited for below
					b := &pgx.Batch{}
					b.Queue("UPDATE orders SET item = $1 WHERE id = 4", what)
					b.Queue("INSERT INTO quick VALUES ($1)", what)
					b.Queue("UPDATE orders SET item = $1 WHERE id = 5", what)
					done <- conn.SendBatch(context.Background(), b).Close()
				}()
				ticket := pendingOf(t, g, what, 1)[0]
				if yes {
					approve(t, g, ticket)
				} else {
					deny(t, g, ticket)
				}
				err := <-done
				var pe *pgconn.PgError
				if yes && err != nil || !yes && (!errors.As(err, &pe) || pe.Code != "42501") {
					t.Errorf("%s, approved %v: %v", mode, yes, err)
				}
				if got := []string{item("4"), rows(what), item("5")}; yes && !slices.Equal(got, []string{what, "1", what}) ||
					!yes && (got[0] == what || got[1] != "0" || got[2] == what) {
					t.Errorf("%s, approved %v: %v", mode, yes, got)
				}
				if _, err := conn.Exec(context.Background(), "SELECT 1"); err != nil {
					t.Errorf("%s, afterwards: %v", mode, err)
				}
			}
		}
	})
}
