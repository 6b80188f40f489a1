package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"sluice.dev/proxy/audit"
	"sluice.dev/proxy/gate/recorded"
	"sluice.dev/proxy/policy"
)

func (a *app) policyExplain() *cobra.Command {
	var dir string
	var dirs []string
	c := &cobra.Command{
		Use: "explain RECORD|-", Short: "Say why a command was denied, held, masked or allowed: the rule, its file and line, and what it turned on", Args: cobra.ExactArgs(1),
		Long: "RECORD is a command's id as a client reads it ([cmd …]), a ticket, or the number of a record as audit show prints it.\n" +
			"The record says what was decided; the policies of --config are asked again which rule says so. A record does not hold\nall that a policy may read: what it lacks is said.\n" +
			"With --gateway URL the gateway is asked, with the token of an auditor, about the latest million of its records.\n" +
			"With -, an input document is read from stdin instead, and nothing is left open.",
		RunE: func(c *cobra.Command, args []string) error {
			if args[0] == "-" {
				return a.explainInput(c, dirs)
			}
			if len(dirs) > 0 {
				return wrong("--policies goes with -: a record is explained by the policies of --config")
			}
			if a.gateway != "" {
				return a.explainAt(c.Context(), args[0])
			}
			d, err := a.auditDir(dir)
			if err != nil {
				return err
			}
			e, err := recordedDecision(d, args[0])
			if err != nil {
				return err
			}
			acc, err := a.account(c.Context(), e)
			if err != nil {
				return err
			}
			if a.json() {
				return a.printJSON(acc)
			}
			a.printAccount(acc)
			return nil
		},
	}
	c.Flags().StringVar(&dir, "dir", "", "the log's folder; else data_dir/audit of --config")
	c.Flags().StringArrayVar(&dirs, "policies", nil, "with -: a folder of policies to ask instead of those of --config; may be repeated")
	return c
}

// explainAt asks a running gateway, which has the record and the policies.
func (a *app) explainAt(ctx context.Context, id string) error {
	cl, err := a.client()
	if err != nil {
		return err
	}
	acc, err := cl.Explain(ctx, id)
	if err != nil {
		return err
	}
	if a.json() {
		return a.printJSON(acc)
	}
	a.printAccount(acc)
	return nil
}

// account asks the policies of the configuration about a record.
func (a *app) account(ctx context.Context, e *audit.Entry) (*recorded.Account, error) {
	cfg, gen, done, err := a.checked(ctx)
	if err != nil {
		return nil, a.explained(err)
	}
	defer done()
	conn := gen.Connection(e.Connection.Name)
	if conn == nil {
		return nil, &exit{exitNotSo, fmt.Errorf("connection %q is not in the configuration any more: it has %s", e.Connection.Name, strings.Join(names(cfg), ", "))}
	}
	acc, err := recorded.Explain(ctx, e, conn)
	if err != nil {
		return nil, a.policyError(err)
	}
	return acc, nil
}

// recordedDecision finds the decision about a command in a log.
func recordedDecision(dir, id string) (*audit.Entry, error) {
	e, err := recorded.Find(dir, id)
	switch {
	case errors.Is(err, recorded.ErrNone):
		return nil, &exit{exitNotSo, err}
	case err != nil:
		return nil, &exit{exitNoReach, err}
	}
	return e, nil
}

func (a *app) explainInput(c *cobra.Command, dirs []string) error {
	in, err := readInput(c, "-")
	if err != nil {
		return err
	}
	set, done, err := a.deciders(c.Context(), dirs, in)
	if err != nil {
		return err
	}
	defer done()
	x, err := set.Explain(c.Context(), in)
	if err != nil {
		return a.policyError(err)
	}
	if a.json() {
		return a.printJSON(x)
	}
	fmt.Fprintln(a.out, x.Decision.Verdict)
	for _, b := range x.Rules {
		a.printBecause(&b)
	}
	if len(x.Session) > 0 {
		fmt.Fprintf(a.out, "\nA driver says this before it works: it is allowed wherever %s could allow some command.\n", strings.Join(x.Session, ", "))
	}
	if x.Decision.Verdict == policy.Deny && len(x.Decision.Denies) == 0 {
		a.printNotAllowed(x.NotAllowed)
	}
	return nil
}

