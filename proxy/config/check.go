package config

import (
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	ctyjson "github.com/zclconf/go-cty/cty/json"
)

// actions in CONTRACT 2's order, the strictest first.
var actions = []string{"deny", "null", "redact", "hash", "tokenize", "pseudonym", "partial", "replace"}

var (
	// A connection's name travels as database, user, path element and repository:
	// what all of them take, and nothing that any of them cuts at.
	plainName = regexp.MustCompile(`^[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?$`)
	// A policy's name is a Rego package.
	packageName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,62}$`)
	hexDigest   = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// regoWords cannot be packages; system is OPA's own.
var regoWords = []string{"as", "contains", "data", "default", "else", "every", "false", "if", "import", "in", "input", "not", "null", "package", "some", "system", "true", "with"}

func (d *decoder) name(pos Pos, block, name string) {
	if !plainName.MatchString(name) {
		d.fail(pos.rng, "Invalid name", "%s %q: want lower-case letters, digits, - and _, at most 63.", block, name)
	}
}

func (g *Gateway) check(d *decoder, l *layout) {
	if !plainName.MatchString(g.Name) {
		d.fail(l.at("name"), "Invalid name", "gateway %q: want lower-case letters, digits, - and _, at most 63.", g.Name)
	}
	if g.DataDir.Abs == "" {
		d.fail(l.at("data_dir"), "Invalid data_dir", "write an absolute path: there is no working directory.")
	}
}

// loopback is whether an address cannot be reached from another machine.
func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

func split(address string) (host, port string, ok bool) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", "", false
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return host, port, err == nil && strconv.FormatUint(n, 10) == port && !strings.ContainsAny(host, " \t\r\n/@\x00")
}

func (l *Listener) check(d *decoder, b *layout) {
	d.name(l.Pos, "listener", l.Name)
	host, _, ok := split(l.Address)
	if !ok {
		d.fail(b.at("address"), "Invalid address", `%q: want host:port, like "127.0.0.1:6432".`, l.Address)
		return
	}
	t := &l.TLS
	at := t.Pos.rng
	if t.Pos.Line == 0 {
		at = l.Pos.rng
	}
	files := !t.CertFile.IsZero() || !t.KeyFile.IsZero()
	switch {
	case t.Insecure && files:
		d.fail(at, "Contradicting tls", "insecure = true is plain text; take cert_file and key_file out, or insecure.")
	case t.Insecure && !loopback(host):
		d.fail(at, "Plain text off loopback", "insecure = true is accepted on loopback only, and %s is not: set cert_file and key_file.", l.Address)
	case !t.Insecure && (t.CertFile.IsZero() || t.KeyFile.IsZero()):
		d.fail(at, "Missing certificate", "tls needs cert_file and key_file (or insecure = true, on loopback): clients send their tokens here.")
	}
}

// web checks an address that tokens travel to: https, or http on loopback.
func web(s string) (ok bool) {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || u.RawQuery != "" {
		return false
	}
	return u.Scheme == "https" || u.Scheme == "http" && loopback(u.Hostname())
}

func (i *Identity) check(d *decoder, l *layout) {
	d.name(i.Pos, "identity", i.Name)
	if !web(i.Issuer) {
		d.fail(l.at("issuer"), "Invalid issuer", "%q: want an https URL; http is accepted on loopback only.", i.Issuer)
	}
	if len(i.Audiences) == 0 {
		d.fail(l.at("audiences"), "Invalid audiences", "the list is empty: any token of the issuer would be taken.")
	}
	if len(i.Kinds) > 0 && i.KindClaim == "" {
		d.fail(l.at("kinds"), "Invalid kinds", "kinds translates the values of kind_claim, which is not set.")
	}
	for _, f := range []struct{ name, value string }{{"subject_claim", i.SubjectClaim}, {"groups_claim", i.GroupsClaim}, {"actor_claim", i.ActorClaim}} {
		if f.value == "" {
			d.fail(l.at(f.name), "Invalid "+f.name, "%s is empty.", f.name)
		}
	}
}

var defaultPorts = map[string]string{"postgres": "5432", "redis": "6379"}

func (c *Connection) check(d *decoder, l *layout) {
	d.name(c.Pos, "connection", c.Name)
	if port := defaultPorts[c.Protocol]; port != "" && c.Address != "" {
		if host := strings.Trim(c.Address, "[]"); !strings.Contains(c.Address, ":") || strings.HasSuffix(c.Address, "]") || bare6(host) {
			c.Address = net.JoinHostPort(host, port)
		}
	}
	host, port, ok := split(c.Address)
	if !ok || host == "" || port == "0" {
		d.fail(l.at("address"), "Invalid address", `%q: want host:port, like "db.internal:5432".`, c.Address)
		return
	}
	if c.User == "" || c.Database == "" {
		d.fail(l.pos.rng, "Incomplete connection", "user and database must not be empty.")
	}
	c.own(d, l)
	t := &c.TLS
	at := t.Pos.rng
	if t.Pos.Line == 0 {
		at = c.Pos.rng
	}
	switch {
	case t.Mode == "disable" && !loopback(host) && t.Insecure != "accepted":
		d.fail(at, "Plain text off loopback", `mode = "disable" sends the credential and all data in clear to %s: use another mode, or set insecure = "accepted".`, c.Address)
	case t.Mode == "disable" && (!t.CAFile.IsZero() || !t.CertFile.IsZero() || !t.KeyFile.IsZero() || t.ServerName != ""):
		d.fail(at, "Contradicting tls", `mode = "disable" uses no certificate: take the files out, or change the mode.`)
	case t.CertFile.IsZero() != t.KeyFile.IsZero():
		d.fail(at, "Incomplete certificate", "cert_file and key_file belong together.")
	case t.Mode == "require" && !t.CAFile.IsZero():
		d.fail(at, "Contradicting tls", `mode = "require" does not look at the certificate: use verify-ca or verify-full with ca_file.`)
	}
	if t.Mode == "require" && !loopback(host) {
		d.warn(at, "Unverified server", `mode = "require" encrypts, but anyone on the way can stand in for %s: prefer verify-full.`, c.Address)
	}
}

// own checks what is particular to a protocol.
func (c *Connection) own(d *decoder, l *layout) {
	if c.Protocol == "redis" {
		for _, db := range append([]string{c.Database}, c.Redis.Databases...) {
			if n, err := strconv.ParseUint(db, 10, 31); err != nil || strconv.FormatUint(n, 10) != db {
				d.fail(l.at("database"), "Invalid database", "%q: Redis numbers its databases: write \"0\", \"1\" and so on.", db)
			}
		}
		if c.Postgres.Pos.Line > 0 || c.Pool != nil {
			d.fail(l.pos.rng, "Contradicting connection", "blocks postgres and pool are for connections of PostgreSQL.")
		}
	} else if c.Redis.Pos.Line > 0 {
		d.fail(c.Redis.Pos.rng, "Contradicting connection", "block redis is for connections of Redis.")
	}
}

func bare6(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Is6()
}

func (p *Pool) check(d *decoder, l *layout) {
	if p.Size < 1 || p.Size > 10000 {
		d.fail(l.at("size"), "Invalid size", "%d: want 1 to 10000.", p.Size)
	}
}

func (p *Plugin) check(d *decoder, l *layout) {
	d.name(p.Pos, "plugin", p.Name)
	p.written = l.fields
	p.SHA256 = strings.ToLower(p.SHA256)
	pins := 0
	for _, set := range []bool{p.SHA256 != "", !p.SignedBy.IsZero(), p.pin != ""} {
		if set {
			pins++
		}
	}
	p.Unpinned = p.pin == "none"
	switch {
	case pins == 0:
		d.fail(l.pos.rng, "Unpinned plugin", `plugin %q must say which module it means: sha256 = "…" of the file, or signed_by = "…" with the public key (pin = "none" only in development).`, p.Name)
	case pins > 1:
		d.fail(l.pos.rng, "Contradicting pins", "plugin %q: one of sha256, signed_by and pin.", p.Name)
	case p.SHA256 != "" && !hexDigest.MatchString(p.SHA256):
		d.fail(l.at("sha256"), "Invalid sha256", "want 64 hex digits, as sha256sum prints them.")
	}
	if t := p.settings.Type(); !t.IsObjectType() && !t.IsMapType() {
		d.fail(l.at("settings"), "Invalid settings", "want a map like { detectors = [\"email\"] }.")
		return
	}
	data, err := ctyjson.Marshal(p.settings, p.settings.Type())
	if err != nil {
		d.fail(l.at("settings"), "Invalid settings", "%s.", err)
	}
	p.Settings = data
}

// What a plugin's limits may be. A call cannot be interrupted, and Go's garbage
// collector waits for it: the greatest fuel is about 100 milliseconds.
const (
	leastFuel, mostFuel           = 100_000, 1_000_000_000
	leastStartFuel, mostStartFuel = 1_000_000, 50_000_000_000
	leastMemory, mostMemory       = 64 << 10, 1 << 30
	leastDepth, mostDepth         = 100, 20_000
	slowFuel                      = 100_000_000
)

func (p *PluginLimits) check(d *decoder, l *layout) {
	for _, x := range []struct {
		name        string
		value       int
		least, most int
	}{{"fuel", p.Fuel, leastFuel, mostFuel}, {"start_fuel", p.StartFuel, leastStartFuel, mostStartFuel}, {"call_depth", p.CallDepth, leastDepth, mostDepth}} {
		if at := l.at(x.name); at != l.pos.rng && (x.value < x.least || x.value > x.most) {
			d.fail(at, "Invalid "+x.name, "%d: want %d to %d.", x.value, x.least, x.most)
		}
	}
	if p.Memory != 0 && (p.Memory < leastMemory || p.Memory > mostMemory || p.Memory%leastMemory != 0) {
		d.fail(l.at("memory"), "Invalid memory", "%s: want 64KiB to 1GiB, in pages of 64KiB.", p.Memory)
	}
	if p.Fuel > slowFuel && p.Fuel <= mostFuel {
		d.warn(l.at("fuel"), "Long calls", "%d is about %d ms of one call, which nothing interrupts: every session may wait so long.", p.Fuel, p.Fuel/10_000_000)
	}
}

func (p *Policy) check(d *decoder, l *layout) {
	if !packageName.MatchString(p.Name) || slices.Contains(regoWords, p.Name) {
		d.fail(p.Pos.rng, "Invalid name", "policy %q evaluates data.%s: want letters, digits and _, and no word of Rego.", p.Name, p.Name)
	}
	p.Shadow = p.mode == "shadow"
}

func (m *Mask) check(d *decoder, l *layout) {
	d.name(m.Pos, "mask", m.Name)
	switch {
	case len(m.Columns) == 0 && m.Plugin == "":
		d.fail(m.Pos.rng, "Empty mask", `mask %q says nothing to mask: set columns, like ["public.customers.email"], or plugin.`, m.Name)
	case len(m.Columns) > 0 && m.Plugin != "":
		d.fail(m.Pos.rng, "Contradicting mask", "mask %q: columns or plugin, not both; write two blocks.", m.Name)
	case m.Action == "tokenize":
		d.fail(l.at("action"), "Not available yet", "tokenize needs a token store, which cannot be configured yet: use pseudonym, or hash.")
	case m.Action == "replace" && m.Plugin == "":
		d.fail(l.at("action"), "Contradicting mask", "mask %q: replace puts what a plugin gives in place of what it found, and columns have no plugin: set plugin, or another action.", m.Name)
	}
	for _, c := range m.Columns {
		if !column(c) && !KeyPattern(c) {
			d.fail(l.at("columns"), "Invalid column", `%q: want schema.table.column, like "public.customers.email", or for Redis a pattern of keys, like "session:*" or "user:*.email".`, c)
		}
	}
	if at := l.at("scope"); at != l.pos.rng && m.Action != "pseudonym" && m.Action != "replace" {
		d.fail(at, "Contradicting mask", "scope is for pseudonym and replace; %s is the same everywhere.", m.Action)
	}
}

// column is whether s is schema.table.column; a part with a dot in it is quoted.
func column(s string) bool {
	parts, quoted, length := 1, false, 0
	for _, r := range s {
		switch {
		case r == '"':
			quoted = !quoted
		case r < ' ' || r == '*' && !quoted || r == ' ' && !quoted:
			return false
		case r == '.' && !quoted:
			if length == 0 {
				return false
			}
			parts, length = parts+1, 0
		default:
			length++
		}
	}
	return parts == 3 && !quoted && length > 0
}

// KeyPattern is whether s is a pattern of Redis keys with a colon or a star in
// it, perhaps with a field behind one dot: what no column of a table looks like.
func KeyPattern(s string) bool {
	key, field, dotted := strings.Cut(s, ".")
	return key != "" && strings.ContainsAny(key, ":*") && strings.Trim(key, "*") != "" && (!dotted || field != "") &&
		!strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == '"' }) && !strings.ContainsAny(field, ".*")
}

func (a *Approval) check(d *decoder, l *layout) {
	d.name(a.Pos, "approval", a.Name)
	if len(a.Approvers) == 0 {
		d.fail(l.at("approvers"), "Invalid approvers", "the list is empty: nobody could decide.")
	}
	if a.Required < 1 || a.Required > 16 {
		d.fail(l.at("required"), "Invalid required", "%d: want 1 to 16 approvers.", a.Required)
	}
	if a.Wait > a.Expires {
		d.fail(l.at("wait"), "Contradicting times", "the client would wait %s for a ticket that expires after %s.", a.Wait, a.Expires)
	}
	if a.Mode == "ticket" && a.Wait > 0 {
		d.fail(l.at("wait"), "Contradicting approval", `in mode "ticket" nobody waits: take wait out, or use "wait-then-ticket".`)
	}
}

func (c *Console) check(d *decoder, l *layout) {
	if !web(c.URL) {
		d.fail(l.at("url"), "Invalid url", "%q: want an https URL; http is accepted on loopback only.", c.URL)
	}
	if c.ClientID == "" {
		d.fail(l.at("client_id"), "Invalid client_id", "client_id is empty.")
	}
}

func (c *Limits) check(d *decoder, l *layout) {
	if c.Statement > c.Message {
		d.fail(l.at("statement"), "Contradicting limits", "a statement of %s does not fit a message of %s.", c.Statement, c.Message)
	}
	if c.Message > 1<<30 {
		d.fail(l.at("message"), "Invalid message", "%s: at most 1GiB.", c.Message)
	}
	if c.HoldsPerSession < 1 || c.HoldsPerSession > 1024 {
		d.fail(l.at("holds_per_session"), "Invalid holds_per_session", "%d: want 1 to 1024.", c.HoldsPerSession)
	}
}

func (r *Reload) check(d *decoder, l *layout) {
	if r.requireApproval != 0 {
		d.fail(l.at("require_approval"), "Not available yet", "approvals of a reload are not available yet: leave it out, or write 0.")
	}
}
