package postgres

import (
	"fmt"

	"sluice.dev/proxy/protocol/postgres/wire"
)

// A simple Query that only reads and is one statement runs as what its analysis
// has prepared: the statement that was analysed is the one that runs, and the
// same text sent again costs the server neither a parse nor an analysis.
// (PostgreSQL 55.2.2 and 55.2.3: the answer to Bind, Describe, Execute and Sync
// has the same messages, but for BindComplete and NoData.)

// maxKept bounds the statements that are kept prepared in one session.
const maxKept = 64

// kept are the statements that questions have left prepared in the session.
type kept struct {
	names map[string]string // by the key of their text
	order []string
	count int
}

// name makes a name that the session has not used.
func (k *kept) name() string {
	k.count++
	return fmt.Sprintf("%s_%d", askedName, k.count)
}

// keep notes that the statement of a text is prepared under a name. It returns
// the name of one that is to be closed for it, or "".
func (k *kept) keep(text, name string) (old string) {
	if k.names == nil {
		k.names = make(map[string]string)
	}
	if before, ok := k.names[text]; ok {
		k.names[text] = name
		return before
	}
	if len(k.order) >= maxKept {
		old = k.names[k.order[0]]
		delete(k.names, k.order[0])
		k.order = k.order[1:]
	}
	k.names[text] = name
	k.order = append(k.order, text)
	return old
}

// forget drops all of them, without a word to the server: they may not be
// there, or be others by now.
func (k *kept) forget() { k.names, k.order = nil, nil }

// reuse sends a Query as an execution of what was prepared when its text was
// analysed. It reports whether it did.
func (m *machine) reuse(e *entry, run *running) bool {
	a := run.a
	if m.unsynced || a.sum == (treeSum{}) || !a.own.ReadOnly {
		return false
	}
	name, ok := m.kept.names[string(a.text)]
	if !ok {
		// A text that comes once is not worth a statement to be closed later.
		if a.uses++; a.uses == 1 {
			return false
		}
		name = m.kept.name()
		if old := m.kept.keep(string(a.text), name); old != "" {
			m.toServer = wire.AppendClose(m.toServer, 'S', old)
		}
		m.toServer = wire.AppendParse(m.toServer, name, string(a.text), nil)
	}
	e.reuses = true
	if m.statements[""] != nil { // a Query takes the unnamed statement away
		delete(m.statements, "")
		m.toServer = wire.AppendClose(m.toServer, 'S', "")
	}
	m.toServer = wire.AppendBind(m.toServer, name)
	m.toServer = wire.Describe(m.toServer, 'P', "")
	m.toServer = wire.AppendExecute(m.toServer, "")
	m.toServer = wire.Empty(m.toServer, 'S')
	return true
}
