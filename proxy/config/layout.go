package config

import (
	"github.com/hashicorp/hcl/v2"
)

// layout says what a block holds. The same list decodes the block, prints it and
// compares it, so that nothing can be read and not shown.
type layout struct {
	pos    *Pos
	fields []field
	blocks []sub
	// check looks at the block once it is decoded.
	check func(d *decoder, l *layout)
}

// field is one attribute; its kind is the type that into points to.
type field struct {
	name  string
	into  any
	must  bool     // it has to be written
	oneOf []string // for strings: the allowed values
	why   string   // what to do when it is missing or has another value
	at    Pos      // where it was written; Line 0: not
	expr  hcl.Expression
}

// sub is a block inside a block, at most one of its kind.
type sub struct {
	name string
	// open returns where to decode into; for optional blocks it makes the value.
	open func() *layout
	// now returns the layout if the block is there, for printing.
	now func() *layout
}

// at is where an attribute was written, or else the block.
func (l *layout) at(name string) hcl.Range {
	for i := range l.fields {
		if l.fields[i].name == name && l.fields[i].at.Line > 0 {
			return l.fields[i].at.rng
		}
	}
	return l.pos.rng
}

// layouter is a block of the configuration.
type layouter interface{ layout() *layout }

func always(l layouter) sub {
	return sub{open: l.layout, now: l.layout}
}

func (s sub) named(name string) sub { s.name = name; return s }

func (g *Gateway) layout() *layout {
	return &layout{pos: &g.Pos, fields: []field{
		{name: "name", into: &g.Name},
		{name: "data_dir", into: &g.DataDir},
		{name: "mask_key", into: &g.MaskKey},
		{name: "development", into: &g.Development},
	}, check: g.check}
}

func (l *Listener) layout() *layout {
	return &layout{pos: &l.Pos, fields: []field{
		{name: "address", into: &l.Address, must: true, why: `write where to listen, like "127.0.0.1:6432"`},
		{name: "connection", into: &l.Connection},
	}, blocks: []sub{always(&l.TLS).named("tls")}, check: l.check}
}

func (t *ListenerTLS) layout() *layout {
	return &layout{pos: &t.Pos, fields: []field{
		{name: "cert_file", into: &t.CertFile},
		{name: "key_file", into: &t.KeyFile},
		{name: "insecure", into: &t.Insecure},
	}}
}

func (i *Identity) layout() *layout {
	return &layout{pos: &i.Pos, fields: []field{
		{name: "issuer", into: &i.Issuer, must: true, why: "write the issuer's URL exactly as its tokens have it"},
		{name: "audiences", into: &i.Audiences, must: true, why: `write the audiences that tokens for this gateway have, like ["sluice"]`},
		{name: "subject_claim", into: &i.SubjectClaim},
		{name: "groups_claim", into: &i.GroupsClaim},
		{name: "display_claim", into: &i.DisplayClaim},
		{name: "kind_claim", into: &i.KindClaim},
		{name: "kinds", into: &i.Kinds},
		{name: "actor_claim", into: &i.ActorClaim},
		{name: "claims", into: &i.Claims},
		{name: "skew", into: &i.Skew},
		{name: "ca_file", into: &i.CAFile},
	}, check: i.check}
}

func (c *Connection) layout() *layout {
	l := &layout{pos: &c.Pos, fields: []field{
		{name: "address", into: &c.Address, must: true, why: `write where the resource is, like "db.internal:5432"`},
		{name: "database", into: &c.Database},
		{name: "user", into: &c.User, must: true, why: "write the user that the gateway logs in as"},
		{name: "password", into: &c.Password},
		{name: "labels", into: &c.Labels},
	}, blocks: []sub{always(&c.TLS).named("tls"), always(&c.Postgres).named("postgres"), {name: "redis", open: c.Redis.layout, now: func() *layout {
		if c.Protocol != "redis" {
			return nil
		}
		return c.Redis.layout()
	}}}, check: c.check}
	l.blocks = append(l.blocks, sub{name: "pool", open: func() *layout {
		c.Pool = &Pool{Size: 8, Idle: defaultPoolIdle}
		return c.Pool.layout()
	}, now: func() *layout {
		if c.Pool == nil {
			return nil
		}
		return c.Pool.layout()
	}})
	return l
}

func (t *ConnectionTLS) layout() *layout {
	return &layout{pos: &t.Pos, fields: []field{
		{name: "mode", into: &t.Mode, oneOf: []string{"verify-full", "verify-ca", "require", "disable"}},
		{name: "ca_file", into: &t.CAFile},
		{name: "cert_file", into: &t.CertFile},
		{name: "key_file", into: &t.KeyFile},
		{name: "server_name", into: &t.ServerName},
		{name: "insecure", into: &t.Insecure, oneOf: []string{"", "accepted"}},
	}}
}

