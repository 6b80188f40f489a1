package postgres

import (
	"fmt"

	"sluice.dev/proxy/gate"
	"sluice.dev/proxy/mask"
)

// Where an expression over protected values can fail, the rows that came before
// the failure would tell which value it was. So they are kept back until the
// statement has succeeded, and dropped when it has not (reference/masking.md 7).

// maxHeldBack bounds the rows that are kept back for one result, in bytes.
const maxHeldBack = 1 << 20

// holdsRows says whether a command's rows are kept back.
func (run *running) holdsRows() bool {
	return run.a != nil && run.a.verdict.HoldRows && run.verdict.Masks != nil && run.verdict.Masks.Derived.Action != mask.None
}

// holdBack takes what was said to the client since mark, and keeps it back.
func (m *machine) holdBack(e *entry, mark int) {
	if e == nil || e.run == nil || m.discard || len(m.toClient) <= mark || !e.run.holdsRows() {
		return
	}
	run := e.run
	run.back = append(run.back, m.toClient[mark:]...)
	m.toClient = m.toClient[:mark]
	if len(run.back) > maxHeldBack {
		run.back = nil
		m.cutOff(e, gate.LimitReached(fmt.Sprintf("an expression over masked columns can fail, so no row may be seen before all are there, and the result is over %d bytes", maxHeldBack)))
	}
}

// letGo passes what was kept back: the statement has succeeded.
func (m *machine) letGo(run *running) {
	m.toClient = append(m.toClient, run.back...)
	run.back = nil
}
