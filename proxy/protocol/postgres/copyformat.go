package postgres

import (
	"bytes"

	"sluice.dev/proxy/protocol/postgres/wire"
)

// nextText takes one line of the text format: fields parted by the delimiter,
// backslash escapes, \N for NULL (COPY, Text Format).
func (s *copySpec) nextText(b []byte, last bool) (cells [][]byte, n int, ok bool) {
	end := bytes.IndexByte(b, '\n')
	if end < 0 {
		if !last {
			return nil, 0, false
		}
		end = len(b)
	}
	line := b[:end]
	n = min(end+1, len(b))
	for {
		at := nextDelimiter(line, s.delimiter)
		f := line[:at]
		if string(f) == s.null {
			cells = append(cells, nil)
		} else {
			cells = append(cells, unescapeCopy(f))
		}
		if at == len(line) {
			return cells, n, true
		}
		line = line[at+1:]
	}
}

func nextDelimiter(line []byte, d byte) int {
	for i := 0; i < len(line); i++ {
		if line[i] == '\\' {
			i++
			continue
		}
		if line[i] == d {
			return i
		}
	}
	return len(line)
}

var copyEscapes = map[byte]byte{'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v'}

// unescapeCopy undoes the escapes that the server writes.
func unescapeCopy(f []byte) []byte {
	out := make([]byte, 0, len(f))
	for i := 0; i < len(f); i++ {
		c := f[i]
		if c == '\\' && i+1 < len(f) {
			i++
			c = f[i]
			if e, ok := copyEscapes[c]; ok {
				c = e
			}
		}
		out = append(out, c)
	}
	return out
}

// nextCSV takes one record: quotes may hold line ends, a doubled quote or the
// escape character stands for a quote; an unquoted NULL string is NULL.
func (s *copySpec) nextCSV(b []byte, last bool) (cells [][]byte, quotes []bool, n int, ok bool) {
	cell := []byte{}
	quoted, inside := false, false
	flush := func() {
		quotes = append(quotes, quoted)
		if !quoted && string(cell) == s.null {
			cells = append(cells, nil)
		} else {
			cells = append(cells, cell)
		}
		cell, quoted = []byte{}, false
	}
	for i := 0; i < len(b); i++ {
		c := b[i]
		switch {
		case inside && c == s.escape && i+1 < len(b) && (b[i+1] == s.quote || b[i+1] == s.escape) && (s.escape != s.quote || b[i+1] == s.quote):
			i++
			cell = append(cell, b[i])
		case inside && c == s.escape && i+1 == len(b) && !last:
			return nil, nil, 0, false
		case c == s.quote:
			inside, quoted = !inside, true
		case !inside && c == s.delimiter:
			flush()
		case !inside && c == '\n':
			flush()
			return cells, quotes, i + 1, true
		default:
			cell = append(cell, c)
		}
	}
	if !last || inside {
		return nil, nil, 0, false
	}
	flush()
	return cells, quotes, len(b), true
}

// appendRow writes a row in the format it came in; forced says which columns
// of a CSV are quoted without need.
func (s *copySpec) appendRow(dst []byte, cells [][]byte, forced []bool) []byte {
	switch s.format {
	case "binary":
		dst = append(dst, byte(len(cells)>>8), byte(len(cells)))
		for _, c := range cells {
			dst = wire.AppendCell(dst, c)
		}
		return dst
	case "csv":
		for i, c := range cells {
			if i > 0 {
				dst = append(dst, s.delimiter)
			}
			dst = s.appendCSV(dst, c, len(cells) == 1, i < len(forced) && forced[i])
		}
	default:
		for i, c := range cells {
			if i > 0 {
				dst = append(dst, s.delimiter)
			}
			if c == nil {
				dst = append(dst, s.null...)
			} else {
				dst = s.appendText(dst, c)
			}
		}
	}
	return append(dst, '\n')
}

func (s *copySpec) appendText(dst, c []byte) []byte {
	for _, x := range c {
		switch x {
		case '\b':
			dst = append(dst, '\\', 'b')
		case '\f':
			dst = append(dst, '\\', 'f')
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		case '\v':
			dst = append(dst, '\\', 'v')
		case '\\':
			dst = append(dst, '\\', '\\')
		default:
			if x == s.delimiter {
				dst = append(dst, '\\')
			}
			dst = append(dst, x)
		}
	}
	return dst
}

// needsQuotes says whether a cell of a CSV would be read as another without.
func (s *copySpec) needsQuotes(c []byte, alone bool) bool {
	if string(c) == s.null || (alone && string(c) == `\.`) {
		return true
	}
	for _, x := range c {
		if x == s.delimiter || x == s.quote || x == '\n' || x == '\r' {
			return true
		}
	}
	return false
}

func (s *copySpec) appendCSV(dst, c []byte, alone, forced bool) []byte {
	if c == nil {
		return append(dst, s.null...)
	}
	if !forced && !s.needsQuotes(c, alone) {
		return append(dst, c...)
	}
	dst = append(dst, s.quote)
	for _, x := range c {
		if x == s.quote || x == s.escape {
			dst = append(dst, s.escape)
		}
		dst = append(dst, x)
	}
	return append(dst, s.quote)
}
