package gate

import (
	"context"
	"fmt"

	"sluice.dev/proxy/mask"
	"sluice.dev/proxy/plugin"
)

// Cells on their way through a detector; see package plugin.
type (
	Batch       = plugin.Batch
	BatchColumn = plugin.Column
	BatchCell   = plugin.Cell
	Edit        = plugin.Edit
)

// Detect runs a detector of the verdict's generation over cells. Edits come in
// order of their cells and positions, in range and without overlap. A failure
// is a refusal: nothing of the batch may be passed on.
func (s *Session) Detect(v *Verdict, detector string, b *Batch) ([]Edit, *Refusal) {
	conn := v.conn
	if conn == nil || conn.Detectors[detector] == nil {
		return nil, CannotMask("plugin " + detector + " is not loaded")
	}
	edits, err := conn.Detectors[detector].Mask(context.Background(), b, s.edits[:0])
	if err != nil {
		s.gw.Metrics.PluginFailures.WithLabelValues(detector).Inc()
		return nil, CannotMask(trimPackage(err.Error()))
	}
	s.edits = edits
	return edits, nil
}

// CannotMask is the refusal to pass on what cannot be masked.
func CannotMask(why string) *Refusal {
	return &Refusal{Kind: Unable, Text: "cannot mask: " + why, Hint: hintUnable}
}

// RowLimit is the refusal at a policy's row limit.
func RowLimit(rows int64) *Refusal {
	return &Refusal{Kind: OverLimit, Text: fmt.Sprintf("the answer has more than %d rows, the limit of a policy", rows),
		Hint: fmt.Sprintf("Ask for at most %d rows, for instance with LIMIT.", rows)}
}

// Key makes hashes and pseudonyms.
func (s *Session) Key() *mask.Key { return s.gw.Key }

// Scope is what a pseudonym is keyed with, for a mask block's scope.
func (s *Session) Scope(scope string) string {
	switch scope {
	case "gateway":
		return ""
	case "connection":
		return s.scopes[1]
	}
	return s.scopes[0]
}
