package recording

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"

	"sluice.dev/proxy/audit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// open starts a log and a store in one directory, as a gateway does.
func open(t *testing.T, o Options) (string, *audit.Log, *Store) {
	t.Helper()
	dir := t.TempDir()
	log, err := audit.Open(dir, audit.Options{Origin: "test/rec", SegmentSize: 128 << 10, CheckpointEvery: time.Hour, Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	o.Logger = quiet()
	s, err := Open(dir, log, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close(); log.Close() })
	return dir, log, s
}

func start(t *testing.T, s *Store, id string) *Recorder {
	t.Helper()
	r, err := s.Start(id, Meta{Subject: "agent-7", Connection: "orders", Protocol: "postgres"})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// play returns the kinds and the error of a replay.
func play(s *Store, id string) (events []Event, err error) {
	for e, err := range s.Replay(id) {
		if err != nil {
			return events, err
		}
		events = append(events, e)
	}
	return events, nil
}

func TestReplayGivesWhatWasRecorded(t *testing.T) {
	_, _, s := open(t, Options{})
	r := start(t, s, "01S")
	at := time.Now()
	in := []Event{
		{Kind: KindStatement, Command: "01C", Text: "SELECT email, photo FROM customers -- \x1b[31m</script>\u2028"},
		{Kind: KindColumns, Command: "01C", Columns: []string{"email", "photo"}},
		{Kind: KindRow, Row: []Value{Value("a***@example.com"), Value("\x00\xff\xfe")}},
		{Kind: KindRow, Row: []Value{nil, Value("")}},
		{Kind: KindComplete, Command: "01C", Text: "SELECT 2", Rows: 2},
		{Kind: KindError, Code: "42501", Text: "sluice: denied"},
	}
	for i := range in {
		in[i].At = at.Add(time.Duration(i) * time.Millisecond)
		r.Event(in[i])
	}
	if _, err := play(s, "01S"); err == nil {
		t.Fatal("a recording that nothing of is in the log was replayed")
	}
	if err := r.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	got, err := play(s, "01S")
	if err != nil {
		t.Fatal(err)
	}
	if got[0].Kind != KindSession || got[0].Meta.Subject != "agent-7" {
		t.Fatalf("the recording begins with %+v", got[0])
	}
	for i := range got {
		if i > 0 && got[i].At.Sub(in[i-1].At).Abs() > 50*time.Microsecond { // intervals are cut to microseconds
			t.Errorf("event %d is %v away from its time", i, got[i].At.Sub(in[i-1].At))
		}
		got[i].At = time.Time{}
	}
	for i := range in {
		in[i].At = time.Time{}
	}
	if diff := cmp.Diff(in, got[1:]); diff != "" {
		t.Errorf("replay differs (-recorded +replayed):\n%s", diff)
	}
}

// record makes a recording of several chunks.
func record(t *testing.T, s *Store, id string) {
	t.Helper()
	r := start(t, s, id)
	for i := range 300 {
		r.Event(Event{Kind: KindNotice, Text: fmt.Sprintf("%s %d %s", id, i, strings.Repeat("x", 700))})
	}
	if err := r.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func TestTampering(t *testing.T) {
	for _, test := range []struct {
		name, want string
		tamper     func(dir string) error
	}{
		{"changed byte", "rec/a/2 was changed", func(dir string) error {
			b, err := os.ReadFile(filepath.Join(dir, "a", "2"))
			if err != nil {
				return err
			}
			b[100] ^= 1
			return os.WriteFile(filepath.Join(dir, "a", "2"), b, 0o600)
		}},
		{"appended line", "rec/a/2 was changed", func(dir string) error {
			b, err := os.ReadFile(filepath.Join(dir, "a", "2"))
			if err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(dir, "a", "2"), append(b, "[0,\"row\",{}]\n"...), 0o600)
		}},
		{"removed chunk", "rec/a/2 is missing", func(dir string) error { return os.Remove(filepath.Join(dir, "a", "2")) }},
		{"removed last chunk", "rec/a/4 is missing", func(dir string) error { return os.Remove(filepath.Join(dir, "a", "4")) }},
		{"reordered", "rec/a/1 was changed", func(dir string) error {
			return errors.Join(os.Rename(filepath.Join(dir, "a", "1"), filepath.Join(dir, "t")),
				os.Rename(filepath.Join(dir, "a", "2"), filepath.Join(dir, "a", "1")),
				os.Rename(filepath.Join(dir, "t"), filepath.Join(dir, "a", "2")))
		}},
		{"from another session", "rec/a/1 was changed", func(dir string) error {
			return os.Rename(filepath.Join(dir, "b", "1"), filepath.Join(dir, "a", "1"))
		}},
		{"added chunk", "is a chunk that the log does not know", func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "a", "5"), []byte("[0,\"row\",{}]\n"), 0o600)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir, _, s := open(t, Options{})
			record(t, s, "a")
			record(t, s, "b")
			if _, err := play(s, "a"); err != nil {
				t.Fatalf("untouched: %v", err)
			}
			if err := test.tamper(filepath.Join(dir, "rec")); err != nil {
				t.Fatal(err)
			}
			if _, err := play(s, "a"); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("replay says %v, want %q", err, test.want)
			}
		})
	}
}

