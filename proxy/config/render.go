package config

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
)

// block is one top-level block with its heading, like connection "postgres" "orders".
type block struct {
	heading string
	layout  *layout
}

// blocks lists the whole configuration in CONTRACT 2's order.
func (c *Config) blocks() []block {
	out := []block{{"gateway", c.Gateway.layout()}}
	put := func(l *layout, words ...string) {
		heading := words[0]
		for _, w := range words[1:] {
			heading += " " + quote(w)
		}
		out = append(out, block{heading, l})
	}
	for _, l := range c.Listeners {
		put(l.layout(), "listener", l.Protocol, l.Name)
	}
	for _, i := range c.Identities {
		put(i.layout(), "identity", i.Kind, i.Name)
	}
	for _, x := range c.Connections {
		put(x.layout(), "connection", x.Protocol, x.Name)
	}
	for _, p := range c.Plugins {
		put(p.layout(), "plugin", p.Name)
	}
	for _, p := range c.Policies {
		put(p.layout(), "policy", p.Name)
	}
	for _, m := range c.Masks {
		put(m.layout(), "mask", m.Name)
	}
	for _, a := range c.Approvals {
		put(a.layout(), "approval", a.Name)
	}
	put(c.Audit.layout(), "audit")
	put(c.State.layout(), "state", c.State.Kind)
	if c.Console != nil {
		put(c.Console.layout(), "console")
	}
	put(c.Limits.layout(), "limits")
	put(c.Reload.layout(), "reload")
	return out
}

// Redacted is the effective configuration as HCL, defaults filled in, every
// secret as ‹secret›.
func (c *Config) Redacted() string {
	var b bytes.Buffer
	for i, k := range c.blocks() {
		if i > 0 {
			b.WriteByte('\n')
		}
		k.layout.print(&b, k.heading, "")
	}
	return b.String()
}

func (l *layout) print(b *bytes.Buffer, heading, indent string) {
	fmt.Fprintf(b, "%s%s {\n", indent, heading)
	width := 0
	for _, f := range l.fields {
		if _, shown := f.value(); shown {
			width = max(width, len(f.name))
		}
	}
	for _, f := range l.fields {
		if v, shown := f.value(); shown {
			fmt.Fprintf(b, "%s  %-*s = %s\n", indent, width, f.name, v)
		}
	}
	for _, s := range l.blocks {
		if in := s.now(); in != nil {
			in.print(b, s.name, indent+"  ")
		}
	}
	fmt.Fprintf(b, "%s}\n", indent)
}

// value is the attribute as HCL; false when there is nothing to show.
func (f *field) value() (string, bool) {
	switch v := f.into.(type) {
	case *string:
		return quote(*v), *v != ""
	case *bool:
		return strconv.FormatBool(*v), *v || f.name == "watch"
	case *int:
		return strconv.Itoa(*v), *v != 0
	case *time.Duration:
		return quote(short(*v)), *v != 0
	case *Size:
		return quote(v.String()), *v != 0
	case *Path:
		return quote(v.Given), !v.IsZero()
	case *[]string:
		words := make([]string, len(*v))
		for i, s := range *v {
			words[i] = quote(s)
		}
		return "[" + strings.Join(words, ", ") + "]", len(*v) > 0
	case *map[string]string:
		pairs := make([]string, 0, len(*v))
		for _, k := range sortedKeys(*v) {
			pairs = append(pairs, key(k)+" = "+quote((*v)[k]))
		}
		return "{ " + strings.Join(pairs, ", ") + " }", len(*v) > 0
	case **SecretRef:
		if *v == nil {
			return "", false
		}
		return hidden + " # " + (*v).Source(), true
	case *cty.Value:
		return inline(*v), v.LengthInt() > 0
	}
	panic(fmt.Sprintf("config: attribute %s of type %T", f.name, f.into)) // a slip in this package, found by its tests
}

// inline is a value on one line.
func inline(v cty.Value) string {
	t := v.Type()
	if v.IsNull() || !t.IsObjectType() && !t.IsMapType() && !t.IsTupleType() && !t.IsListType() && !t.IsSetType() {
		return string(hclwrite.TokensForValue(v).Bytes())
	}
	words := make([]string, 0, v.LengthInt())
	for it := v.ElementIterator(); it.Next(); {
		k, e := it.Element()
		if t.IsObjectType() || t.IsMapType() {
			words = append(words, key(k.AsString())+" = "+inline(e))
		} else {
			words = append(words, inline(e))
		}
	}
	if t.IsObjectType() || t.IsMapType() {
		return "{ " + strings.Join(words, ", ") + " }"
	}
	return "[" + strings.Join(words, ", ") + "]"
}

func quote(s string) string {
	return string(hclwrite.TokensForValue(cty.StringVal(s)).Bytes())
}

// key quotes what would not be an identifier.
func key(s string) string {
	for i, r := range s {
		if r != '_' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (i == 0 || r < '0' || r > '9') {
			return quote(s)
		}
	}
	if s == "" {
		return quote(s)
	}
	return s
}

// short is 15m where Go prints 15m0s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }

// Files lists every file and directory that the configuration names, itself
// included, absolute and in order: what a watch has to cover. Programs that
// exec() runs are not among them.
func (c *Config) Files() []string {
	files := map[string]bool{}
	for _, n := range slices.Concat(c.sources.names, c.sources.dirs) {
		if abs, err := resolve(n, ""); err == nil {
			files[abs] = true
		}
	}
	var walk func(l *layout)
	walk = func(l *layout) {
		for _, f := range l.fields {
			switch v := f.into.(type) {
			case *Path:
				if !v.IsZero() && f.name != "data_dir" && l.pos != &c.State.Pos {
					files[v.Abs] = true
				}
			case **SecretRef:
				if *v != nil && (*v).Kind == SecretFile {
					files[(*v).Args[0]] = true
				}
			}
		}
		for _, s := range l.blocks {
			if in := s.now(); in != nil {
				walk(in)
			}
		}
	}
	for _, b := range c.blocks() {
		walk(b.layout)
	}
	return slices.Sorted(maps.Keys(files))
}

// Sources names the files that the configuration was read from, as they were
// named to Load.
func (c *Config) Sources() []string { return slices.Clone(c.sources.names) }
