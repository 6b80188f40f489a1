package plugin

import (
	"bytes"
	"context"
	"fmt"
)

// Limits of a run of a byte stream (sdk/ABI.md 5.3).
const (
	MaxState  = 4096 // bytes that a module may have carried to the next run
	runHeader = 40
	runResult = 16
)

// StreamOptions say what a stream is.
type StreamOptions struct {
	Name  string // such as stdout; what a column's name is to cells
	Type  string // terminal, http-body, sse, …
	Scope string // of pseudonyms; the module does not see it
	// Apply appends what stands for a finding; found are its bytes. Nil: the
	// module's own replacement, or else ***.
	Apply func(dst, found []byte, e Edit) []byte
}

// Stream masks one stream of bytes as it passes. It holds back what may be the
// beginning of a finding: at most the manifest's reach, and less where the
// module knows better. It keeps no more than that, as much before it, and what
// the module has it carry. A module that does not know runs (Manifest.Runs) is
// shown windows instead. It is for one goroutine at a time.
type Stream struct {
	m     *Module
	o     StreamOptions
	b     []byte // what is shown: bytes gone by, then the run's own
	own   int    // where the run's own bytes begin
	sent  int    // how far b has been released, never less than own
	state []byte
	begun bool
	err   error
}

// Stream begins a stream.
func (m *Module) Stream(o StreamOptions) *Stream {
	if o.Apply == nil {
		o.Apply = func(dst, _ []byte, e Edit) []byte {
			if e.Replacement != nil {
				return append(dst, e.Replacement...)
			}
			return append(dst, "***"...)
		}
	}
	return &Stream{m: m, o: o}
}

// Held is how many bytes wait for more.
func (s *Stream) Held() int { return len(s.b) - s.sent }

// Feed takes the next bytes and appends to dst what may pass on. An error is a
// *CallError and ends the stream: what was held back must not pass, and every
// later call fails as well.
func (s *Stream) Feed(ctx context.Context, dst, chunk []byte) ([]byte, error) {
	keep := len(dst)
	for len(chunk) > 0 && s.err == nil {
		n := min(len(chunk), s.most()-(len(s.b)-s.own))
		s.b, chunk = append(s.b, chunk[:n]...), chunk[n:]
		dst = s.advance(ctx, dst, false)
	}
	if s.err != nil {
		return dst[:keep], s.err
	}
	return dst, nil
}

// Finish says that the stream has ended, and appends what was held back.
func (s *Stream) Finish(ctx context.Context, dst []byte) ([]byte, error) {
	keep := len(dst)
	if s.err == nil && (s.Held() > 0 || s.m.manifest.Runs && s.begun) {
		dst = s.advance(ctx, dst, true)
	}
	if s.err != nil {
		return dst[:keep], s.err
	}
	s.err = &CallError{Plugin: s.m.name, Kind: KindClosed, What: "was fed a stream that has ended"}
	return dst, nil
}

// most is how many bytes of its own a run has.
func (s *Stream) most() int { return max(s.m.limits.Batch, smallestBytes(s.m.manifest.Reach)) / 2 }

// advance looks at all that is there, in runs as long as fuel allows.
func (s *Stream) advance(ctx context.Context, dst []byte, last bool) []byte {
	most := len(s.b) - s.own
	for {
		var found []Edit
		var open, end int
		var ends bool
		err := s.m.use(ctx, "mask", func(in *instance) (err error) {
			in.scope = s.o.Scope
			end = min(s.own+most, len(s.b))
			ends = last && end == len(s.b)
			found, open, err = s.look(in, end, ends)
			if least := smallestBytes(s.m.manifest.Reach) / 2; KindOf(err) == KindFuel && end-s.own > least {
				// A shorter run still settles something: it is longer than reach.
				most = max((end-s.own)/2, least)
				return errAgain
			}
			return err
		})
		if err != nil {
			s.err = err
			return dst
		}
		if ends {
			open = 0
		}
		dst = s.release(dst, found, max(end-open, s.own))
		done := end == len(s.b)
		s.forget()
		if done {
			return dst
		}
	}
}