func TestFullQueueIsCounted(t *testing.T) {
	release := make(chan struct{})
	_, log, s := open(t, Options{MaxQueue: 64 << 10, Files: &faulty{Files: audit.OS(), place: func(string) error {
		<-release
		return nil
	}}})
	r := start(t, s, "slow")
	const sent = 1000
	for i := range sent { // none of these calls may wait for the disk
		r.Event(Event{Kind: KindNotice, Text: fmt.Sprintf("%d %s", i, strings.Repeat("x", 1000))})
	}
	close(release)
	if err := r.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	var kept, elided int64
	events, err := play(s, "slow")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		switch e.Kind {
		case KindNotice:
			kept++
		case KindElided:
			elided += e.Events
		}
	}
	if elided == 0 || kept+elided != sent {
		t.Errorf("%d kept and %d counted as elided, %d were sent", kept, elided, sent)
	}
	_, end, err := chunksOf(log.Dir(), "slow")
	if err != nil || end.Elided != elided {
		t.Errorf("the log counts %v elided events, the recording %d (%v)", end, elided, err)
	}
}

func TestRowsBeyondTheLimitAreCounted(t *testing.T) {
	_, log, s := open(t, Options{MaxRows: 3})
	r := start(t, s, "rows")
	for range 2 {
		r.Event(Event{Kind: KindColumns, Columns: []string{"n"}})
		for i := range 10 {
			r.Event(Event{Kind: KindRow, Row: []Value{Value(fmt.Sprint(i))}})
		}
		if r.WantRow() {
			t.Error("WantRow after the limit")
		}
		r.Skip(90)
		r.Event(Event{Kind: KindComplete, Rows: 100})
		if !r.WantRow() {
			t.Error("no WantRow for the next result")
		}
	}
	if err := r.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	events, err := play(s, "rows")
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for _, e := range events {
		if e.Kind == KindRow {
			rows++
		}
	}
	_, end, err := chunksOf(log.Dir(), "rows")
	if err != nil {
		t.Fatal(err)
	}
	if rows != 6 || end.Elided != 2*97 {
		t.Errorf("%d rows kept and %d elided, want 6 and 194", rows, end.Elided)
	}
}

func TestDiskFailureStopsTheRecorder(t *testing.T) {
	_, _, s := open(t, Options{Files: &faulty{Files: audit.OS(), place: func(string) error { return syscall.EIO }}})
	r := start(t, s, "bad")
	if err := r.Close(context.Background()); !errors.Is(err, syscall.EIO) {
		t.Fatalf("Close: %v, want EIO", err)
	}
	<-r.Failed()
	r.Event(Event{Kind: KindNotice, Text: "late"}) // must not panic or wait
	if !errors.Is(r.Err(), syscall.EIO) {
		t.Errorf("Err: %v", r.Err())
	}
}

func TestStoppedLogStopsTheRecorder(t *testing.T) {
	_, log, s := open(t, Options{})
	r := start(t, s, "x")
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(context.Background()); !errors.Is(err, audit.ErrClosed) {
		t.Errorf("Close: %v, want audit.ErrClosed", err)
	}
	if _, err := s.Start("y", Meta{}); err == nil {
		t.Error("a session began although the log has stopped")
	}
}

func TestChunkIsClosedByAge(t *testing.T) {
	_, _, s := open(t, Options{ChunkEvery: 10 * time.Millisecond})
	r := start(t, s, "aged")
	r.Event(Event{Kind: KindNotice, Text: "hello"})
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if events, err := play(s, "aged"); errors.Is(err, ErrOpen) && len(events) == 2 {
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("the chunk was not closed: %d events, %v", len(events), err)
		}
	}
}

