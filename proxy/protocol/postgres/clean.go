package postgres

import (
	"sluice.dev/proxy/gate"
	"sluice.dev/proxy/mask"
	"sluice.dev/proxy/protocol/postgres/wire"
)

// clean takes out of an error or notice what its statement may not show:
// everything that could quote a protected value, and whatever the detectors
// find in the rest. changed says whether anything is other than it came.
func (m *machine) clean(fields []field, run *running) (out []field, changed bool) {
	var v gate.Verdict
	if run != nil && run.a != nil {
		v = run.verdict
		if run.a.unproven() && !v.Masks.Empty() && v.Masks.Derived.Action != mask.None {
			if out := m.cleanAnalysis(fields); len(out) != len(fields) || len(run.others().trees) > 0 {
				return scrub(fields), true
			}
		}
		if run.a.scrubs() && !v.Masks.Empty() && v.Masks.Derived.Action != mask.None {
			return scrub(fields), true
		}
	} else {
		v = m.gs.MaskOnly()
		if v.Masks.Derived.Action != mask.None && len(m.lens.protected()) > 0 && get(fields, 'S') != "FATAL" {
			return scrub(fields), true // whose words these are cannot be told
		}
	}
	if v.Masks.Empty() || len(v.Masks.Detectors) == 0 {
		return fields, false
	}
	texts := make([][]byte, 0, 4)
	var at []int
	for i, f := range fields {
		switch f.typ {
		case 'M', 'D', 'H', 'W', 'q':
			texts = append(texts, []byte(f.text))
			at = append(at, i)
		}
	}
	found, ok := m.detectTexts(&v, texts)
	if !ok {
		return scrub(fields), true
	}
	if !found {
		return fields, false
	}
	out = append([]field(nil), fields...)
	for i, j := range at {
		out[j].text = string(texts[i])
	}
	return out, true
}

// detectTexts runs the detectors over loose texts, in place. It reports
// whether anything was found, and whether they all could say.
func (m *machine) detectTexts(v *gate.Verdict, texts [][]byte) (found, ok bool) {
	ty := typeInfo{family: familyText}
	for _, d := range v.Masks.Detectors {
		b := gate.Batch{Columns: []gate.BatchColumn{{Name: "message", Type: "text"}}}
		for _, t := range texts {
			b.Cells = append(b.Cells, gate.BatchCell{Value: t})
		}
		edits, r := m.gs.Detect(v, d.Plugin, &b)
		if r != nil {
			return false, false
		}
		t := d.Treatment
		if t.Action == mask.Null || t.Action == mask.Deny {
			t.Action = mask.Redact // a message has no NULL, and can't be taken back
		}
		for i := 0; i < len(edits); {
			cell := edits[i].Cell
			from := i
			for i < len(edits) && edits[i].Cell == cell {
				i++
			}
			texts[cell] = replaceSpans(m.gs.Key(), t, m.gs.Scope(t.Scope), ty, 0, texts[cell], edits[from:i])
			found = true
		}
	}
	return found, true
}

// cleanNotification passes a NotificationResponse, its payload through the
// detectors.
func (m *machine) cleanNotification(msg, body []byte) ([]byte, error) {
	n, err := wire.ReadNotification(body)
	if err != nil {
		return nil, err
	}
	v := m.gs.MaskOnly()
	if n.Payload == "" || v.Masks.Empty() {
		return msg, nil
	}
	if v.Masks.Derived.Action != mask.None && m.lens.notifies() {
		// A trigger may have put a protected value into it (masking.md 1).
		n.Payload = mask.Placeholder
		return wire.AppendNotification(nil, n), nil
	}
	texts := [][]byte{[]byte(n.Payload)}
	found, ok := m.detectTexts(&v, texts)
	switch {
	case !ok:
		n.Payload = mask.Placeholder
	case !found:
		return msg, nil
	default:
		n.Payload = string(texts[0])
	}
	return wire.AppendNotification(nil, n), nil
}

// functionResult passes the answer of a FunctionCall.
func (m *machine) functionResult(e *entry, msg, _ []byte) error {
	_, pass := e.run.a.verdict.Mask(e.run.a.protected, 0, 0, 0, true)
	if !pass && e.run.verdict.Masks.Derived.Action != mask.None {
		b, at := wire.Begin(m.toClient, 'V')
		m.toClient = wire.End(wire.AppendCell(b, nil), at)
		e.run.masked++
		return nil
	}
	m.toClient = append(m.toClient, msg...)
	return nil
}
