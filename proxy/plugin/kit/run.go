package kit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sort"
	"strings"

	"sluice.dev/proxy/plugin"
)

// RunStats counts what a run looked at.
type RunStats struct {
	Rows  int64            `json:"rows"`
	Cells int64            `json:"cells"`
	Bytes int64            `json:"bytes"`
	Found map[string]int64 `json:"found"` // by kind
}

// String is one line.
func (s *RunStats) String() string {
	kinds := make([]string, 0, len(s.Found))
	for k := range s.Found {
		kinds = append(kinds, k)
	}
	sort.Strings(kinds)
	found := "nothing found"
	for i, k := range kinds {
		kinds[i] = fmt.Sprintf("%d %s", s.Found[k], k)
	}
	if len(kinds) > 0 {
		found = "found " + strings.Join(kinds, ", ")
	}
	return fmt.Sprintf("%d rows, %d cells, %d bytes: %s", s.Rows, s.Cells, s.Bytes, found)
}

// Run sends rows through the module in batches of 64 KiB, as the gateway does,
// and writes them with what was found redacted, or with the module's own
// replacement; with show, it marks the findings as vectors do.
func Run(ctx context.Context, m *plugin.Module, in *Rows, out io.Writer, show bool) (*RunStats, error) {
	r := &run{m: m, w: NewWriter(out, in.Format), show: show, stats: &RunStats{Found: map[string]int64{}}}
	for {
		row, err := in.Next()
		if err != nil && !errors.Is(err, io.EOF) {
			return r.stats, err
		}
		if err != nil || !r.fits(row) {
			if err := r.flush(ctx); err != nil {
				return r.stats, err
			}
		}
		if err != nil {
			return r.stats, r.w.Flush()
		}
		r.add(row)
	}
}

type run struct {
	m     *plugin.Module
	w     *Writer
	show  bool
	stats *RunStats
	rows  []*Row
	batch plugin.Batch
	size  int
	edits []plugin.Edit
}

func (r *run) fits(row *Row) bool {
	n := 0
	for _, c := range row.Cells {
		n += len(c)
	}
	return len(r.rows) == 0 || r.size+n <= plugin.MaxBatch && len(r.batch.Columns)+len(row.Columns) <= plugin.MaxColumns
}

func (r *run) add(row *Row) {
	base := len(r.batch.Columns)
	if len(r.rows) > 0 && &row.Columns[0] == &r.rows[len(r.rows)-1].Columns[0] {
		base -= len(row.Columns) // all rows of CSV and text share their columns
	} else {
		r.batch.Columns = append(r.batch.Columns, row.Columns...)
	}
	for i, c := range row.Cells {
		r.batch.Cells = append(r.batch.Cells, plugin.Cell{Column: uint32(base + i), Null: c == nil, Value: c})
		r.size += len(c)
	}
	r.rows = append(r.rows, row)
}

func (r *run) flush(ctx context.Context) error {
	var err error
	if r.edits, err = r.m.Mask(ctx, &r.batch, r.edits[:0]); err != nil {
		return err
	}
	r.stats.Bytes += int64(r.size)
	cell, edits := uint32(0), r.edits
	for _, row := range r.rows {
		cells, changed := make([][]byte, len(row.Cells)), make([]bool, len(row.Cells))
		for i, v := range row.Cells {
			n := 0
			for n < len(edits) && edits[n].Cell == cell {
				r.stats.Found[edits[n].Kind]++
				n++
			}
			cells[i] = v
			if changed[i] = n > 0; n > 0 {
				cells[i] = r.apply(v, cell, edits[:n])
				edits = edits[n:]
			}
			cell++
			r.stats.Cells++
		}
		r.stats.Rows++
		if err := r.w.Write(row, cells, changed); err != nil {
			return err
		}
	}
	r.rows, r.size = r.rows[:0], 0
	r.batch.Columns, r.batch.Cells = r.batch.Columns[:0], r.batch.Cells[:0]
	return nil
}

func (r *run) apply(v []byte, cell uint32, edits []plugin.Edit) []byte {
	if r.show {
		return []byte(plugin.Marked(v, cell, edits))
	}
	var out []byte
	at := uint32(0)
	for _, e := range edits {
		out = append(out, v[at:e.From]...)
		if e.Replacement != nil {
			out = append(out, e.Replacement...)
		} else {
			out = append(out, "***"...)
		}
		at = e.To
	}
	return append(out, v[at:]...)
}

// Judge sends each line of in as a command through the module's classify or
// trigger, and tells each what it said.
func Judge(ctx context.Context, m *plugin.Module, protocol string, in *Rows, each func(text string, c plugin.Classification, h *plugin.HoldRequest) error) error {
	for {
		row, err := in.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		cmd := &plugin.Command{Protocol: protocol, Text: string(row.Cells[0])}
		var c plugin.Classification
		var h *plugin.HoldRequest
		if m.Can("classify") {
			if c, err = m.Classify(ctx, cmd); err != nil {
				return err
			}
		}
		if m.Can("trigger") {
			if h, err = m.Trigger(ctx, cmd, []byte(`{"verdict":"allow"}`)); err != nil {
				return err
			}
		}
		if err := each(cmd.Text, c, h); err != nil {
			return err
		}
	}
}

// MarkedCommand writes a command's text with its spans as vectors do.
func MarkedCommand(text string, spans []plugin.Span) string {
	var edits []plugin.Edit
	last := uint32(0)
	for _, s := range spans {
		if s.Param < 0 && s.From >= last {
			edits, last = append(edits, plugin.Edit{From: s.From, To: s.To, Kind: s.Kind}), s.To
		}
	}
	return plugin.Marked([]byte(text), 0, edits)
}
