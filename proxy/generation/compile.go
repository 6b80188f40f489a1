package generation

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"slices"
	"time"

	"sluice.dev/proxy/approval"
	"sluice.dev/proxy/config"
	"sluice.dev/proxy/credential"
	"sluice.dev/proxy/gate"
	"sluice.dev/proxy/identity/oidc"
	"sluice.dev/proxy/mask"
	"sluice.dev/proxy/plugin"
	"sluice.dev/proxy/policy"
	"sluice.dev/proxy/protocol/postgres"
	"sluice.dev/proxy/protocol/redis"
)

// Compile makes a generation of a configuration. Errors point at the line of
// HCL or Rego that is at fault; nothing of a failed try stays open.
func Compile(ctx context.Context, cfg *config.Config, shared *Shared) (_ *Generation, err error) {
	g := &Generation{cfg: cfg, Loaded: time.Now(), Providers: make(map[string]*oidc.Provider),
		connections: make(map[string]*gate.Connection), closed: make(chan struct{}), logger: shared.logger}
	g.refs.Store(1)
	defer func() {
		if err != nil {
			g.Release()
		}
	}()
	if err := g.identities(ctx, shared); err != nil {
		return nil, err
	}
	if c := cfg.Console; c != nil {
		g.console = &ConsoleBlock{URL: c.URL, ClientID: c.ClientID, Auditors: c.Auditors, Operators: c.Operators}
		if c.ClientSecret != nil {
			if g.console.ClientSecret, err = secret(c.ClientSecret); err != nil {
				return nil, cfg.Fail(c.Pos, err, "console", err.Error())
			}
		}
	}
	modules, err := g.plugins(ctx, shared)
	if err != nil {
		return nil, err
	}
	if g.Policies, err = Policies(ctx, cfg); err != nil {
		return nil, err
	}
	approvals := make(map[string]approval.Rule)
	for _, a := range cfg.Approvals {
		approvals[a.Name] = approval.Rule{Name: a.Name, Approvers: a.Approvers, Required: a.Required, Self: a.Self,
			Mode: a.Mode, Wait: a.Wait, Expires: a.Expires, TxWait: a.TxWait}
	}
	g.id = digest(cfg, g.Policies, g.modules)
	for _, c := range cfg.Connections {
		gc, err := g.connection(c, shared, modules, approvals)
		if err != nil {
			return nil, err
		}
		g.connections[c.Name] = gc
	}
	return g, nil
}

func (g *Generation) identities(ctx context.Context, shared *Shared) error {
	for _, b := range g.cfg.Identities {
		p, release, err := shared.issuers.acquire(ctx, b, b.Audiences)
		if err != nil {
			return g.cfg.Fail(b.Pos, err, fmt.Sprintf("identity %q", b.Name), err.Error())
		}
		g.Providers[b.Name], g.releases = p, append(g.releases, release)
		if c := g.cfg.Console; c != nil && c.Identity == b.Name {
			if g.Login, release, err = shared.issuers.acquire(ctx, b, []string{c.ClientID}); err != nil {
				return g.cfg.Fail(c.Pos, err, "console", err.Error())
			}
			g.releases = append(g.releases, release)
		}
	}
	return nil
}

// Policies compiles the policies of a configuration, alone: validate and the
// tests of policies need no more.
func Policies(ctx context.Context, cfg *config.Config) (*policy.Set, error) {
	opts := policy.Options{Approvals: []string{}, MaskBlocks: []string{}}
	for _, a := range cfg.Approvals {
		opts.Approvals = append(opts.Approvals, a.Name)
	}
	for _, m := range cfg.Masks {
		opts.MaskBlocks = append(opts.MaskBlocks, m.Name)
	}
	var sources []policy.Source
	for _, b := range cfg.Policies {
		src, err := policy.ReadSource(b.Name, b.Path.Abs)
		if err != nil {
			return nil, cfg.Fail(b.Pos, err, fmt.Sprintf("policy %q", b.Name), err.Error())
		}
		src.Shadow = b.Shadow
		sources = append(sources, src)
	}
	return policy.Compile(ctx, sources, opts)
}

