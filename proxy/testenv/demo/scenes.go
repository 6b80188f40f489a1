package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// playTour plays the six scenes. Unattended, the approver is the command line
// with the approver's own token; else a person may click first.
func playTour(ctx context.Context, n *narrator, s *stage, check bool) error {
	a, err := s.connect(ctx, "agent-7", s.agent)
	if err != nil {
		return err
	}
	defer a.conn.Close(context.WithoutCancel(ctx))
	for _, scene := range []func(context.Context, *narrator, *stage, *agent, bool) error{masked, denied, held, edited, verified, secret} {
		if err := scene(ctx, n, s, a, check); err != nil {
			return err
		}
	}
	return nil
}

func masked(ctx context.Context, n *narrator, s *stage, a *agent, _ bool) error {
	n.scene(1, "An agent reads, and sees what it may see")
	n.say("agent-7 works for analyst-3. Its password is an OIDC token that says so; nothing else in its client has changed.")
	const sql = "SELECT id, name, email, phone, card, city, note FROM customers ORDER BY id"
	n.typed("agent-7", sql)
	r, err := a.ask(ctx, sql)
	if err != nil {
		return err
	}
	n.answer(r.text())
	want, err := s.direct(ctx, sql)
	if err != nil {
		return err
	}
	n.see(r.cell(0, "email") == "a***@example.com", "the e-mail address comes back masked: %s", r.cell(0, "email"))
	n.see(r.cell(0, "phone") == "***1234", "the phone number too: %s", r.cell(0, "phone"))
	n.see(r.cell(0, "card") == "***", "the card number, which a policy hides from all but group pci: %s", r.cell(0, "card"))
	n.see(strings.Contains(r.cell(1, "note"), "***") && !strings.Contains(r.cell(1, "note"), "b.kovacs"), "an address in free text, which a Wasm plugin found: %s", r.cell(1, "note"))
	same := len(r.rows) == len(want.rows) && len(r.rows) > 0
	for i := range r.rows {
		for _, h := range []string{"id", "name", "city"} {
			same = same && r.cell(i, h) == want.cell(i, h)
		}
	}
	n.see(same && r.cell(0, "note") == want.cell(0, "note"), "everything else is byte for byte what PostgreSQL sent")
	return nil
}

func denied(ctx context.Context, n *narrator, s *stage, a *agent, _ bool) error {
	n.scene(2, "It tries something it must not")
	n.typed("agent-7", "DROP TABLE orders")
	r, err := a.ask(ctx, "DROP TABLE orders")
	if err != nil {
		return err
	}
	n.answer(r.text())
	n.see(r.err != nil && r.err.Code == "42501" && strings.Contains(r.err.Message, "DROP needs a migration"), "refused with the policy's reason, as SQLSTATE 42501")
	n.see(r.err != nil && strings.Contains(r.err.Hint, "#db-changes"), "the hint says what to do instead")
	again, err := a.ask(ctx, "SELECT count(*) FROM orders")
	if err != nil {
		return err
	}
	n.see(again.err == nil && again.cell(0, "count") == "5", "the same connection goes on, and the table is there")
	return nil
}

var ticketPattern = regexp.MustCompile(`Ticket ([A-Z0-9]{4}-[A-Z0-9]{2})`)

// notice waits for the gateway's word that a command is held.
func (a *agent) notice(ctx context.Context) (text, ticket string, err error) {
	select {
	case text = <-a.notices:
	case <-ctx.Done():
		return "", "", ctx.Err()
	case <-time.After(20 * time.Second):
		return "", "", fmt.Errorf("no NOTICE came")
	}
	if m := ticketPattern.FindStringSubmatch(text); m != nil {
		ticket = m[1]
	}
	return text, ticket, nil
}

