// Package recording keeps what a session's client saw, so that an auditor can
// replay it. A recording is a row of plain files, rec/<session>/1, 2, 3 …, each
// of JSON lines [dt_us, kind, data]; the digest of each is in the audit log, so
// that a change, a swap and a missing piece are found.
//
// The chunks that are due at a moment, of all sessions, are written and then
// made durable together, after which their digests go to the log.
//
// A recorder never holds the data path up: what does not fit its queue is
// counted, and the count is recorded. When the disk or the log fails, the
// recorder says so, and the session has to stop (DESIGN rule 2).
package recording

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"
	"unicode/utf8"

	"sluice.dev/proxy/audit"
)

// The kinds of events.
const (
	KindSession   = "session"   // the first event: who, when, where
	KindStatement = "statement" // a command as it was decided: redacted text
	KindColumns   = "columns"   // what the rows are made of
	KindRow       = "row"       // the first rows of a result, masked
	KindComplete  = "complete"  // how the command ended, and how many rows there were
	KindError     = "error"
	KindNotice    = "notice"
	KindHold      = "hold"
	KindCopy      = "copy"   // totals of a COPY
	KindElided    = "elided" // events that were counted but not kept here
)

// Event is one thing that happened. Fields that are empty are left out. The
// caller has masked and redacted what is in it.
type Event struct {
	At   time.Time `json:"-"` // zero: now; in a replay the start's time plus the intervals
	Kind string    `json:"-"`

	Command string   `json:"command,omitempty"` // the command's id
	Text    string   `json:"text,omitempty"`    // statement, message, tag
	Code    string   `json:"code,omitempty"`    // SQLSTATE and the like
	Ticket  string   `json:"ticket,omitempty"`
	Columns []string `json:"columns,omitempty"`
	Row     []Value  `json:"row,omitempty"`
	Rows    int64    `json:"rows,omitempty"`
	Bytes   int64    `json:"bytes,omitempty"`
	Events  int64    `json:"events,omitempty"` // of KindElided
	Cut     bool     `json:"cut,omitempty"`    // texts or cells were shortened
	Meta    *Meta    `json:"meta,omitempty"`   // of KindSession
}

// Meta is the head of a recording.
type Meta struct {
	Started    time.Time `json:"started"` // zero: now
	Subject    string    `json:"subject,omitempty"`
	Issuer     string    `json:"issuer,omitempty"`
	Connection string    `json:"connection,omitempty"`
	Protocol   string    `json:"protocol,omitempty"`
	Client     string    `json:"client,omitempty"`
}

// Value is a cell as text; nil is NULL. Bytes that are not UTF-8 are written as
// {"base64": "…"}.
type Value []byte

// MarshalJSON writes null, a string or the base64 form.
func (v Value) MarshalJSON() ([]byte, error) {
	switch {
	case v == nil:
		return []byte("null"), nil
	case utf8.Valid(v):
		return json.Marshal(string(v))
	}
	return json.Marshal(map[string]string{"base64": base64.StdEncoding.EncodeToString(v)})
}

// UnmarshalJSON reads what MarshalJSON writes.
func (v *Value) UnmarshalJSON(b []byte) error {
	var text *string
	if err := json.Unmarshal(b, &text); err == nil {
		if *v = nil; text != nil {
			*v = append(Value{}, *text...)
		}
		return nil
	}
	var form struct {
		Base64 []byte `json:"base64"`
	}
	if err := json.Unmarshal(b, &form); err != nil {
		return fmt.Errorf("recording: a cell is neither text, null nor base64: %w", err)
	}
	*v = append(Value{}, form.Base64...)
	return nil
}

// Options of a store. Zero values have defaults.
type Options struct {
	ChunkSize  int           // bytes of a chunk at most; 64 KiB
	ChunkEvery time.Duration // a chunk is closed at this age; 1s
	MaxQueue   int           // bytes that a session may have waiting for the disk; 256 KiB
	MaxRows    int           // rows kept of one result; 100
	Logger     *slog.Logger  // slog.Default()
	Files      audit.Files   // audit.OS(), for tests of failure something else
}

const maxText = 8 << 10 // bytes of an event's text, and of all its cells

// ErrClosed is the error of a recorder or store that was closed.
var ErrClosed = errors.New("recording: closed")

// shorten cuts what would make the event larger than a chunk.
func (e *Event) shorten() {
	if len(e.Text) > maxText {
		e.Text, e.Cut = cut(e.Text), true
	}
	left := maxText
	for i, v := range e.Row {
		if len(v) <= left {
			left -= len(v)
			continue
		}
		row := append([]Value(nil), e.Row...)
		row[i] = v[:left]
		for j := i + 1; j < len(row); j++ {
			if row[j] != nil {
				row[j] = Value{}
			}
		}
		e.Row, e.Cut = row, true
		break
	}
	left = maxText
	for i, c := range e.Columns {
		if left -= len(c) + 1; left < 0 {
			e.Columns, e.Cut = e.Columns[:i], true
			break
		}
	}
}

// cut shortens text to the limit without splitting a character.
func cut(s string) string {
	i := maxText
	for i > maxText-utf8.UTFMax && !utf8.RuneStart(s[i]) {
		i--
	}
	return s[:i]
}

// parseLine reads what appendLine wrote, without the newline.
func parseLine(line []byte) (time.Duration, *Event, error) {
	var parts [3]json.RawMessage
	var list []json.RawMessage
	if err := json.Unmarshal(line, &list); err != nil || copy(parts[:], list) != 3 || len(list) != 3 {
		return 0, nil, errors.New("recording: a line is not [dt_us, kind, data]")
	}
	var us int64
	e := new(Event)
	err := errors.Join(json.Unmarshal(parts[0], &us), json.Unmarshal(parts[1], &e.Kind), json.Unmarshal(parts[2], e))
	if err != nil {
		return 0, nil, fmt.Errorf("recording: a line: %w", err)
	}
	if us < 0 || us > int64(10*365*24*time.Hour/time.Microsecond) {
		return 0, nil, errors.New("recording: a line's interval is out of range")
	}
	return time.Duration(us) * time.Microsecond, e, nil
}