func (g *Generation) connection(c *config.Connection, shared *Shared, modules map[string]*plugin.Module, approvals map[string]approval.Rule) (*gate.Connection, error) {
	cfg := g.cfg
	fail := func(err error) error {
		return cfg.Fail(c.Pos, err, fmt.Sprintf("connection %q", c.Name), err.Error())
	}
	gc := &gate.Connection{Name: c.Name, Protocol: c.Protocol, Address: c.Address, Database: c.Database, Role: c.User,
		Labels: c.Labels, Approvals: approvals, Detectors: make(map[string]*plugin.Module), Generation: g,
		Limits: gate.Limits{Statement: int(cfg.Limits.Statement), Message: int(cfg.Limits.Message),
			HoldsPerSession: cfg.Limits.HoldsPerSession, Session: cfg.Limits.Session, Transaction: cfg.Limits.Transaction}}
	if c.Password != nil {
		gc.Credential = c.Password.Source()
	}
	var names []string
	for _, p := range cfg.Policies {
		if config.AppliesTo(p.AppliesTo, c.Labels) {
			names = append(names, p.Name)
		}
	}
	var err error
	if gc.Policy, err = g.Policies.For(names); err != nil {
		return nil, fail(err)
	}
	if gc.Rules, err = rules(cfg, c.Labels); err != nil {
		return nil, err
	}
	gc.Rules = ofProtocol(c.Protocol, gc.Rules)
	if err := g.protect(gc); err != nil {
		return nil, fail(err)
	}
	for _, r := range gc.Rules {
		if r.Plugin == "" {
			continue
		}
		m := modules[r.Plugin]
		if m == nil || !m.Can("mask") {
			return nil, fail(fmt.Errorf("mask %q: plugin %q does not find anything to mask", r.Name, r.Plugin))
		}
		gc.Detectors[r.Plugin] = m
	}
	for _, b := range cfg.Plugins {
		m := modules[b.Name]
		if m.Can("classify") {
			gc.Classifiers = append(gc.Classifiers, m)
		}
		if m.Can("trigger") {
			gc.Triggers = append(gc.Triggers, m)
		}
	}
	register, ok := protocols[c.Protocol]
	if !ok {
		return nil, fail(fmt.Errorf("protocol %q is not available", c.Protocol))
	}
	if gc.Options, err = register(c, gc, shared); err != nil {
		return nil, fail(err)
	}
	if o, ok := gc.Options.(interface{ Close() }); ok {
		g.releases = append(g.releases, o.Close)
	}
	return gc, nil
}

// protect works out the protected set: every column of a mask that applies,
// and every one that an applying policy can name.
func (g *Generation) protect(gc *gate.Connection) error {
	add := func(columns ...string) {
		for _, col := range columns {
			if !slices.Contains(gc.Protected, col) {
				gc.Protected = append(gc.Protected, col)
			}
		}
	}
	for _, r := range gc.Rules {
		add(r.Columns...)
	}
	columns, blocks := gc.Policy.MaskColumns()
	add(columns...)
	for _, b := range blocks {
		i := slices.IndexFunc(g.cfg.Masks, func(m *config.Mask) bool { return m.Name == b })
		if i < 0 {
			return fmt.Errorf("a policy masks with block %q, which there is not", b)
		}
		if !slices.ContainsFunc(gc.Rules, func(r mask.Rule) bool { return r.Name == b }) {
			return fmt.Errorf("a policy masks with block %q, which does not apply to this connection", b)
		}
		add(g.cfg.Masks[i].Columns...)
	}
	slices.Sort(gc.Protected)
	return nil
}

// protocols are those that a connection may have: the one line each.
var protocols = map[string]func(*config.Connection, *gate.Connection, *Shared) (any, error){
	"postgres": postgresOptions,
	"redis":    redisOptions,
}

// ofProtocol keeps the columns that a resource of the protocol can have: what
// names keys of Redis names no column of a table.
func ofProtocol(protocol string, rules []mask.Rule) (out []mask.Rule) {
	for _, r := range rules {
		if r.Plugin == "" {
			r.Columns = slices.DeleteFunc(slices.Clone(r.Columns), func(c string) bool { return config.KeyPattern(c) != (protocol == "redis") })
		}
		if r.Plugin != "" || len(r.Columns) > 0 {
			out = append(out, r)
		}
	}
	return out
}

