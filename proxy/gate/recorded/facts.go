package recorded

import (
	"encoding/json"
	"slices"
	"strings"

	"sluice.dev/proxy/audit"
	"sluice.dev/proxy/gate"
	"sluice.dev/proxy/identity"
	"sluice.dev/proxy/policy"
)

// own are a protocol's own facts from a whole record; nil: its parser knew
// none, and policies saw each as true.
// Unknown are those that were there and whose value is not recorded.
func own(protocol string, said []string) (out map[string]any, unknown []string) {
	if slices.Contains(said, "unknown") {
		return nil, nil
	}
	out = policy.OwnFacts(protocol)
	for _, s := range said {
		if out == nil {
			out = make(map[string]any)
		}
		if name, there := strings.CutSuffix(s, "?"); there {
			unknown = append(unknown, "command."+protocol+"."+name)
			continue
		}
		name, text, valued := strings.Cut(s, "=")
		if !valued {
			out[name] = true
			continue
		}
		var v any
		if json.Unmarshal([]byte(text), &v) == nil {
			out[name] = v
		}
	}
	return out, unknown
}

// claims fills in those that the record has: those that the policies of then
// read. The policies of now know of another claim that it was not there if
// they are the same.
func claims(who *identity.Principal, p *audit.Principal, conn *gate.Connection, same bool) (unknown []string) {
	for name, text := range p.Claims {
		var v any
		if json.Unmarshal([]byte(text), &v) != nil {
			unknown = append(unknown, "principal.claims."+name)
			continue
		}
		if who.Claims == nil {
			who.Claims = make(map[string]any)
		}
		who.Claims[name] = v
	}
	switch {
	case conn == nil:
		return []string{"principal.claims"}
	case same:
		return unknown
	}
	const all = "input.principal.claims"
	for _, path := range conn.Policy.Reads() {
		if strings.HasPrefix(all, path) {
			return []string{"principal.claims"}
		}
		rest, ok := strings.CutPrefix(path, all+".")
		name, _, _ := strings.Cut(rest, ".")
		if _, known := p.Claims[name]; ok && !known {
			unknown = append(unknown, "principal.claims."+name)
		}
	}
	return unknown
}