func held(ctx context.Context, n *narrator, s *stage, a *agent, check bool) error {
	n.scene(3, "It deletes, and a human decides")
	const sql = "DELETE FROM orders WHERE id = 103"
	r, err := decideOn(ctx, n, s, a, check, sql, "approve", "duplicate of 102, checked")
	if err != nil {
		return err
	}
	n.see(r.tag == "DELETE 1", "approved: the waiting statement ran: %s", r.tag)
	n.see(s.count(ctx, "SELECT count(*) FROM orders") == "4", "and it ran once")

	n.say("A second one:")
	r, err = decideOn(ctx, n, s, a, check, "DELETE FROM orders WHERE customer_id = 3", "deny", "wrong customer")
	if err != nil {
		return err
	}
	n.see(r.err != nil && r.err.Code == "42501" && strings.Contains(r.err.Message, "dba-2@corp") && strings.Contains(r.err.Message, "wrong customer"),
		"denied: the agent reads by whom and why")
	n.see(s.count(ctx, "SELECT count(*) FROM orders") == "4", "nothing was deleted")
	return nil
}

// decideOn sends a statement that is held, shows the notice, and has the
// approver decide.
func decideOn(ctx context.Context, n *narrator, s *stage, a *agent, check bool, sql, verb, reason string) (*result, error) {
	n.typed("agent-7", sql)
	type done struct {
		r   *result
		err error
	}
	ended := make(chan done, 1)
	go func() { // ends with the statement; every path below waits for it
		r, err := a.ask(ctx, sql)
		ended <- done{r, err}
	}()
	text, ticket, err := a.notice(ctx)
	if err != nil {
		d := <-ended
		if d.err == nil && d.r != nil {
			n.answer(d.r.text())
		}
		return nil, fmt.Errorf("%s: %w", sql, errors.Join(err, d.err))
	}
	n.answer("NOTICE:  " + text)
	n.see(ticket != "" && strings.Contains(text, s.webURL+"/t/"+ticket), "held: a NOTICE with ticket and link came at once, and the client waits")
	if !check {
		n.say("Click: %s  (log in as Dana) – or wait, and the command line does it in 15 seconds.", s.webURL+"/t/"+ticket)
		select {
		case d := <-ended:
			n.answer(d.r.text())
			return d.r, d.err
		case <-time.After(15 * time.Second):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	n.typed("dba-2", fmt.Sprintf("sluice %s %s --reason %q", verb, ticket, reason))
	out, code := s.sluice(ctx, s.approver, verb, ticket, "--reason", reason)
	n.answer(out)
	if code != 0 {
		n.see(false, "sluice %s ended with code %d", verb, code)
	}
	d := <-ended
	if d.err == nil {
		n.answer(d.r.text())
	}
	return d.r, d.err
}

// change edits a file of the live configuration, and waits until the gateway
// has taken or refused it.
func (s *stage) change(ctx context.Context, file, old, next string) error {
	path := filepath.Join(s.dir, file)
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if !strings.Contains(string(b), old) {
		return fmt.Errorf("demo: %s has no %q", file, old)
	}
	before, err := s.status(ctx)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(b), old, next, 1)), 0o600); err != nil {
		return err
	}
	return s.settle(ctx, before)
}

// swapPlugin builds the pii plugin anew, as the next version, and puts it in
// the place of the one that runs: module, pin and settings in one edit.
func (s *stage) swapPlugin(ctx context.Context) error {
	next := filepath.Join(s.dir, "plugins", "pii-next.wasm")
	build := exec.CommandContext(ctx, "go", "build", "-buildmode=c-shared", "-trimpath", "-ldflags=-s -w -X main.version=1.1.0", "-o", next, "./plugins/pii")
	build.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("demo: build the plugin: %w\n%s", err, out)
	}
	was, err := fileDigest(filepath.Join(s.dir, "plugins", "pii.wasm"))
	if err != nil {
		return err
	}
	is, err := fileDigest(next)
	if err != nil {
		return err
	}
	if was == is {
		return fmt.Errorf("demo: the new build of the plugin is the old one")
	}
	b, err := os.ReadFile(s.config)
	if err != nil {
		return err
	}
	before, err := s.status(ctx)
	if err != nil {
		return err
	}
	text := strings.NewReplacer(was, is, "plugins/pii.wasm", "plugins/pii-next.wasm", `["email", "card"]`, `["email", "card", "iban"]`).Replace(string(b))
	if err := os.WriteFile(s.config, []byte(text), 0o600); err != nil {
		return err
	}
	return s.settle(ctx, before)
}

