package postgres

import "sluice.dev/proxy/gate"

// records says whether the next row of a result is kept for replay.
func (m *machine) records(run *running) bool {
	return run.cmd != nil && run.sample < gate.Recorded && m.gs.Recorder != nil
}

func (m *machine) recordColumns(run *running) {
	if run.cmd == nil || m.gs.Recorder == nil {
		return
	}
	names := make([]string, len(run.columns))
	for i, c := range run.columns {
		names[i] = c.Name
	}
	m.gs.RecordColumns(run.cmd, names)
}

func (m *machine) recordRow(run *running, cells [][]byte) {
	if !m.records(run) {
		return
	}
	run.sample++
	if run.sample == 1 && run.columns == nil && run.po != nil {
		run.columns = m.columnsOf(run)
		m.recordColumns(run)
	}
	m.gs.RecordRow(run.cmd, cells)
}

func (m *machine) recordNotice(kind string, fields []field) {
	m.gs.RecordMessage(kind, get(fields, 'C'), get(fields, 'M'))
}
