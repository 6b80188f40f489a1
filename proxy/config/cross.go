package config

import (
	"fmt"
	"slices"
)

// cross checks what blocks say about each other.
func (d *decoder) cross(c *Config) {
	ok := !d.diags.HasErrors()
	if c.State.Path.IsZero() {
		c.State.Path = Path{Given: "state.db", Abs: c.Gateway.DataDir.Abs + "/state.db"}
	}
	addresses := map[string]*Listener{}
	for _, l := range c.Listeners {
		if l.Connection != "" && !slices.ContainsFunc(c.Connections, func(x *Connection) bool { return x.Name == l.Connection }) {
			d.fail(l.Pos.rng, "Unknown connection", "listener %q names the connection %q, which does not exist.", l.Name, l.Connection)
		}
		if _, port, _ := split(l.Address); port != "0" {
			if first := addresses[l.Address]; first != nil {
				d.fail(l.Pos.rng, "Duplicate address", "listener %q at %s has the address %s already.", first.Name, first.Pos, l.Address)
			}
			addresses[l.Address] = l
		}
	}
	for _, p := range c.Plugins {
		if p.Unpinned && !c.Gateway.Development {
			d.fail(p.Pos.rng, "Unpinned plugin", `plugin %q has pin = "none", which is for gateway { development = true } alone: set sha256.`, p.Name)
		}
	}
	for _, m := range c.Masks {
		if m.Plugin != "" && !slices.ContainsFunc(c.Plugins, func(p *Plugin) bool { return p.Name == m.Plugin }) {
			d.fail(m.Pos.rng, "Unknown plugin", "mask %q names the plugin %q, which does not exist.", m.Name, m.Plugin)
		}
	}
	if con := c.Console; con != nil && con.Identity != "" {
		if !slices.ContainsFunc(c.Identities, func(i *Identity) bool { return i.Name == con.Identity }) {
			d.fail(con.Pos.rng, "Unknown identity", "console names the identity %q, which does not exist.", con.Identity)
		}
		if !slices.ContainsFunc(c.Listeners, func(l *Listener) bool { return l.Protocol == "https" }) {
			d.fail(con.Pos.rng, "Missing listener", `console needs a listener "https" to be served on.`)
		}
	}
	if ok {
		d.doubt(c)
	}
}

// doubt warns of what is allowed and probably not meant: a label with a slip in
// it takes a mask away without a word.
func (d *decoder) doubt(c *Config) {
	concerns := func(labels map[string]string) bool {
		return slices.ContainsFunc(c.Connections, func(x *Connection) bool { return AppliesTo(labels, x.Labels) })
	}
	for _, m := range c.Masks {
		if len(c.Connections) > 0 && !concerns(m.AppliesTo) {
			d.warn(m.Pos.rng, "Mask without effect", "mask %q applies to no connection: none has the labels %s.", m.Name, labels(m.AppliesTo))
		}
	}
	for _, p := range c.Policies {
		if len(c.Connections) > 0 && !concerns(p.AppliesTo) {
			d.warn(p.Pos.rng, "Policy without effect", "policy %q applies to no connection: none has the labels %s.", p.Name, labels(p.AppliesTo))
		}
	}
	for _, x := range c.Connections {
		if !slices.ContainsFunc(c.Policies, func(p *Policy) bool { return !p.Shadow && AppliesTo(p.AppliesTo, x.Labels) }) {
			d.warn(x.Pos.rng, "Nothing allowed", "no enforced policy applies to connection %q: every command is denied.", x.Name)
		}
		if !slices.ContainsFunc(c.Listeners, func(l *Listener) bool { return l.Protocol == x.Protocol }) {
			d.warn(x.Pos.rng, "Not reachable", "there is no listener %q for connection %q.", x.Protocol, x.Name)
		}
	}
	if len(c.Identities) == 0 && len(c.Listeners) > 0 {
		d.warn(c.Listeners[0].Pos.rng, "Nobody can log in", "there is no identity block.")
	}
}

func labels(m map[string]string) string {
	s := ""
	for _, k := range sortedKeys(m) {
		if s != "" {
			s += ", "
		}
		s += fmt.Sprintf("%s = %q", k, m[k])
	}
	return s
}
