package lineage

import (
	"math/bits"
	"slices"
)

// value is what is known of an expression: how its result depends on protected
// columns, and what evaluating it can do.
type value struct {
	level Level
	flags flag
	from  uint64 // bits of walker.names: the configured columns in it
}

type flag uint16

const (
	// hasClean: it contains a column that is not protected, outside the
	// arguments of opaque functions.
	hasClean flag = 1 << iota
	// hasTainted: it contains a column that is.
	hasTainted
	// hasOpaque: it contains what an opaque function computed.
	hasOpaque
	// hasEffect: evaluating it may do something that somebody can see later;
	// ownEffect: a function that is not opaque does.
	hasEffect
	ownEffect
	// hasRaise: it may raise an error for some protected values and not others.
	hasRaise
	// hasRows: it contains a set-returning function whose number of rows hangs
	// on a protected value.
	hasRows
	// unsettled: it hangs on a column of a recursive query that is not worked
	// out yet. While it is clean besides, it says nothing.
	unsettled
)

// evaluated are the flags of evaluating an expression, which do not stick to
// its result.
const evaluated = hasEffect | ownEffect | hasRaise | hasRows

func (v value) tainted() bool     { return v.level != Clean }
func (v value) has(f flag) bool   { return v.flags&f != 0 }
func (v value) result() value     { v.flags &^= evaluated; return v }
func (v value) with(f flag) value { v.flags |= f; return v }

// unknown is the value of what is not understood.
var unknownValue = value{level: Mixed, flags: hasClean | hasTainted}

// mixed: it has protected and other data in it.
func (v value) mixed() bool { return v.level == Mixed || v.tainted() && v.has(hasClean) }

// within joins the value of a part into that of what is computed from it: the
// result is never exactly a protected column.
func (v value) within(part value) value {
	v.flags |= part.flags
	v.from |= part.from
	if part.tainted() {
		v.level = max(v.level, Derived, part.level)
	}
	return v.settled()
}

func (v value) nothing() bool { return v.level == Clean && v.has(unsettled) }

// settled makes derived data mixed where clean data is in it too.
func (v value) settled() value {
	if v.level == Derived && v.has(hasClean) {
		v.level = Mixed
	}
	return v
}

// beside joins two values that feed one column (of a set operation, of VALUES):
// clean with tainted is mixed (masking.md 4).
func (v value) beside(w value) value {
	switch {
	case v.nothing():
		return w
	case w.nothing():
		return v
	}
	out := value{flags: v.flags | w.flags, from: v.from | w.from}
	switch {
	case v.level == w.level && v.level <= Protected:
		out.level = v.level
	case v.level == Derived && w.level == Derived, v.level == Protected && w.level == Derived, v.level == Derived && w.level == Protected:
		out.level = Derived
	default:
		out.level = Mixed
	}
	return out
}

// tainting raises a value that is clean to derived, because something else than
// its parts tells of protected data.
func (v value) tainting(by value) value {
	if !by.tainted() {
		return v
	}
	v.flags |= by.flags & (hasTainted | hasOpaque)
	v.from |= by.from
	v.level = max(v.level, Derived)
	return v.settled()
}

// names numbers the configured columns that a statement meets. Beyond 63 the
// last bit stands for all that follow.
type names struct {
	list []string
	bits map[string]uint64
	rest []string
}

const lastName = 63

func (n *names) of(origins []string) (set uint64) {
	for _, o := range origins {
		b, ok := n.bits[o]
		if !ok {
			if n.bits == nil {
				n.bits = make(map[string]uint64)
			}
			if len(n.list) < lastName {
				b = 1 << len(n.list)
				n.list = append(n.list, o)
			} else {
				b = 1 << lastName
				n.rest = append(n.rest, o)
			}
			n.bits[o] = b
		}
		set |= b
	}
	return set
}

// origins are the columns of a set, sorted.
func (n *names) origins(set uint64) []string {
	if set == 0 {
		return nil
	}
	var out []string
	for s := set &^ (1 << lastName); s != 0; s &= s - 1 {
		out = append(out, n.list[bits.TrailingZeros64(s)])
	}
	if set&(1<<lastName) != 0 {
		out = append(out, n.rest...)
	}
	slices.Sort(out)
	return out
}