func redisOptions(c *config.Connection, gc *gate.Connection, _ *Shared) (any, error) {
	for _, r := range gc.Rules {
		if r.Plugin != "" {
			return nil, fmt.Errorf("mask %q: plugins are not asked about answers of Redis yet: give it applies_to labels that this connection has not", r.Name)
		}
	}
	o := &redis.Options{Address: c.Address, User: c.User, Database: c.Database, Databases: c.Redis.Databases, Limits: gc.Limits}
	for _, col := range gc.Protected {
		if config.KeyPattern(col) {
			o.Columns = append(o.Columns, col)
		}
	}
	if c.Password != nil {
		src, err := secret(c.Password)
		if err != nil {
			return nil, err
		}
		o.Password = func(ctx context.Context) (string, error) {
			s, err := src.Fetch(ctx)
			return s.Reveal(), err
		}
	}
	var err error
	o.TLS, err = upstreamTLS(c)
	return o, err
}

func postgresOptions(c *config.Connection, gc *gate.Connection, shared *Shared) (any, error) {
	u := &postgres.Upstream{Address: c.Address, Database: c.Database, User: c.User}
	if c.Password != nil {
		src, err := secret(c.Password)
		if err != nil {
			return nil, err
		}
		u.Password = func(ctx context.Context) (string, error) {
			s, err := src.Fetch(ctx)
			return s.Reveal(), err
		}
	}
	if c.Pool != nil {
		u.Pool = &postgres.Pool{Size: c.Pool.Size, Idle: c.Pool.Idle}
	}
	var err error
	if u.TLS, err = upstreamTLS(c); err != nil {
		return nil, err
	}
	return &postgres.Options{Upstream: u, Databases: c.Postgres.Databases, Catalogs: shared.catalogs, Columns: gc.Protected, Limits: gc.Limits,
		Lineage: c.Postgres.Lineage, ServerLogAccepted: c.Postgres.ServerLog == "accepted", Driver: c.Postgres.Driver}, nil
}

// secret is the source that a reference names.
func secret(ref *config.SecretRef) (credential.Source, error) {
	switch ref.Kind {
	case config.SecretEnv:
		return credential.Env(ref.Args[0]), nil
	case config.SecretFile:
		return credential.File(ref.Args[0], credential.FileOptions{}), nil
	case config.SecretExec:
		return credential.Exec(ref.Args, credential.ExecOptions{})
	}
	return nil, fmt.Errorf("secrets of the kind %q are not available", ref.Kind)
}

// upstreamTLS is how the gateway checks and proves itself to a resource; nil
// is plain text.
func upstreamTLS(c *config.Connection) (*tls.Config, error) {
	t := &c.TLS
	if t.Mode == "disable" {
		return nil, nil
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	if cfg.ServerName == "" {
		host, _, err := net.SplitHostPort(c.Address)
		if err != nil {
			return nil, fmt.Errorf("address %q: %w", c.Address, err)
		}
		cfg.ServerName = host
	}
	if !t.CAFile.IsZero() {
		roots, err := pool(t.CAFile)
		if err != nil {
			return nil, err
		}
		cfg.RootCAs = roots
	}
	if !t.CertFile.IsZero() {
		pair, err := tls.LoadX509KeyPair(t.CertFile.Abs, t.KeyFile.Abs)
		if err != nil {
			return nil, err
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	switch t.Mode {
	case "require":
		cfg.InsecureSkipVerify = true //nolint:gosec // what the operator asked for, as in libpq
	case "verify-ca":
		roots := cfg.RootCAs
		cfg.InsecureSkipVerify = true //nolint:gosec // the chain is verified below, the name is not
		cfg.VerifyConnection = func(s tls.ConnectionState) error {
			opts := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool()}
			for _, c := range s.PeerCertificates[1:] {
				opts.Intermediates.AddCert(c)
			}
			_, err := s.PeerCertificates[0].Verify(opts)
			return err
		}
	}
	return cfg, nil
}

func pool(p config.Path) (*x509.CertPool, error) {
	pem, err := os.ReadFile(p.Abs)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s has no certificate in PEM form", p.Given)
	}
	return roots, nil
}
