package config

import (
	"fmt"
	"slices"
	"strings"
)

// Change is how one block of a configuration differs from an older one.
type Change struct {
	// Action is add, remove or change.
	Action string `json:"action"`
	// Block is its heading: connection "postgres" "orders".
	Block      string            `json:"block"`
	Attributes []AttributeChange `json:"attributes"`
}

// AttributeChange is one attribute. Old or New is "" where there is none. Of a
// secret both name its source.
type AttributeChange struct {
	Name string `json:"name"` // tls.mode for one in a nested block
	Old  string `json:"old,omitempty"`
	New  string `json:"new,omitempty"`
}

// Compare lists what is different in next, defaults filled in, in the order of
// next, then what is gone. Nil for old means that everything is new. It compares
// what the configuration says; the contents of the files it names are not its
// business.
func Compare(old, next *Config) []Change {
	before := map[string]map[string]string{}
	var order []string
	if old != nil {
		for _, b := range old.blocks() {
			before[b.heading], _ = flatten(b.layout)
			order = append(order, b.heading)
		}
	}
	var out []Change
	for _, b := range next.blocks() {
		now, names := flatten(b.layout)
		was, existed := before[b.heading]
		delete(before, b.heading)
		c := Change{Action: "change", Block: b.heading}
		if !existed {
			c.Action = "add"
		}
		for _, n := range names {
			if was[n] != now[n] {
				c.Attributes = append(c.Attributes, AttributeChange{n, was[n], now[n]})
			}
		}
		for _, n := range sortedKeys(was) {
			if _, still := now[n]; !still {
				c.Attributes = append(c.Attributes, AttributeChange{n, was[n], ""})
			}
		}
		if !existed || len(c.Attributes) > 0 {
			out = append(out, c)
		}
	}
	for _, heading := range order {
		was, gone := before[heading]
		if !gone {
			continue
		}
		c := Change{Action: "remove", Block: heading}
		for _, n := range sortedKeys(was) {
			c.Attributes = append(c.Attributes, AttributeChange{n, was[n], ""})
		}
		out = append(out, c)
	}
	return out
}

func flatten(l *layout) (values map[string]string, names []string) {
	values = map[string]string{}
	var walk func(l *layout, prefix string)
	walk = func(l *layout, prefix string) {
		for _, f := range l.fields {
			if v, shown := f.value(); shown {
				values[prefix+f.name] = v
				names = append(names, prefix+f.name)
			}
		}
		for _, s := range l.blocks {
			if in := s.now(); in != nil {
				walk(in, prefix+s.name+".")
			}
		}
	}
	walk(l, "")
	return values, names
}

// String prints the change as a plan does: + is new, - is gone, ~ is other.
func (c Change) String() string {
	sign := map[string]string{"add": "+", "remove": "-", "change": "~"}[c.Action]
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\n", sign, c.Block)
	width := 0
	for _, a := range c.Attributes {
		width = max(width, len(a.Name))
	}
	for _, a := range c.Attributes {
		switch {
		case a.Old == "":
			fmt.Fprintf(&b, "    + %-*s = %s\n", width, a.Name, a.New)
		case a.New == "":
			fmt.Fprintf(&b, "    - %-*s = %s\n", width, a.Name, a.Old)
		default:
			fmt.Fprintf(&b, "    ~ %-*s = %s → %s\n", width, a.Name, a.Old, a.New)
		}
	}
	return b.String()
}

// Summary counts the changes in one line.
func Summary(changes []Change) string {
	count := func(action string) int {
		return len(slices.DeleteFunc(slices.Clone(changes), func(c Change) bool { return c.Action != action }))
	}
	if len(changes) == 0 {
		return "no changes"
	}
	return fmt.Sprintf("%d to add, %d to change, %d to remove", count("add"), count("change"), count("remove"))
}
