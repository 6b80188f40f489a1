package kit

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"sluice.dev/proxy/plugin"
)

// Row is one row of cells; a nil cell is NULL.
type Row struct {
	Columns []plugin.Column
	Cells   [][]byte
	// raw are JSON values as they came, so that what is not masked goes out
	// as it was.
	raw []json.RawMessage
}

// Rows reads rows of "csv" (with a head), "jsonl" (an object a line) or "text"
// (a cell a line). "" guesses from the first byte, and never guesses csv.
type Rows struct {
	Format string
	Table  string // schema.table that the columns are said to be of

	in      *bufio.Reader
	csv     *csv.Reader
	columns []plugin.Column
	line    int
}

// NewRows begins to read.
func NewRows(in io.Reader, format, table string) (*Rows, error) {
	r := &Rows{Format: format, Table: table, in: bufio.NewReaderSize(in, 1<<16)}
	if format == "" {
		r.Format = "text"
		if b, err := r.in.Peek(1); err == nil && b[0] == '{' {
			r.Format = "jsonl"
		}
	}
	switch r.Format {
	case "csv":
		r.csv = csv.NewReader(r.in)
		r.csv.ReuseRecord = false
		head, err := r.csv.Read()
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("the head of the CSV: %w", err)
		}
		for _, name := range head {
			r.columns = append(r.columns, plugin.Column{Name: name, Table: table, Type: "text"})
		}
	case "jsonl":
	case "text":
		r.columns = []plugin.Column{{Name: "line", Table: table, Type: "text"}}
	default:
		return nil, fmt.Errorf("format %q: use csv, jsonl or text", format)
	}
	return r, nil
}

// Next is the next row, or io.EOF.
func (r *Rows) Next() (*Row, error) {
	switch r.Format {
	case "csv":
		if len(r.columns) == 0 {
			return nil, io.EOF
		}
		fields, err := r.csv.Read()
		if err != nil {
			return nil, err
		}
		row := &Row{Columns: r.columns}
		for _, f := range fields {
			row.Cells = append(row.Cells, []byte(f))
		}
		return row, nil
	case "jsonl":
		for {
			b, err := r.nextLine()
			if err != nil {
				return nil, err
			}
			if len(bytes.TrimSpace(b)) > 0 {
				return r.object(b)
			}
		}
	}
	b, err := r.nextLine()
	if err != nil {
		return nil, err
	}
	return &Row{Columns: r.columns, Cells: [][]byte{b}}, nil
}

func (r *Rows) nextLine() ([]byte, error) {
	b, err := r.in.ReadBytes('\n')
	if len(b) == 0 && err != nil {
		return nil, err
	}
	r.line++
	return bytes.TrimSuffix(bytes.TrimSuffix(b, []byte("\n")), []byte("\r")), nil
}

// object reads an object's members in their order.
func (r *Rows) object(b []byte) (*Row, error) {
	row := &Row{}
	d := json.NewDecoder(bytes.NewReader(b))
	fail := func(err error) (*Row, error) {
		return nil, fmt.Errorf("line %d is not a JSON object: %w", r.line, err)
	}
	if t, err := d.Token(); err != nil {
		return fail(err)
	} else if t != json.Delim('{') {
		return fail(fmt.Errorf("it begins with %v", t))
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return fail(err)
		}
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return fail(err)
		}
		name, _ := key.(string)
		c := plugin.Column{Name: name, Table: r.Table, Type: "text"}
		cell := []byte(raw)
		switch raw[0] {
		case '"':
			var s string
			if err := json.Unmarshal(raw, &s); err != nil {
				return fail(err)
			}
			cell = []byte(s)
		case 'n':
			cell = nil
		case '{', '[':
			c.Type = "json"
		}
		row.Columns, row.Cells, row.raw = append(row.Columns, c), append(row.Cells, cell), append(row.raw, raw)
	}
	return row, nil
}

// Writer writes rows in the format that they came in.
type Writer struct {
	format string
	out    *bufio.Writer
	csv    *csv.Writer
	begun  bool
}

// NewWriter writes rows of a format; Flush it.
func NewWriter(out io.Writer, format string) *Writer {
	w := &Writer{format: format, out: bufio.NewWriterSize(out, 1<<16)}
	w.csv = csv.NewWriter(w.out)
	return w
}

// Write writes one row whose cells may have been changed.
func (w *Writer) Write(row *Row, cells [][]byte, changed []bool) error {
	switch w.format {
	case "csv":
		if !w.begun {
			w.begun = true
			head := make([]string, len(row.Columns))
			for i := range row.Columns {
				head[i] = row.Columns[i].Name
			}
			if err := w.csv.Write(head); err != nil {
				return err
			}
		}
		fields := make([]string, len(cells))
		for i, c := range cells {
			fields[i] = string(c)
		}
		return w.csv.Write(fields)
	case "jsonl":
		return w.object(row, cells, changed)
	}
	if _, err := w.out.Write(cells[0]); err != nil {
		return err
	}
	return w.out.WriteByte('\n')
}

func (w *Writer) object(row *Row, cells [][]byte, changed []bool) error {
	b := []byte{'{'}
	for i := range row.Columns {
		if i > 0 {
			b = append(b, ',', ' ')
		}
		name, err := json.Marshal(row.Columns[i].Name)
		if err != nil {
			return err
		}
		value := row.raw[i]
		switch {
		case !changed[i]:
		case row.Columns[i].Type == "json" && json.Valid(cells[i]):
			value = cells[i]
		default:
			if value, err = json.Marshal(strings.ToValidUTF8(string(cells[i]), string(utf8.RuneError))); err != nil {
				return err
			}
		}
		b = append(append(append(b, name...), ':', ' '), value...)
	}
	_, err := w.out.Write(append(b, '}', '\n'))
	return err
}

// Flush writes what is left.
func (w *Writer) Flush() error {
	w.csv.Flush()
	return errors.Join(w.csv.Error(), w.out.Flush())
}
