package config

import (
	"slices"
	"strconv"

	"github.com/hashicorp/hcl/v2"
)

// At is where an attribute of the block stands, or else the block; for
// "settings", a path of keys and indexes leads further in, as far as it is
// written.
func (p *Plugin) At(attribute string, path ...string) Pos {
	i := slices.IndexFunc(p.written, func(f field) bool { return f.name == attribute && f.at.Line > 0 })
	if i < 0 {
		return p.Pos
	}
	at, expr := p.written[i].at, p.written[i].expr
	for _, step := range path {
		next := inside(expr, step)
		if next == nil {
			break
		}
		at, expr = posOf(next.Range()), next
	}
	return at
}

// inside is the expression of a member of an object, or of an element of a
// list.
func inside(expr hcl.Expression, step string) hcl.Expression {
	if pairs, diags := hcl.ExprMap(expr); !diags.HasErrors() {
		for _, kv := range pairs {
			if v, diags := kv.Key.Value(nil); !diags.HasErrors() {
				if s, err := text(v); err == nil && s == step {
					return kv.Value
				}
			}
		}
		return nil
	}
	list, diags := hcl.ExprList(expr)
	if n, err := strconv.Atoi(step); err == nil && !diags.HasErrors() && n >= 0 && n < len(list) {
		return list[n]
	}
	return nil
}
