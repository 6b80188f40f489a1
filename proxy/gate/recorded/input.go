package recorded

import (
	"strings"

	"sluice.dev/proxy/audit"
	"sluice.dev/proxy/gate"
	"sluice.dev/proxy/identity"
	"sluice.dev/proxy/policy"
)

// Input is the document that policies saw, from a record of the command, and
// the paths of it that the record does not hold: they stand as where a gateway
// does not know them. Conn is the connection as the configuration has it now,
// for its labels; nil: they are unknown.
func Input(e *audit.Entry, conn *gate.Connection) (in *policy.Input, unknown []string) {
	a := &e.Action
	in = &policy.Input{
		Principal:  principal(&e.Principal),
		Connection: policy.Connection{Name: e.Connection.Name, Protocol: e.Connection.Protocol},
		Session: policy.Session{ID: e.Session,
			Client: policy.Client{Address: e.Client.Address, Application: e.Client.Application, User: e.Client.User}},
		Command: policy.Command{Protocol: e.Connection.Protocol, Fingerprint: a.Fingerprint, Complete: a.Complete, Resolved: a.Resolved,
			Operations: a.Operations, Reads: a.Reads, Writes: a.Writes, Columns: a.Columns, Filters: a.Filters, Functions: a.Functions, Flags: map[string]bool{},
			Parameters: int(a.Parameters), Labels: a.Labels, Risk: int(a.Risk)},
		Time:       e.Time,
		Generation: e.Config.Generation,
	}
	for _, f := range a.Flags {
		in.Command.Flags[f] = true
	}
	in.Session.InTransaction = a.InTransaction
	unknown = []string{"command.digest"}
	switch {
	case e.Elided.Size > 0: // the record was too large, and has parts of its lists alone
		unknown = append(unknown, "command", "principal.claims", "principal.groups", "principal.chain")
	case a.FactsKept == audit.FactsCut:
		unknown = append(unknown, "command.columns", "command.filters")
	case a.FactsKept == "":
		unknown = append(unknown, "principal.claims", "principal.chain", "session.in_transaction", "command.columns", "command.filters",
			"command."+in.Command.Protocol)
	}
	if a.FactsKept != "" {
		var valueless []string
		in.Command.Own, valueless = own(in.Command.Protocol, a.Own)
		unknown = append(unknown, valueless...)
		unknown = append(unknown, claims(in.Principal, &e.Principal, conn, conn != nil && conn.Generation.ID() == e.Config.Generation)...)
	}
	if a.Parameters > 0 {
		unknown = append(unknown, "command.parameter_digests")
	}
	if conn != nil {
		in.Connection.Labels = conn.Labels
	} else {
		unknown = append(unknown, "connection.labels")
	}
	return in, unknown
}

func principal(p *audit.Principal) *identity.Principal {
	out := &identity.Principal{Subject: p.Subject, Issuer: p.Issuer, Groups: p.Groups, Kinds: p.Kinds, TokenID: p.TokenID}
	for _, h := range p.Chain {
		out.Chain = append(out.Chain, identity.Hop{Subject: h.Subject, Issuer: h.Issuer, Kind: h.Kind, Proof: h.Proof, Groups: h.Groups})
	}
	return out
}

// Who is the principal of a record as people read it.
func Who(e *audit.Entry) string {
	var b strings.Builder
	b.WriteString(e.Principal.Subject)
	for _, h := range e.Principal.Chain {
		if h.Proof == identity.ProofToken {
			b.WriteString(" for " + h.Subject)
		}
	}
	return b.String()
}
