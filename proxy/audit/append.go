package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/tlog"
)

// entry is a record on its way to the disk.
type entry struct {
	buf     []byte // one zero byte, which RFC 6962 puts before a leaf, and the record
	leaf    tlog.Hash
	event   string
	command string
	session string
	held    bool // an intent that forwards nothing
	urgent  bool // not one that may ride
	objects []object
}

func (e *entry) record() []byte { return e.buf[1:] }

// object is content that must be durable before the record that names it.
type object struct {
	digest string
	b      []byte
}

var entries = sync.Pool{New: func() any { return &entry{buf: make([]byte, 0, 1024)} }}

// release gives an entry back once nobody looks at its bytes.
func (e *entry) release() {
	if cap(e.buf) > 16<<10 {
		return
	}
	*e = entry{buf: e.buf[:0]}
	entries.Put(e)
}

type priority uint8

const (
	urgent   priority = iota // write now
	grouped                  // write with the next batch, or after GroupedDelay
	internal                 // the log's own: write now, and never wait for room
)

func (l *Log) append(r *Record, p priority) (Seq, error) {
	e := entries.Get().(*entry)
	if err := l.encode(e, r); err != nil {
		e.release()
		return 0, err
	}
	e.leaf = sha256.Sum256(e.buf)

	l.mu.Lock()
	for p != internal && l.err == nil && !l.closing &&
		(len(l.queue) >= l.o.MaxQueue || l.bytes > l.o.MaxQueueBytes) {
		l.room.Wait()
	}
	if err := l.refuse(r.Event, p); err != nil {
		l.mu.Unlock()
		e.release()
		return 0, err
	}
	l.queue = append(l.queue, e)
	l.bytes += e.size()
	l.next++
	l.ended = e.event == LogStop
	s := Seq(l.next)
	switch {
	case p != grouped:
		e.urgent = true
		l.hurry()
	case !l.armed && l.urgent == 0:
		l.armed = true
		l.timer.Reset(GroupedDelay)
	}
	l.mu.Unlock()
	return s, nil
}

// hurry counts one more record that must be written now, and wakes the writer
// for the first of them. l.mu is held.
func (l *Log) hurry() {
	l.urgent++
	if l.urgent > 1 || l.writing { // whoever writes looks at the queue again
		return
	}
	l.wake()
}

// refuse says why a record is not taken now. l.mu is held.
func (l *Log) refuse(event string, p priority) error {
	switch {
	case l.err != nil:
		return l.err
	case l.ended:
		return ErrClosed
	case p == internal:
		return nil
	case l.closing:
		return ErrClosed
	case l.full && !endsSomething(event):
		return ErrFull
	}
	return nil
}

// endsSomething reports the events that a full disk still takes, from what was
// kept back: the ends of what had begun.
func endsSomething(event string) bool {
	switch event {
	case CommandResult, CommandCancel, SessionClose, RecordingChunk, RecordingClose:
		return true
	}
	return strings.HasPrefix(event, "log.")
}

func (e *entry) size() int {
	n := len(e.buf)
	for _, o := range e.objects {
		n += len(o.b)
	}
	return n
}

// due is what the timer calls: the grouped records have waited long enough.
func (l *Log) due() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.armed = false
	if !l.closing && l.urgent == 0 && len(l.queue) > 0 {
		l.hurry()
	}
}

// encode fills e with the canonical form of r. A text that is too long, and a
// record that is too large, go to objects.
func (l *Log) encode(e *entry, r *Record) error {
	now := time.Now()
	s := stamp{origin: l.o.Origin, now: now, mono: now.Sub(l.start).Microseconds()}
	if len(r.Action.Text) > MaxText && r.Action.TextObject == "" {
		short := *r
		if short.Action.TextSize == 0 { // the caller may know how long it was before it was redacted
			short.Action.TextSize = int64(len(r.Action.Text))
		}
		if len(r.Action.Text) <= MaxObject {
			o := newObject([]byte(r.Action.Text))
			e.objects = append(e.objects, o)
			short.Action.TextObject = o.digest
		}
		short.Action.Text = cutText(r.Action.Text, MaxText)
		r = &short
	}
	if n := len(r.Action.Facts); n > 0 && n <= MaxObject && (r.Action.FactsObject == "" || !l.known.has(r.Action.FactsObject)) {
		o := newObject(r.Action.Facts)
		e.objects = append(e.objects, o)
		short := *r
		short.Action.FactsObject = o.digest
		r = &short
	}
	b, err := appendRecord(append(e.buf[:0], 0), r, &s)
	if err == nil && len(b)-1 > MaxRecord {
		s.elided.size = int64(len(b) - 1)
		if len(b)-1 <= MaxObject {
			whole := newObject(bytes.Clone(b[1:]))
			e.objects = append(e.objects, whole)
			s.elided.object = whole.digest
		}
		for _, keep := range [...]int{32, 4} { // 4 fits whatever the escapes
			b, err = appendRecord(b[:1], shorten(r, keep), &s)
			if err != nil || len(b)-1 <= MaxRecord {
				break
			}
		}
	}
	e.buf = b
	e.event, e.command, e.session = r.Event, r.Command, r.Session
	e.held = r.Decision.Verdict == Hold
	return err
}

