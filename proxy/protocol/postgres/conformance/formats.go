package conformance

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// Formats counts protected values by type and by the way they travel.
type Formats struct {
	Types   int      `json:"types"`
	Ways    int      `json:"ways"`
	Masked  int      `json:"masked"` // a column in a way, well formed
	Refused int      `json:"refused"`
	Bad     int      `json:"malformed"` // a driver cannot read it
	Shown   int      `json:"shown"`     // as the server has it
	Spoilt  int      `json:"spoilt"`    // a column beside it that is not protected
	Wrong   []string `json:"wrong,omitempty"`
}

func (f *Formats) String() string {
	return fmt.Sprintf("%-10s %4d types in %d ways: %d masked, %d refused, %d malformed, %d shown; %d unprotected columns spoilt%s",
		"formats", f.Types, f.Ways, f.Masked, f.Refused, f.Bad, f.Shown, f.Spoilt, indent(f.Wrong))
}

// way is how the columns of a query reach a client.
type way struct {
	name   string
	format int
	steps  func(query string) []Step
}

var ways = []way{
	{"Query", 0, func(q string) []Step { return []Step{{Do: VerbSimple, SQL: q}} }},
	{"Execute, text", 0, func(q string) []Step { return []Step{{Do: VerbParse, SQL: q}, {Do: VerbRun}} }},
	{"Execute, binary", 1, func(q string) []Step { return []Step{{Do: VerbParse, SQL: q}, {Do: VerbRun, Binary: true}} }},
	{"portal, binary", 1, func(q string) []Step { return []Step{{Do: VerbParse, SQL: q}, {Do: VerbRun, Binary: true, Rows: 1}} }},
	{"FETCH", 0, func(q string) []Step {
		return []Step{{Do: VerbSimple, SQL: "begin"}, {Do: VerbSimple, SQL: "declare c cursor for " + q}, {Do: VerbSimple, SQL: "fetch all from c"}}
	}},
	{"FETCH, binary cursor", 1, func(q string) []Step {
		return []Step{{Do: VerbSimple, SQL: "begin"}, {Do: VerbSimple, SQL: "declare c binary cursor for " + q}, {Do: VerbSimple, SQL: "fetch all from c"}}
	}},
	{"FETCH, binary Execute", 1, func(q string) []Step {
		return []Step{{Do: VerbSimple, SQL: "begin"}, {Do: VerbSimple, SQL: "declare c cursor for " + q}, {Do: VerbParse, Name: "f", SQL: "fetch all from c"}, {Do: VerbRun, Name: "f", Binary: true}}
	}},
	{"COPY", 0, func(q string) []Step { return []Step{{Do: VerbSimple, SQL: "copy (" + q + ") to stdout"}} }},
	{"COPY, csv", 0, func(q string) []Step {
		return []Step{{Do: VerbSimple, SQL: "copy (" + q + ") to stdout (format csv, null 'NIL', force_quote *)"}}
	}},
	{"COPY, binary", 1, func(q string) []Step {
		return []Step{{Do: VerbSimple, SQL: "copy (" + q + ") to stdout (format binary)"}}
	}},
}

// formats looks at each type in each way. Where all columns at once are
// refused, each is asked for alone.
func (s *suite) formats() error {
	var cols []string
	for _, c := range Protected() {
		if name, ok := strings.CutPrefix(c, "conformance.formats."); ok {
			cols = append(cols, name)
		}
	}
	f := &Formats{Types: len(cols), Ways: len(ways)}
	s.report.Formats = f
	types, oids, err := s.types(cols)
	if err != nil {
		return err
	}
	for _, w := range ways {
		s.say("formats: %s …", w.name)
		done, err := s.format(f, w, cols, types, oids)
		if err != nil {
			return err
		}
		if done {
			continue
		}
		for _, c := range cols {
			done, err := s.format(f, w, []string{c}, types, oids)
			if err != nil {
				return err
			}
			if !done {
				f.Refused++
			}
		}
	}
	return nil
}

