package postgres

import (
	"errors"
	"slices"
	"strings"

	"github.com/jackc/pgproto3/v2"

	"sluice.dev/proxy/gate"
	"sluice.dev/proxy/protocol/postgres/facts"
	"sluice.dev/proxy/protocol/postgres/wire"
)

// sqlstate is the code of each kind of refusal (CONTRACT 5).
func sqlstate(k gate.Kind) string {
	switch k {
	case gate.TicketPending, gate.Cancelled:
		return "57014"
	case gate.Unable, gate.Stopped:
		return "57P03"
	case gate.OverLimit:
		return "53000"
	case gate.Malformed:
		return "42601"
	default:
		return "42501"
	}
}

// appendError appends an ErrorResponse. text goes behind "sluice: ".
func appendError(dst []byte, severity, code, text, detail, hint string, position int) []byte {
	m := &pgproto3.ErrorResponse{Severity: severity, SeverityUnlocalized: severity, Code: code,
		Message: "sluice: " + text, Detail: detail, Hint: hint, Position: int32(position)}
	out, err := m.Encode(dst)
	if err != nil { // only when longer than a message can be
		return dst
	}
	return out
}

func appendRefusal(dst []byte, r *gate.Refusal) []byte {
	severity := "ERROR"
	if r.Kind == gate.Stopped {
		severity = "FATAL"
	}
	return appendError(dst, severity, sqlstate(r.Kind), r.Text, r.Detail, r.Hint, r.Position)
}

func appendNotice(dst []byte, text, hint string) []byte {
	m := &pgproto3.NoticeResponse{Severity: "NOTICE", SeverityUnlocalized: "NOTICE", Code: "00000",
		Message: "sluice: " + text, Hint: hint}
	out, err := m.Encode(dst)
	if err != nil {
		return dst
	}
	return out
}

// malformed is the refusal of text that PostgreSQL's parser does not take: the
// same words and position that the server would have used.
func malformed(err error) *gate.Refusal {
	var syntax *facts.SyntaxError
	if errors.As(err, &syntax) {
		return &gate.Refusal{Kind: gate.Malformed, Text: syntax.Message, Position: syntax.Position}
	}
	return gate.CannotDecide(err)
}

// notice fields of a server's error or notice, by type byte (PostgreSQL 55.8).
type field struct {
	typ  byte
	text string
}

func readFields(body []byte) ([]field, error) {
	var out []field
	for len(body) > 0 {
		if body[0] == 0 {
			return out, nil
		}
		text, rest, ok := strings.Cut(string(body[1:]), "\x00")
		if !ok {
			break
		}
		out = append(out, field{body[0], text})
		body = []byte(rest)
	}
	return nil, &wire.ProtocolError{Text: "error or notice without an end"}
}

func appendFields(dst []byte, typ byte, fields []field) []byte {
	dst, at := wire.Begin(dst, typ)
	for _, f := range fields {
		dst = append(append(append(dst, f.typ), f.text...), 0)
	}
	return wire.End(append(dst, 0), at)
}

func get(fields []field, typ byte) string {
	for _, f := range fields {
		if f.typ == typ {
			return f.text
		}
	}
	return ""
}

// scrub takes out of a server's error or notice what may quote a protected
// value (reference/masking.md 8): the message becomes a fixed one for its
// SQLSTATE; detail, hint, context and internal query go. What code on the
// server has raised has its SQLSTATE and the names of objects chosen by that
// code, character by character if it likes, so they go too.
func scrub(fields []field) []field {
	var out []field
	code, byCode := get(fields, 'C'), raisedByCode(fields)
	if byCode {
		code = codeOfCode(code, get(fields, 'V'), get(fields, 'R'))
	}
	for _, f := range fields {
		switch f.typ {
		case 'M':
			out = append(out, field{'M', "sluice: " + fixedMessage(code) + " (the text is hidden: the statement touches protected columns)"})
		case 'C':
			out = append(out, field{'C', code})
		case 'D', 'H', 'W', 'q', 'p':
		case 's', 't', 'c', 'd', 'n', 'F', 'L', 'R':
			if !byCode {
				out = append(out, f)
			}
		default:
			out = append(out, f)
		}
	}
	return out
}

// raisedByCode says whether an error or notice came up inside a function or
// procedure: the server then tells the context, which that code cannot leave out.
func raisedByCode(fields []field) bool {
	return get(fields, 'W') != "" || get(fields, 'q') != "" || get(fields, 'R') == "exec_stmt_raise"
}

// codeOfCode is what stands for an SQLSTATE that code has raised: those by which
// clients decide to try again stay, unless RAISE chose them.
func codeOfCode(code, severity, routine string) string {
	switch {
	case severity == "WARNING":
		return "01000"
	case severity != "ERROR" && severity != "FATAL" && severity != "PANIC":
		return "00000"
	}
	if slices.Contains([]string{"40001", "40P01", "55P03", "57014"}, code) && routine != "exec_stmt_raise" {
		return code
	}
	return "P0001"
}

// fixedMessage is a message for the class of an SQLSTATE (PostgreSQL
// appendix A).
func fixedMessage(code string) string {
	switch code {
	case "23505":
		return "duplicate key value violates a unique constraint"
	case "23503":
		return "a foreign key constraint is violated"
	case "23502":
		return "null value in a column that may not be null"
	case "23514":
		return "a check constraint is violated"
	case "23P01":
		return "an exclusion constraint is violated"
	case "22P02":
		return "invalid input syntax for a type"
	case "22012":
		return "division by zero"
	case "22001":
		return "value too long for its type"
	case "57014":
		return "the statement was cancelled"
	case "25P02":
		return "current transaction is aborted, commands ignored until end of transaction block"
	case "42P01":
		return "a relation does not exist"
	case "42703":
		return "a column does not exist"
	case "42501":
		return "permission denied"
	case "00000":
		return "a notice"
	case "P0001":
		return "a function or procedure has failed"
	}
	if len(code) < 2 {
		return "error"
	}
	switch code[:2] {
	case "22":
		return "a value is not valid"
	case "23":
		return "a constraint is violated"
	case "40":
		return "the transaction was rolled back by the server"
	case "42":
		return "the statement is not valid"
	case "53":
		return "the server lacks a resource"
	case "01", "02", "00":
		return "a notice"
	}
	return "the statement failed"
}