func newObject(b []byte) object {
	sum := sha256.Sum256(b)
	return object{digest: "sha256:" + hex.EncodeToString(sum[:]), b: b}
}

// cutText returns at most n bytes of s, not ending inside a character.
func cutText(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for i := n; i > n-utf8.UTFMax; i-- {
		if utf8.RuneStart(s[i]) {
			return s[:i]
		}
	}
	return s[:n]
}

// shorten returns a record that keeps the first members of each list and the
// beginning of each text. The whole is in the object that "elided" names.
func shorten(r *Record, members int) *Record {
	size := 16 * members
	cut := func(size int, list []*string) {
		for _, p := range list {
			*p = cutText(*p, size)
		}
	}
	text := func(list ...*string) { cut(size, list) }
	name := func(list ...*string) { cut(128, list) } // ids and digests, which would say nothing when cut
	lists := func(list ...*[]string) {
		for _, p := range list {
			out := make([]string, 0, members)
			for _, s := range (*p)[:min(len(*p), members)] {
				out = append(out, cutText(s, size/4))
			}
			*p = out
		}
	}
	table := func(p *map[string]string) {
		out := make(map[string]string)
		for _, k := range slices.Sorted(maps.Keys(*p)) {
			if len(out) < members && len(k) <= size {
				out[k] = cutText((*p)[k], size)
			}
		}
		*p = out
	}
	who := func(p *Principal) {
		text(&p.Subject, &p.Issuer, &p.TokenID)
		lists(&p.Groups, &p.Kinds)
		chain := slices.Clone(p.Chain[:min(len(p.Chain), members)])
		for i := range chain {
			text(&chain[i].Subject, &chain[i].Issuer, &chain[i].Kind, &chain[i].Proof)
			lists(&chain[i].Groups)
		}
		p.Chain = chain
		table(&p.Claims)
	}
	s := *r
	a, d, c, n := &s.Action, &s.Decision, &s.Client, &s.Connection
	name(&s.Event, &s.Session, &s.Command, &a.Digest, &a.Fingerprint, &a.TextObject, &a.FactsObject, &d.Ticket, &d.Verdict)
	name(&s.Approval.Ticket, &s.Approval.Name, &s.Approval.ActionDigest, &s.Approval.State, &s.Approval.Self)
	name(&s.Recording.ID, &s.Recording.SHA256, &s.Config.Generation)
	text(&a.Class, &a.Resolved, &a.Text, &d.Hint, &c.Address, &c.Application, &c.User, &c.TLS)
	text(&n.Name, &n.Protocol, &n.Address, &n.Database, &n.Role, &n.Credential)
	text(&s.Result.Message, &s.Result.Code, &s.Result.Outcome, &s.Result.Effect, &s.Approval.Reason)
	text(&a.FactsKept)
	lists(&a.Operations, &a.Reads, &a.Writes, &a.Columns, &a.Filters, &a.Functions, &a.Flags, &a.Labels, &a.Own)
	a.Plugins = slices.Clone(a.Plugins[:min(len(a.Plugins), members)])
	for i := range a.Plugins {
		p := &a.Plugins[i]
		text(&p.Plugin, &p.Reason)
		name(&p.Module, &p.Input, &p.Output)
		lists(&p.Labels)
	}
	lists(&d.Policies, &d.Reasons, &d.Masks, &d.Shadow)
	who(&s.Principal)
	who(&s.Approval.Approver)
	table(&s.Config.Objects)
	table(&s.Detail)
	return &s
}
