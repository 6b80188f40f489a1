package console

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

type sessionsBody struct {
	Open, Ended []Session
}

// sessionList is GET /sessions.
func (c *Console) sessionList(w http.ResponseWriter, r *http.Request, v *visit) error {
	if err := c.used(r, v, "sessions.list", ""); err != nil {
		return err
	}
	all, err := c.seenSessions(r, v)
	if err != nil {
		return err
	}
	var body sessionsBody
	for _, s := range all {
		switch {
		case s.Open():
			body.Open = append(body.Open, s)
		case len(body.Ended) < maxDecided:
			body.Ended = append(body.Ended, s)
		}
	}
	p := v.view("Sessions", "sessions", body)
	p.Refresh, p.Live = 30, true
	if r.URL.Query().Get("done") == "killed" {
		p.Said = "The session was ended."
	}
	return c.show(w, http.StatusOK, part(r, "sessions", "list"), p)
}

func (c *Console) seenSessions(r *http.Request, v *visit) ([]Session, error) {
	all, err := c.backend.Sessions(r.Context())
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(s Session) bool { return !v.Access.SeesSession(v.by, &s) }), nil
}

// kill is POST /sessions/{id}/kill.
func (c *Console) kill(w http.ResponseWriter, r *http.Request, v *visit) error {
	if !v.Access.Operator(v.by) {
		return c.refuse(r, v, "sessions.kill", r.PathValue("id"), "ending sessions is for operators")
	}
	text, err := reason(r)
	if err != nil {
		return err
	}
	if err := c.backend.Kill(r.Context(), r.PathValue("id"), v.by, text); err != nil {
		return err
	}
	http.Redirect(w, r, "/sessions?done=killed", http.StatusSeeOther)
	return nil
}

// A page of a recording is bounded by frames and by bytes.
const (
	framesAPage = 1000
	bytesAPage  = 1 << 20
)

type recordingBody struct {
	ID      string
	Session *Session // nil: it ended long ago
	Blocks  []block
	From    int    // the number of this page's first frame
	Next    int    // of the next page's, 0: this is the last
	Open    bool   // there is no more yet
	Broken  string // why the recording cannot be trusted from here on
}

// block is one command of a recording and what came of it, or one event that belongs to none.
type block struct {
	At      time.Duration
	Kind    string
	Text    string
	Columns []string
	Rows    [][]cell
	Notes   []note
}

type cell struct {
	Text string
	Null bool
}

type note struct {
	Kind, Text string
}

// recording is GET /sessions/{id}: who it was and, for auditors, what was said.
func (c *Console) recording(w http.ResponseWriter, r *http.Request, v *visit) error {
	id := r.PathValue("id")
	if !v.Access.Auditor(v.by) {
		return c.refuse(r, v, "sessions.replay", id, "recordings are for auditors")
	}
	from, err := strconv.Atoi(r.URL.Query().Get("from"))
	if err != nil || from < 0 {
		from = 0
	}
	sessions, err := c.seenSessions(r, v)
	if err != nil {
		return err
	}
	body := recordingBody{ID: id, From: from}
	if i := slices.IndexFunc(sessions, func(s Session) bool { return s.ID == id }); i >= 0 {
		body.Session = &sessions[i]
	}
	frames, err := c.backend.Replay(r.Context(), id, v.by)
	if err != nil {
		return err
	}
	n, size := 0, 0
	for f, err := range frames {
		if errors.Is(err, ErrOpenEnd) {
			body.Open = true
			break
		}
		if err != nil {
			body.Broken = sentence(err)
			break
		}
		if n++; n <= from {
			continue
		}
		if n > from+framesAPage || size > bytesAPage {
			body.Next = n - 1
			break
		}
		size += body.add(f)
	}
	return c.show(w, http.StatusOK, "recording", v.view("Recording "+id, "sessions", &body))
}

// add puts a frame where it belongs and returns its size in bytes.
func (b *recordingBody) add(f Frame) int {
	size := len(f.Text)
	for _, s := range f.Cells {
		size += len(s)
	}
	if f.Kind == "statement" || len(b.Blocks) == 0 {
		bl := block{At: f.Offset, Kind: f.Kind}
		if f.Kind == "statement" {
			bl.Text = f.Text
			b.Blocks = append(b.Blocks, bl)
			return size
		}
		b.Blocks = append(b.Blocks, bl)
	}
	last := &b.Blocks[len(b.Blocks)-1]
	switch f.Kind {
	case "columns":
		last.Columns = f.Cells
	case "row":
		row := make([]cell, len(f.Cells))
		for i, s := range f.Cells {
			row[i] = cell{CellText(s), i < len(f.Nulls) && f.Nulls[i]}
		}
		last.Rows = append(last.Rows, row)
	default:
		text := f.Text
		if text == "" {
			text = strings.Join(f.Cells, " ")
		}
		last.Notes = append(last.Notes, note{f.Kind, text})
	}
	return size
}

// sentence is an error as a page says it: without the kind's own word in front, which is the title.
func sentence(err error, kinds ...error) string {
	text := err.Error()
	for _, k := range kinds {
		text = strings.TrimPrefix(text, k.Error()+": ")
	}
	if text == "" {
		return text
	}
	text = strings.ToUpper(text[:1]) + text[1:]
	if !strings.ContainsAny(text[len(text)-1:], ".!?\n") {
		text += "."
	}
	return text
}
