package gate

import (
	"strconv"

	"sluice.dev/proxy/recording"
)

// What a recording holds is what the client saw: redacted commands, masked
// rows.

func (s *Session) recordEvent(kind, command string, data map[string]any) {
	if s.Recorder == nil {
		return
	}
	data["command"] = command
	s.Recorder.Event(recording.Event{Kind: kind, Data: data})
}

func (s *Session) recordStatement(c *Command) {
	red := c.redacted
	d := map[string]any{"text": red.text}
	if len(red.params) > 0 {
		d["parameters"] = red.params
	}
	s.recordEvent("statement", c.ID, d)
}

func (s *Session) recordRefusal(c *Command, r *Refusal) {
	s.recordEvent("refusal", c.ID, map[string]any{"text": r.Text, "detail": r.Detail, "hint": r.Hint, "statement": c.redacted.text})
}

func (s *Session) recordHold(c *Command, h *Hold) {
	s.recordEvent("hold", c.ID, map[string]any{"ticket": h.Ticket, "notice": h.Notice, "statement": c.redacted.text})
}

func (s *Session) recordComplete(c *Command, o Outcome) {
	s.recordEvent("complete", c.ID, map[string]any{"result": o.Result, "code": o.Code, "rows": strconv.FormatInt(o.Rows, 10)})
}

// RecordColumns keeps the names of a result's columns.
func (s *Session) RecordColumns(c *Command, names []string) {
	s.recordEvent("columns", c.ID, map[string]any{"names": names})
}

// RecordRow keeps one row as the client sees it; nil is NULL.
func (s *Session) RecordRow(c *Command, cells []any) {
	s.recordEvent("row", c.ID, map[string]any{"cells": cells})
}

// RecordMessage keeps an error or a notice as the client sees it.
func (s *Session) RecordMessage(kind, code, text string) {
	s.recordEvent(kind, "", map[string]any{"code": code, "text": text})
}

// Recorded is how many rows of one result a recording keeps.
const Recorded = 20