// types are how a driver reads the columns' types, and their OIDs.
func (s *suite) types(cols []string) (*pgtype.Map, map[string]uint32, error) {
	ctx, cancel := context.WithTimeout(s.ctx, s.Wait)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.Direct)
	if err != nil {
		return nil, nil, unreachable("DIRECT", err)
	}
	defer conn.Close(ctx)
	for _, own := range []string{"mood", "_mood", "pair", "_pair"} {
		t, err := conn.LoadType(ctx, "conformance."+own)
		if err != nil {
			return nil, nil, unreachable("DIRECT", err)
		}
		conn.TypeMap().RegisterType(t)
	}
	d, err := conn.Prepare(ctx, "", "select "+strings.Join(cols, ", ")+" from conformance.formats")
	if err != nil {
		return nil, nil, unreachable("DIRECT", err)
	}
	oids := map[string]uint32{}
	for i, f := range d.Fields {
		oids[cols[i]] = f.DataTypeOID
	}
	return conn.TypeMap(), oids, nil
}

// format looks at columns in a way, on A, on B and without the gateway; done is
// false when the gateway refuses.
func (s *suite) format(f *Formats, w way, cols []string, types *pgtype.Map, oids map[string]uint32) (done bool, err error) {
	all := append([]string{"id", "note"}, cols...)
	c := &Case{Name: w.name, Steps: w.steps("select " + strings.Join(all, ", ") + " from formats order by id")}
	var got [3][][][]byte
	var fails []string
	for i, set := range []string{"A", "B", "A"} {
		if s.world.set != set {
			if err := s.restore(set); err != nil {
				return true, err
			}
		}
		t, err := s.play(c, ModeSimple, i < 2)
		if err != nil {
			return true, err
		}
		if i < 2 && slices.ContainsFunc(t.failures(), func(e string) bool { return e != "" }) {
			return false, nil
		}
		if i < 2 {
			if found := s.world.canary[set].find(t, ""); found != "" {
				fails = append(fails, found)
			}
		}
		got[i], err = rows(t, w)
		if err != nil || len(got[i]) != 2 {
			s.bad(f, c, "the whole result", fmt.Sprintf("%d rows, %v", len(got[i]), err))
			return true, nil
		}
	}
	for i, name := range all {
		a, b, d := got[0][0], got[1][0], got[2][0]
		if i >= len(a) || i >= len(b) || i >= len(d) {
			s.bad(f, c, name, "the result has too few columns")
			return true, nil
		}
		x, y, z := a[i], b[i], d[i]
		switch {
		case i < 2:
			if !same(x, z) {
				f.Spoilt++
				f.Wrong = append(f.Wrong, fmt.Sprintf("%s: %s is %q, the server has %q", w.name, name, x, z))
			}
		case !same(x, y) || same(x, z) && z != nil:
			f.Shown++
			s.report.Findings = append(s.report.Findings, &Finding{Kind: "unmasked", Part: "formats", Name: name, Mode: w.name, Statements: c.Text(),
				Detail: fmt.Sprintf("A: %q, B: %q, without the gateway: %q", x, y, z)})
		case x != nil && readable(types, oids[name], w.format, x) != nil:
			s.bad(f, c, name, fmt.Sprintf("%q: %v", x, readable(types, oids[name], w.format, x)))
		default:
			f.Masked++
		}
	}
	for _, found := range fails {
		s.report.Findings = append(s.report.Findings, &Finding{Kind: "value", Part: "formats", Name: "formats", Mode: w.name, Statements: c.Text(), Detail: found})
	}
	return true, nil
}

func (s *suite) bad(f *Formats, c *Case, column, detail string) {
	f.Bad++
	s.report.Findings = append(s.report.Findings, &Finding{Kind: "malformed", Part: "formats", Name: column, Mode: c.Name, Statements: c.Text(), Detail: detail})
}

// readable says whether a driver can read a cell.
func readable(types *pgtype.Map, oid uint32, format int, cell []byte) error {
	t, ok := types.TypeForOID(oid)
	if !ok {
		return nil // a type that the driver takes as it comes
	}
	_, err := t.Codec.DecodeValue(types, oid, int16(format), cell)
	return err
}