func (a *app) printAccount(acc *recorded.Account) {
	ticket := ""
	if acc.Ticket != "" {
		ticket = ", ticket " + acc.Ticket
	}
	fmt.Fprintf(a.out, "%s: %s on %s, %s%s\n", past(acc.Verdict), acc.Who, acc.Connection, stamp(acc.Time), ticket)
	if acc.Text != "" {
		fmt.Fprintf(a.out, "  %s\n", cellText(acc.Text))
	}
	if acc.Changed {
		fmt.Fprintf(a.out, "The configuration has changed since (it was %.19s…): what follows are the rules of now.\n", acc.Generation)
	}
	for _, b := range acc.Rules {
		a.printBecause(&b)
	}
	if len(acc.NotAllowed) > 0 {
		a.printNotAllowed(acc.NotAllowed)
	}
	for _, b := range acc.Shadow {
		a.printBecause(&b)
	}
	for _, said := range acc.Gateway {
		fmt.Fprintf(a.out, "\n%s\n  said by the gateway itself (a mask, a plugin, an approver, a limit or the parser), not by a rule\n", cellText(said))
	}
	if len(acc.Masks) > 0 && acc.Verdict == audit.Allow {
		fmt.Fprintf(a.out, "\nMasked, where it reads them: %s\n", cellText(strings.Join(acc.Masks, ", ")))
	}
	for _, said := range acc.Unexplained {
		fmt.Fprintf(a.out, "\n%s\n  was said, and no rule says it now from what is recorded\n", cellText(said))
	}
	if len(acc.Unsure) > 0 {
		fmt.Fprintln(a.out, "\nThese may have, and read what a record does not hold:")
		for _, b := range acc.Unsure {
			a.printBecause(&b)
		}
	}
}

func past(verdict string) string {
	switch verdict {
	case audit.Allow:
		return "Allowed"
	case audit.Hold:
		return "Held"
	}
	return "Denied"
}

// printBecause is one rule: what it says, where it stands, what it turned on.
func (a *app) printBecause(b *policy.Because) {
	who := "policy " + b.Policy
	said := ""
	switch {
	case b.Ended != nil:
		said = fmt.Sprintf("%s: its %s ended at line %d, where this was not so:  %s", who, b.Rule, b.Ended.Line, b.Ended.Source)
	case b.Rule == "deny" && b.Reason != "":
		said = fmt.Sprintf("denied by %s: %s", who, b.Reason)
	case b.Rule == "hold" && b.Reason != "":
		said = fmt.Sprintf("held by %s for approval %s: %s", who, b.Approval, b.Reason)
	case b.Mask != nil:
		said = fmt.Sprintf("masked by %s: %s", who, maskText(b.Mask))
	case b.Rows > 0:
		said = fmt.Sprintf("limited by %s to %d rows", who, b.Rows)
	case b.Rule == "allow":
		said = "allowed by " + who
	default:
		said = fmt.Sprintf("%s: a %s", who, b.Rule)
	}
	if b.Shadow {
		said = "in shadow, " + said
	}
	fmt.Fprintf(a.out, "\n%s\n", cellText(said))
	if b.Hint != "" {
		fmt.Fprintf(a.out, "  hint   %s\n", cellText(b.Hint))
	}
	fmt.Fprintf(a.out, "  rule   %s:%d  %s\n", b.File, b.Line, cellText(b.Source))
	if b.Title != "" {
		fmt.Fprintf(a.out, "  about  %s%s\n", cellText(b.Title), controls(b.Custom))
	}
	name := "since"
	for _, v := range b.Values {
		value, err := json.Marshal(v.Value)
		text := v.Path + " = " + string(value)
		switch {
		case v.Unknown:
			text = v.Path + ", which is not recorded"
		case err != nil || v.Value == nil:
			text = v.Path + " is not there"
		}
		fmt.Fprintf(a.out, "  %-6s %s\n", name, cellText(text))
		name = ""
	}
}

// controls are the ids that METADATA names in custom.controls.
func controls(custom map[string]any) string {
	list, _ := custom["controls"].([]any)
	var out []string
	for _, c := range list {
		out = append(out, fmt.Sprint(c))
	}
	if len(out) == 0 {
		return ""
	}
	return " (" + strings.Join(out, ", ") + ")"
}

func (a *app) printNotAllowed(rules []policy.Because) {
	if len(rules) == 0 {
		fmt.Fprintln(a.out, "\nno policy allows it: none that applies has an allow")
		return
	}
	fmt.Fprintln(a.out, "\nno policy allows it:")
	for _, b := range rules {
		a.printBecause(&b)
	}
}