func (p *Postgres) layout() *layout {
	return &layout{pos: &p.Pos, fields: []field{
		{name: "databases", into: &p.Databases},
		{name: "lineage", into: &p.Lineage, oneOf: []string{"server", "strict"}},
		{name: "server_log", into: &p.ServerLog, oneOf: []string{"silent", "accepted"}},
		{name: "driver", into: &p.Driver, oneOf: []string{"plain", "loop"}},
	}}
}

func (r *Redis) layout() *layout {
	return &layout{pos: &r.Pos, fields: []field{{name: "databases", into: &r.Databases}}}
}

func (p *Pool) layout() *layout {
	return &layout{pos: &p.Pos, fields: []field{
		{name: "size", into: &p.Size},
		{name: "idle", into: &p.Idle},
	}, check: p.check}
}

func (p *Plugin) layout() *layout {
	return &layout{pos: &p.Pos, fields: []field{
		{name: "module", into: &p.Module, must: true, why: "write the path of the .wasm file"},
		{name: "sha256", into: &p.SHA256},
		{name: "signed_by", into: &p.SignedBy},
		{name: "pin", into: &p.pin, oneOf: []string{"", "none"}},
		{name: "grants", into: &p.Grants},
		{name: "settings", into: &p.settings},
	}, blocks: []sub{{name: "limits", open: p.Limits.layout, now: func() *layout {
		if p.Limits.Pos.Line == 0 {
			return nil
		}
		return p.Limits.layout()
	}}}, check: p.check}
}

func (l *PluginLimits) layout() *layout {
	return &layout{pos: &l.Pos, fields: []field{
		{name: "fuel", into: &l.Fuel},
		{name: "start_fuel", into: &l.StartFuel},
		{name: "memory", into: &l.Memory},
		{name: "call_depth", into: &l.CallDepth},
	}, check: l.check}
}

func (p *Policy) layout() *layout {
	return &layout{pos: &p.Pos, fields: []field{
		{name: "path", into: &p.Path, must: true, why: "write the folder with the policy's .rego files"},
		{name: "mode", into: &p.mode, oneOf: []string{"enforce", "shadow"}},
		{name: "applies_to", into: &p.AppliesTo},
	}, check: p.check}
}

func (m *Mask) layout() *layout {
	return &layout{pos: &m.Pos, fields: []field{
		{name: "applies_to", into: &m.AppliesTo},
		{name: "columns", into: &m.Columns},
		{name: "plugin", into: &m.Plugin},
		{name: "action", into: &m.Action, must: true, oneOf: actions, why: "write what to do with the value: redact, null, partial, hash, pseudonym or deny, and with plugin also replace"},
		{name: "except", into: &m.Except},
		{name: "scope", into: &m.Scope, oneOf: []string{"session", "connection", "gateway"}},
	}, check: m.check}
}

func (a *Approval) layout() *layout {
	return &layout{pos: &a.Pos, fields: []field{
		{name: "approvers", into: &a.Approvers, must: true, why: `write the groups that may approve, like ["dba"]`},
		{name: "required", into: &a.Required},
		{name: "self", into: &a.Self, oneOf: []string{"deny", "human"}},
		{name: "mode", into: &a.Mode, oneOf: []string{"wait", "ticket", "wait-then-ticket"}},
		{name: "wait", into: &a.Wait},
		{name: "expires", into: &a.Expires},
		{name: "tx_wait", into: &a.TxWait},
	}, check: a.check}
}

func (a *Audit) layout() *layout {
	return &layout{pos: &a.Pos, fields: []field{
		{name: "signing_key", into: &a.SigningKey},
		{name: "checkpoint", into: &a.Checkpoint},
		{name: "redact_literals", into: &a.RedactLiterals, oneOf: []string{"protected", "all"}},
	}}
}

func (s *State) layout() *layout {
	return &layout{pos: &s.Pos, fields: []field{{name: "path", into: &s.Path}}}
}

func (c *Console) layout() *layout {
	return &layout{pos: &c.Pos, fields: []field{
		{name: "url", into: &c.URL, must: true, why: `write the address that browsers use, like "https://gw.example.com:8443"`},
		{name: "identity", into: &c.Identity, must: true, why: "write the name of an identity block"},
		{name: "client_id", into: &c.ClientID, must: true, why: "write the console's client id at the identity provider"},
		{name: "client_secret", into: &c.ClientSecret},
		{name: "auditors", into: &c.Auditors},
		{name: "operators", into: &c.Operators},
	}, check: c.check}
}

func (l *Limits) layout() *layout {
	return &layout{pos: &l.Pos, fields: []field{
		{name: "statement", into: &l.Statement},
		{name: "message", into: &l.Message},
		{name: "holds_per_session", into: &l.HoldsPerSession},
		{name: "session", into: &l.Session},
		{name: "transaction", into: &l.Transaction},
	}, check: l.check}
}

func (r *Reload) layout() *layout {
	return &layout{pos: &r.Pos, fields: []field{
		{name: "watch", into: &r.Watch},
		{name: "require_approval", into: &r.requireApproval},
	}, check: r.check}
}
