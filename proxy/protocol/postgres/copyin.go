package postgres

// takesCopyData is the COPY FROM STDIN that CopyData belongs to: the one that
// is running, or the first on its way there, since a client need not wait for
// the server to ask. nil: none.
func (m *machine) takesCopyData() *running {
	if m.copying != nil {
		return m.copying
	}
	for _, e := range m.queue {
		if e.run != nil && e.run.a != nil && e.run.a.copyIn && !e.run.done {
			return e.run
		}
	}
	return nil
}

// copyDone notes the client's CopyDone or CopyFail. When it is ahead of the
// server, the Syncs that it sent before are marked: the server ignores them if
// it comes to take the data, and answers them if the COPY fails before.
func (m *machine) copyDone(run *running) {
	run.copiesEnded++
	m.copying = nil
	if run.copiesEnded <= run.copiesBegun {
		return
	}
	for _, e := range m.queue {
		e.inCopy = e.inCopy || e.kind == 'S'
	}
}

// copyInStarts notes that the server takes data now. It ignores a Sync that it
// reads before CopyDone (PostgreSQL 55.2.6), so none of those is answered.
func (m *machine) copyInStarts(run *running) {
	run.copiesBegun++
	ahead := run.copiesEnded >= run.copiesBegun
	if !ahead {
		m.copying = run
	}
	kept := m.queue[:1]
	for _, q := range m.queue[1:] {
		if q.kind != 'S' || (ahead && !q.inCopy) {
			kept = append(kept, q)
		}
	}
	m.queue = kept
}
