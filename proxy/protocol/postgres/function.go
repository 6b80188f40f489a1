package postgres

import (
	"fmt"

	"sluice.dev/proxy/gate"
	"sluice.dev/proxy/protocol/postgres/facts"
	"sluice.dev/proxy/protocol/postgres/wire"
)

// functionCall decides the protocol's FunctionCall like its SQL form, for the
// large-object functions that pg_dump and drivers call; any other is refused.
func (m *machine) functionCall(f *wire.FunctionCall, msg []byte) {
	name, ok := "", false
	if fn, known := m.lens.snapshot().Function(f.OID); known {
		name = fn.Name
		_, ok = facts.FunctionCall(fn.Schema, fn.Name, len(f.Args))
	}
	if !ok {
		r := gate.Deny(fmt.Sprintf("the function call protocol is only for large objects, not for function %d", f.OID), "Call the function with SELECT.")
		r, seq := m.gs.RefuseUnparsed(nil, int64(len(msg)), r)
		m.refuse('F', r, seq)
		return
	}
	text := "SELECT pg_catalog." + name + "("
	params := make([]gate.Param, len(f.Args))
	for i, a := range f.Args {
		if i > 0 {
			text += ", "
		}
		text += fmt.Sprintf("$%d", i+1)
		params[i] = gate.Param{Value: append([]byte(nil), a...), Null: f.Nulls[i], Binary: wire.Format(f.Formats, i) == 1}
	}
	a, seq, r := m.look('F', text+")", nil)
	if m.asking != nil {
		return
	}
	if r != nil {
		m.refuse('F', r, seq)
		return
	}
	run := &running{a: a, in: int64(len(msg))}
	run.cmd = m.command(a, params)
	m.decide('F', run, msg)
}