// rows are the cells of a result that came in a way.
func rows(t *Transcript, w way) ([][][]byte, error) {
	var out [][][]byte
	var data []byte
	for _, s := range t.Steps {
		for _, m := range s {
			switch m.Type {
			case 'D':
				out = append(out, m.cells())
			case 'd':
				data = append(data, m.Body...)
			}
		}
	}
	switch w.name {
	case "COPY":
		return copyText(string(data)), nil
	case "COPY, csv":
		return copyCSV(string(data))
	case "COPY, binary":
		return copyBinary(data)
	}
	return out, nil
}

var unescape = strings.NewReplacer(`\\`, `\`, `\t`, "\t", `\n`, "\n", `\r`, "\r")

func copyText(data string) [][][]byte {
	var out [][][]byte
	for line := range strings.Lines(data) {
		var row [][]byte
		for cell := range strings.SplitSeq(strings.TrimSuffix(line, "\n"), "\t") {
			if cell == `\N` {
				row = append(row, nil)
			} else {
				row = append(row, []byte(unescape.Replace(cell)))
			}
		}
		out = append(out, row)
	}
	return out
}

// copyCSV reads a CSV whose NULL is NIL, unquoted.
func copyCSV(data string) ([][][]byte, error) {
	var out [][][]byte
	var row [][]byte
	for len(data) > 0 {
		cell, rest, err := csvCell(data)
		if err != nil {
			return out, err
		}
		row = append(row, cell)
		switch {
		case strings.HasPrefix(rest, ","):
			data = rest[1:]
		case strings.HasPrefix(rest, "\n"):
			out, row, data = append(out, row), nil, rest[1:]
		default:
			return out, fmt.Errorf("after a value: %.40q", rest)
		}
	}
	return out, nil
}

func csvCell(data string) (cell []byte, rest string, err error) {
	rest, quoted := strings.CutPrefix(data, `"`)
	if !quoted {
		n := strings.IndexAny(data, ",\n")
		if n < 0 {
			return nil, "", fmt.Errorf("no end of line: %.40q", data)
		}
		if data[:n] == "NIL" {
			return nil, data[n:], nil
		}
		return []byte(data[:n]), data[n:], nil
	}
	cell = []byte{}
	for {
		i := strings.IndexByte(rest, '"')
		if i < 0 {
			return cell, "", fmt.Errorf("a quote is open: %.40q", rest)
		}
		cell = append(cell, rest[:i]...)
		rest = rest[i+1:]
		if !strings.HasPrefix(rest, `"`) {
			return cell, rest, nil
		}
		cell, rest = append(cell, '"'), rest[1:]
	}
}

// copyBinary reads COPY's binary format (PostgreSQL, COPY, "Binary Format").
func copyBinary(data []byte) ([][][]byte, error) {
	rest, ok := bytes.CutPrefix(data, []byte("PGCOPY\n\xff\r\n\x00"))
	if !ok || len(rest) < 8 {
		return nil, fmt.Errorf("no signature: %.40q", data)
	}
	rest = rest[8+min(int(binary.BigEndian.Uint32(rest[4:])), len(rest)-8):]
	var out [][][]byte
	for len(rest) >= 2 {
		n := int16(binary.BigEndian.Uint16(rest))
		rest = rest[2:]
		if n < 0 {
			if len(rest) > 0 {
				return out, fmt.Errorf("%d bytes after the end", len(rest))
			}
			return out, nil
		}
		var row [][]byte
		for range n {
			if len(rest) < 4 {
				return out, fmt.Errorf("cut short")
			}
			size := int32(binary.BigEndian.Uint32(rest))
			rest = rest[4:]
			if size < 0 {
				row = append(row, nil)
				continue
			}
			if int(size) > len(rest) {
				return out, fmt.Errorf("cut short")
			}
			row, rest = append(row, rest[:size:size]), rest[size:]
		}
		out = append(out, row)
	}
	return out, fmt.Errorf("no end")
}