// release appends the bytes up to before, and findings that begin there, whole.
func (s *Stream) release(dst []byte, found []Edit, before int) []byte {
	for _, e := range found {
		from, to := int(e.From), int(e.To)
		if to <= s.sent || from >= before {
			continue
		}
		if from < s.sent { // the rest of one that has begun to pass
			from = s.sent
			if e.Replacement != nil {
				e.Replacement = []byte{}
			}
		}
		dst = append(dst, s.b[s.sent:from]...)
		dst = s.o.Apply(dst, s.b[from:to:to], e)
		s.sent = to
	}
	if before > s.sent {
		dst = append(dst, s.b[s.sent:before]...)
		s.sent = before
	}
	s.own = before
	s.begun = true
	return dst
}

// forget drops what lies further back than reach.
func (s *Stream) forget() {
	if n := s.own - s.m.manifest.Reach; n > 0 {
		s.b = s.b[:copy(s.b, s.b[n:])]
		s.own, s.sent = s.own-n, s.sent-n
	}
}

// look shows the module b up to end, and returns what it finds, and how many
// bytes at the end are open.
func (s *Stream) look(in *instance, end int, last bool) (found []Edit, open int, err error) {
	reach := s.m.manifest.Reach
	shown := &Batch{Columns: []Column{{Name: s.o.Name, Type: s.o.Type}}, Cells: []Cell{{Value: s.b[:end]}}}
	p := piece{count: 1}
	if !s.m.manifest.Runs {
		flagged := p
		flagged.window, flagged.to, flagged.before = true, end, end
		found, err = in.piece(shown, flagged, shown.columnsSize(), s.m.manifest.Kinds, nil)
		return found, reach, err
	}
	n := runHeader + columnSize + cellSize + len(s.o.Name) + len(s.o.Type) + len(s.state) + end
	room, err := in.room(n, in.limits.Fuel)
	if err != nil {
		return nil, 0, err
	}
	s.put(room, end, last)
	in.stats.Bytes.Add(uint64(end))
	res, err := in.call(in.mask, n, in.limits.Fuel)
	if err != nil {
		return nil, 0, err
	}
	bad := ""
	found, open, bad = s.decode(res, shown, p)
	if bad != "" {
		return nil, 0, &CallError{Plugin: in.plugin, Kind: KindEdits, What: bad}
	}
	return found, open, nil
}

// put writes a run (sdk/ABI.md 5.3).
func (s *Stream) put(out []byte, end int, last bool) {
	const column, cell, text = runHeader, runHeader + columnSize, runHeader + columnSize + cellSize
	clear(out[:text])
	flags := uint32(0)
	if !s.begun {
		flags |= 2
	}
	if last {
		flags |= 4
	}
	at := text
	ref := func(to int, size int) {
		le.PutUint32(out[to:], uint32(at))
		le.PutUint32(out[to+4:], uint32(size))
	}
	for i, v := range []uint32{1, 1, 1, column, cell, flags} {
		le.PutUint32(out[4*i:], v)
	}
	ref(column+4, len(s.o.Name))
	at += copy(out[at:], s.o.Name)
	ref(column+12, 0)
	ref(column+20, len(s.o.Type))
	at += copy(out[at:], s.o.Type)
	ref(24, len(s.state))
	at += copy(out[at:], s.state)
	le.PutUint32(out[32:], uint32(s.own))
	ref(cell+4, end)
	copy(out[at:], s.b[:end])
}

// decode reads the result of a run.
func (s *Stream) decode(res []byte, shown *Batch, p piece) (found []Edit, open int, bad string) {
	reach := s.m.manifest.Reach
	if len(res) == 0 {
		s.state = nil
		return nil, reach, ""
	}
	if len(res) < runResult {
		return nil, 0, "returned edits that end early"
	}
	wants, at, size := le.Uint32(res[4:]), le.Uint32(res[8:]), le.Uint32(res[12:])
	if wants == absent {
		wants = uint32(reach)
	}
	switch {
	case int64(wants) > int64(reach):
		return nil, 0, fmt.Sprintf("would hold back %d bytes of a stream, and its reach is %d", wants, reach)
	case size > MaxState:
		return nil, 0, fmt.Sprintf("would carry %d bytes of state, the limit is %d", size, MaxState)
	case uint64(at)+uint64(size) > uint64(len(res)):
		return nil, 0, "returned a state outside its result"
	}
	if found, bad = shown.decodeAt(runResult, res, p, s.m.manifest.Kinds, nil); bad != "" {
		return nil, 0, bad
	}
	s.state = bytes.Clone(res[at : at+size])
	return found, int(wants), ""
}