func TestHugeEventsFit(t *testing.T) {
	_, _, s := open(t, Options{})
	r := start(t, s, "huge")
	huge := strings.Repeat("\x01ü", 1<<19)
	var columns []string
	for i := range 1600 {
		columns = append(columns, fmt.Sprintf("column_%d_%s", i, strings.Repeat("\x02", 40)))
	}
	r.Event(Event{Kind: KindStatement, Text: huge})
	r.Event(Event{Kind: KindColumns, Columns: columns})
	r.Event(Event{Kind: KindRow, Row: []Value{Value("first"), Value(huge), Value("third"), nil}})
	if err := r.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	events, err := play(s, "huge")
	if err != nil {
		t.Fatal(err)
	}
	if len(events) != 4 {
		t.Fatalf("%d events, want 4", len(events))
	}
	for _, e := range events[1:] {
		if !e.Cut {
			t.Errorf("%s is not marked as cut", e.Kind)
		}
	}
	if row := events[3].Row; len(row) != 4 || string(row[0]) != "first" || row[3] != nil {
		t.Errorf("the row lost its shape: %d cells", len(row))
	}
}

func TestNames(t *testing.T) {
	_, _, s := open(t, Options{})
	for _, id := range []string{"", ".", "..", "../x", "a/b", ".hidden", "a\x00", strings.Repeat("a", 129), "ü"} {
		if _, err := s.Start(id, Meta{}); err == nil {
			t.Errorf("%q was taken as a name", id)
		}
	}
	r := start(t, s, "twice")
	if _, err := s.Start("twice", Meta{}); err == nil {
		t.Error("one session has two recordings")
	}
	if err := r.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(context.Background()); err != nil {
		t.Errorf("closing again: %v", err)
	}
}

func FuzzLine(f *testing.F) {
	f.Add([]byte(`[12,"row",{"row":["a",null,{"base64":"AP8="}]}]`))
	f.Add([]byte(`[0,"statement",{"text":"SELECT 1"}]`))
	f.Fuzz(func(t *testing.T, line []byte) {
		dt, e, err := parseLine(line)
		if err != nil {
			return
		}
		again, err := appendLine(nil, dt, e)
		if err != nil {
			t.Fatalf("%s: what was read cannot be written: %v", line, err)
		}
		dt2, e2, err := parseLine(again[:len(again)-1])
		if err != nil || dt2 != dt {
			t.Fatalf("%s: %v", again, err)
		}
		if diff := cmp.Diff(e, e2, cmpopts.EquateEmpty()); diff != "" && !strings.Contains(string(line), `\ud`) {
			t.Errorf("%s changes when written again:\n%s", line, diff)
		}
	})
}

// TestVerifyChecksRecordings holds the two rooms against each other: what a
// gateway writes is whole, and a changed chunk is found by the log's verifier.
func TestVerifyChecksRecordings(t *testing.T) {
	dir := t.TempDir()
	log, err := audit.Open(filepath.Join(dir, "audit"), audit.Options{Origin: "test/rec", SegmentSize: 128 << 10, Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(dir, log, Options{Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	record(t, s, "a")
	if err := errors.Join(s.Close(), log.Close()); err != nil {
		t.Fatal(err)
	}
	check := func() *audit.Report {
		r, err := audit.Verify(log.Dir(), []string{log.VKey()}, audit.VerifyOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if r := check(); !r.OK {
		t.Fatalf("%s", r)
	}
	chunk := filepath.Join(dir, "rec", "a", "3")
	b, err := os.ReadFile(chunk)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 4
	if err := os.WriteFile(chunk, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if r := check(); r.OK || !strings.Contains(r.First().What, "recording a: chunk 3 was changed") {
		t.Errorf("%s", r)
	}
}

func TestStoreCloseEndsRecordings(t *testing.T) {
	_, _, s := open(t, Options{})
	r := start(t, s, "open")
	r.Event(Event{Kind: KindNotice, Text: "hello"})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if events, err := play(s, "open"); err != nil || len(events) != 2 {
		t.Errorf("%d events, %v", len(events), err)
	}
	if _, err := s.Start("late", Meta{}); !errors.Is(err, ErrClosed) {
		t.Errorf("a closed store begins a recording: %v", err)
	}
}
