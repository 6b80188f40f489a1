package postgres

import (
	"slices"

	"sluice.dev/proxy/protocol/postgres/facts"
	"sluice.dev/proxy/protocol/postgres/wire"
)

// What a name of a prepared statement or portal means is the server's to say,
// and a message that the server skips after an error changes nothing. So a
// name counts only as far as the server's answers reach:
//
//   - what is about a name whose last change is not answered waits, unless both
//     are parts of one pipeline, which the server runs or skips together;
//   - PREPARE, DEALLOCATE, DECLARE, CLOSE and DISCARD ALL in SQL make their
//     names unknown when they leave, everything waits for their end, and only
//     a success makes a name known again;
//   - what uses an unknown name is answered here and never forwarded: the
//     gateway would not know what it lets through.

// renames says whether a text changes what names of statements or cursors mean.
func (a *analysis) renames() bool {
	return a != nil && slices.ContainsFunc(a.own.Inner, func(in facts.Inner) bool { return changesName(in.Kind) })
}

func changesName(kind string) bool {
	switch kind {
	case "prepare", "deallocate", "declare", "close":
		return true
	}
	return false
}

// unname makes the names that a text changes unknown; it goes out now.
func (m *machine) unname(run *running) {
	if !run.a.renames() {
		return
	}
	run.renames = true
	m.kept.forget()
	m.renaming++
	for _, in := range run.a.own.Inner {
		switch in.Kind {
		case "prepare", "deallocate":
			forget(m.prepared, in.Name)
			forget(m.statements, in.Name)
		case "declare", "close":
			forget(m.cursors, in.Name)
			forget(m.portals, in.Name)
		}
	}
}

// forget takes a name out, or with "" all.
func forget[T any](names map[string]T, name string) {
	if name == "" {
		clear(names)
	}
	delete(names, name)
}

// named notes how a text that changes names has ended.
func (m *machine) named(run *running, ok bool) {
	if !run.renames {
		return
	}
	run.renames = false
	m.renaming--
	if !ok {
		return
	}
	for _, step := range run.a.steps {
		if step.prepare != "" && len(m.prepared) < maxNamed {
			m.prepared[step.prepare] = step.inner
		}
		if step.declare != "" && len(m.cursors) < maxNamed {
			m.cursors[step.declare] = step.inner
		}
	}
}

// answersFirst says whether a message must wait for answers that are due: what
// it names may mean something else by then. The server is asked to give them.
func (m *machine) answersFirst(typ byte, body []byte) bool {
	if m.absorb {
		return false
	}
	wait := false
	switch typ {
	case 'Q', 'P', 'F':
		wait = m.renaming > 0 || m.unsure()
	case 'B', 'D', 'E', 'C':
		wait = m.renaming > 0 || m.unsure() || m.unsettled(typ, body)
	}
	if wait && !m.stalled {
		m.stalled = true
		if m.unsynced {
			m.toServer = wire.Empty(m.toServer, 'H')
		}
	}
	return wait
}

// unsure says whether names of relations may mean something else once a
// command under way has ended, and the gateway can ask the server then. Inside
// one pipeline it cannot, and what comes behind is judged by unknown names.
func (m *machine) unsure() bool {
	return m.lens.doubtful() && len(m.queue) > 0 && !m.unsynced
}

// unsettled says whether a message is about a name whose last change belongs
// to an earlier pipeline and is not answered.
func (m *machine) unsettled(typ byte, body []byte) bool {
	statement, portal, ok := wire.Names(typ, body)
	if !ok {
		return false // it is malformed, and said to be so by its reader
	}
	if st := m.statements[statement]; typ != 'E' && st != nil && !st.known && st.pipeline != m.pipeline {
		return true
	}
	po := m.portals[portal]
	return (typ == 'E' || typ == 'D') && po != nil && !po.known && po.pipeline != m.pipeline
}

// resume goes on with messages that waited for answers.
func (m *machine) resume() {
	if m.reheld {
		m.reheld = false
		m.Resolve(m.held)
	}
	if m.stalled {
		m.stalled = false
		m.advance()
	}
}

// parsed notes the answer to a Parse.
func (m *machine) parsed(e *entry, ok bool) {
	if e.st == nil {
		return
	}
	e.st.known = ok
	if ok {
		m.parsedAnew(e)
	}
	if ok || m.statements[e.st.name] != e.st {
		return
	}
	delete(m.statements, e.st.name)
	// An unnamed statement is gone whatever became of the new one; a named one
	// that there was before stays.
	if e.st.name != "" && e.old != nil && e.old.known {
		m.statements[e.st.name] = e.old
	}
}

// bound notes the answer to a Bind.
func (m *machine) bound(e *entry, ok bool) {
	if e.po == nil {
		return
	}
	e.po.known = ok
	if !ok && m.portals[e.po.name] == e.po {
		delete(m.portals, e.po.name)
	}
}

// skipped notes that the server has not done what an entry stands for, and
// never will.
func (m *machine) skipped(e *entry, result string) {
	if e.run != nil {
		m.finish(e.run, result)
	}
	if e.ask != nil && m.asking == e.ask.of {
		// An earlier command of its pipeline has failed: the message that waited
		// is skipped like it.
		if h := m.asking.held; h != nil {
			m.gs.Abandon(&h.run.verdict, "an earlier command of its pipeline failed")
		}
		m.asking, m.asked, m.stalled = nil, 0, true
	}
	switch e.kind {
	case 'P':
		m.parsed(e, false)
	case 'B':
		m.bound(e, false)
	}
}

// expire forgets the portals of pipelines up to this one: their transaction
// has ended.
func (m *machine) expire(pipeline int) {
	for name, po := range m.portals {
		if po.pipeline <= pipeline {
			delete(m.portals, name)
		}
	}
}
