package gate

import "sluice.dev/proxy/recording"

// What a recording holds is what the client saw: redacted commands, masked
// rows.

func (s *Session) recordEvent(e recording.Event) {
	if s.Recorder != nil {
		s.Recorder.Event(e)
	}
}

func (s *Session) recordStatement(c *Command) {
	e := recording.Event{Kind: recording.KindStatement, Command: c.ID, Text: c.redacted.text}
	for _, p := range c.redacted.params {
		e.Row = append(e.Row, recording.Value(p))
	}
	s.recordEvent(e)
}

func (s *Session) recordRefusal(c *Command, r *Refusal) {
	s.recordEvent(recording.Event{Kind: recording.KindStatement, Command: c.ID, Text: c.redacted.text})
	s.recordEvent(recording.Event{Kind: recording.KindError, Command: c.ID, Text: r.Line(), Ticket: r.Ticket})
}

func (s *Session) recordHold(c *Command, h *Hold) {
	s.recordEvent(recording.Event{Kind: recording.KindStatement, Command: c.ID, Text: c.redacted.text})
	s.recordEvent(recording.Event{Kind: recording.KindHold, Command: c.ID, Text: h.Notice, Ticket: h.Ticket})
}

func (s *Session) recordComplete(c *Command, o Outcome) {
	s.recordEvent(recording.Event{Kind: recording.KindComplete, Command: c.ID, Text: o.Result, Code: o.Code, Rows: o.Rows, Bytes: o.BytesOut})
}

// RecordColumns keeps the names of a result's columns.
func (s *Session) RecordColumns(c *Command, names []string) {
	s.recordEvent(recording.Event{Kind: recording.KindColumns, Command: c.ID, Columns: names})
}

// RecordRow keeps one row as the client sees it; a nil cell is NULL.
func (s *Session) RecordRow(c *Command, cells [][]byte) {
	if s.Recorder == nil {
		return
	}
	e := recording.Event{Kind: recording.KindRow, Command: c.ID, Row: make([]recording.Value, len(cells))}
	for i, v := range cells {
		if v != nil {
			e.Row[i] = append(recording.Value{}, v...)
		}
	}
	s.Recorder.Event(e)
}

// RecordMessage keeps an error or a notice as the client sees it.
func (s *Session) RecordMessage(kind, code, text string) {
	s.recordEvent(recording.Event{Kind: kind, Code: code, Text: text})
}

// Recorded is how many rows of one result a recording keeps.
const Recorded = 20