func fileDigest(path string) (string, error) {
	b, err := os.ReadFile(path)
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]), err
}

// settle waits until the gateway has tried a reload since.
func (s *stage) settle(ctx context.Context, before *status) error {
	for range 300 {
		now, err := s.status(ctx)
		if err == nil && now.Tried.After(before.Tried) {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
	return fmt.Errorf("demo: the gateway did not notice an edit within 30 s")
}

// status is what `sluice sessions`, the console and readiness rest on.
type status struct {
	Generation string    `json:"generation"`
	Tried      time.Time `json:"reload_tried"`
	Error      string    `json:"reload_error"`
}

func (s *stage) status(ctx context.Context) (*status, error) {
	out, code := s.sluice(ctx, "", "status", "-o", "json")
	if code != 0 {
		return nil, fmt.Errorf("sluice status: %s", out)
	}
	var st status
	return &st, json.Unmarshal([]byte(out), &st)
}

func edited(ctx context.Context, n *narrator, s *stage, a *agent, _ bool) error {
	n.scene(4, "The operator edits; the open connection obeys")
	n.say("A Rego rule: nobody reads the table orders this week.")
	rule := "\ndeny contains {\"reason\": \"orders are closed for the audit week\"} if {\n\t\"public.orders\" in input.command.reads\n}\n"
	if err := s.change(ctx, "policies/agents/agents.rego", "\nallow if {", rule+"\nallow if {"); err != nil {
		return err
	}
	n.typed("agent-7", "SELECT item FROM orders")
	r, err := a.ask(ctx, "SELECT item FROM orders")
	if err != nil {
		return err
	}
	n.answer(r.text())
	n.see(r.err != nil && strings.Contains(r.err.Message, "closed for the audit week"), "the next command on the same connection is denied by the new rule")
	if err := s.change(ctx, "policies/agents/agents.rego", rule, ""); err != nil {
		return err
	}

	n.say("A mask: e-mail addresses are hashed from now on.")
	if err := s.change(ctx, "sluice.hcl", `= "partial"`, `= "hash"`); err != nil {
		return err
	}
	const sql = "SELECT email, note FROM customers WHERE id = 3"
	n.typed("agent-7", sql)
	if r, err = a.ask(ctx, sql); err != nil {
		return err
	}
	n.answer(r.text())
	n.see(regexp.MustCompile(`^[0-9a-f]{16}$`).MatchString(r.cell(0, "email")), "the same connection reads a hash: %s", r.cell(0, "email"))
	n.see(strings.Contains(r.cell(0, "note"), "DE89"), "an IBAN in a note is still readable")

	n.say("A plugin: a new build of pii.wasm, pinned by its digest, and told to look for IBANs.")
	if err := s.swapPlugin(ctx); err != nil {
		return err
	}
	n.typed("agent-7", sql)
	if r, err = a.ask(ctx, sql); err != nil {
		return err
	}
	n.answer(r.text())
	n.see(!strings.Contains(r.cell(0, "note"), "DE89"), "and now it is not: %s", r.cell(0, "note"))

	n.say("A broken edit: one brace too many.")
	before, err := s.status(ctx)
	if err != nil {
		return err
	}
	if err := s.change(ctx, "policies/agents/agents.rego", "\nallow if {", "\nallow if {{"); err != nil {
		return err
	}
	after, err := s.status(ctx)
	if err != nil {
		return err
	}
	n.answer(after.Error)
	n.see(regexp.MustCompile(`agents\.rego:\d+:\d+: .*\n +\d+ \| \t`).MatchString(after.Error), "refused with file, line and the source at fault")
	n.see(after.Generation == before.Generation, "the old generation stays in force")
	if r, err = a.ask(ctx, "SELECT 1 AS one"); err != nil {
		return err
	}
	n.see(r.err == nil && r.cell(0, "one") == "1", "and the open connection did not notice")
	return s.change(ctx, "policies/agents/agents.rego", "\nallow if {{", "\nallow if {")
}

func verified(ctx context.Context, n *narrator, s *stage, _ *agent, _ bool) error {
	n.scene(5, "The auditor does not have to believe us")
	log := filepath.Join(s.dir, "data", "audit")
	n.typed("audit-1", "sluice audit verify")
	out, code := s.sluice(ctx, "", "audit", "verify", "--dir", log)
	n.answer(out)
	n.see(code == 0, "every record, approval, recording and signature holds")
	copied := filepath.Join(s.dir, "copy")
	if err := copyTree(filepath.Join(s.dir, "data"), copied); err != nil {
		return err
	}
	defer os.RemoveAll(copied)
	where, err := flip(filepath.Join(copied, "audit"), "DROP TABLE orders")
	if err != nil {
		return err
	}
	n.say("One byte of a copy is flipped (%s). Verify the copy:", where)
	out, code = s.sluice(ctx, "", "audit", "verify", "--dir", filepath.Join(copied, "audit"))
	n.answer(out)
	n.see(code == 1 && strings.Contains(out, "record "), "it fails, and names the record")
	return nil
}

// flip changes one bit of the first segment that has the text.
func flip(dir, text string) (string, error) {
	segments, err := filepath.Glob(filepath.Join(dir, "wal", "*.seg"))
	if err != nil {
		return "", err
	}
	for _, f := range segments {
		b, err := os.ReadFile(f)
		if err != nil {
			return "", err
		}
		i := strings.Index(string(b), text)
		if i < 0 {
			continue
		}
		b[i] ^= 1
		return fmt.Sprintf("%s, byte %d", filepath.Base(f), i), os.WriteFile(f, b, 0o600)
	}
	return "", fmt.Errorf("demo: no record has %q", text)
}

func secret(ctx context.Context, n *narrator, s *stage, a *agent, _ bool) error {
	n.scene(6, "The password that nobody saw")
	n.say("The database's password is in the gateway's environment. The agent never had it, and nothing shows it:")
	n.typed("ops-1", "sluice plan | grep password")
	out, code := s.sluice(ctx, "", "plan")
	for _, l := range strings.Split(out, "\n") {
		if strings.Contains(l, "password") {
			n.answer(strings.TrimSpace(l))
		}
	}
	n.see(code == 0 && strings.Contains(out, "‹secret›") && !strings.Contains(out, s.password), "plan shows ‹secret›")
	if err := s.sql(ctx, "ALTER ROLE crew_app PASSWORD 'changed by someone'"); err != nil {
		return err
	}
	_, err := s.connect(ctx, "agent-7", s.agent)
	text := "no error"
	if err != nil {
		text = err.Error()
	}
	n.typed("agent-7", "psql …   (while the database refuses the gateway's credential)")
	n.answer(text)
	n.see(err != nil && !strings.Contains(text, s.password), "the error names the matter, not the secret")
	if err := s.sql(ctx, "ALTER ROLE crew_app PASSWORD '"+s.password+"'"); err != nil {
		return err
	}
	leaks, err := s.search(s.password)
	if err != nil {
		return err
	}
	n.see(len(leaks) == 0, "it is in no file that the gateway wrote%s", strings.Join(leaks, ", "))
	clear, err := s.search("chidi.okafor@example.org")
	if err != nil {
		return err
	}
	n.see(len(clear) == 0, "nor is a customer's address, in logs or recordings%s", strings.Join(clear, ", "))
	return nil
}

// search looks for a text in everything that the gateway wrote.
func (s *stage) search(text string) (found []string, err error) {
	err = filepath.WalkDir(s.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || filepath.Base(path) == "demo.env" {
			return err
		}
		b, err := os.ReadFile(path)
		if err == nil && strings.Contains(string(b), text) {
			found = append(found, " – but in "+path)
		}
		return err
	})
	return found, err
}
