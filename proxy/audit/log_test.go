package audit

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const testOrigin = "test/log/n1"

// quiet keeps the expected complaints of the fault tests out of the output.
func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// roomy is the real file system with free space whatever else the machine
// keeps on it, so that no log warns of it.
type roomy struct{ Files }

func (roomy) Free(string) (free, total uint64, err error) { return 100 << 30, 100 << 30, nil }

func testOptions() Options {
	return Options{Origin: testOrigin, SegmentSize: minSegment, CheckpointEvery: time.Hour, Files: roomy{OS()}, Logger: quiet()}
}

func open(t *testing.T, dir string, o Options) *Log {
	t.Helper()
	l, err := Open(dir, o)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func mustAppend(t *testing.T, l *Log, r *Record) Seq {
	t.Helper()
	s, err := l.Append(r)
	if err != nil {
		t.Fatalf("Append: %v", err)
	}
	return s
}

func intentRecord(i int) *Record {
	return &Record{
		Event: CommandIntent, Session: "01S", SessionSeq: uint64(2*i + 1), Command: fmt.Sprintf("01C%d", i),
		Principal:  Principal{Subject: "agent-7", Issuer: "https://idp.example.com", Groups: []string{"crew"}, Chain: []Hop{{Subject: "analyst-3", Kind: "human", Proof: "token"}}},
		Connection: Connection{Name: "orders", Protocol: "postgres", Database: "orders"},
		Action: Action{Class: "read", Operations: []string{"select"}, Reads: []string{"public.customers"},
			Columns: []string{"public.customers.id", "public.customers.name"}, Filters: []string{"public.customers.id"}, Own: []string{"reads_protected_relation"}, FactsKept: FactsWhole, Text: "SELECT name FROM customers WHERE id = $1", Complete: true},
		Decision: Decision{Verdict: Allow, Policies: []string{"agents"}},
	}
}

func resultRecord(i int) *Record {
	return &Record{
		Event: CommandResult, Session: "01S", SessionSeq: uint64(2*i + 2), Command: fmt.Sprintf("01C%d", i),
		Result: Result{Outcome: OK, Code: "00000", Rows: int64(i), DurationUS: 120},
	}
}

// fill writes n commands with their outcomes and waits for them.
func fill(t *testing.T, l *Log, from, n int) {
	t.Helper()
	var last Seq
	for i := from; i < from+n; i++ {
		mustAppend(t, l, intentRecord(i))
		last = mustAppend(t, l, resultRecord(i))
	}
	if err := l.Wait(context.Background(), last); err != nil {
		t.Fatal(err)
	}
}

func TestAppendWaitReopen(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, testOptions())
	fill(t, l, 0, 1000)
	if got := l.Durable(); got != 2001 {
		t.Fatalf("Durable = %d, want 2001 (log.create and 1000 commands)", got)
	}
	if err := l.Checkpoint(context.Background()); err != nil {
		t.Fatal(err)
	}
	if got := l.Stats().Signed; got != 2001 {
		t.Fatalf("signed %d records, want 2001", got)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(intentRecord(0)); err == nil {
		t.Fatal("a closed log took a record")
	}
	l = open(t, dir, testOptions())
	fill(t, l, 1000, 10)
	if got := l.Durable(); got != 2001+1+1+20 { // log.stop, log.open
		t.Fatalf("Durable = %d after a second opening, want 2023", got)
	}
}

func TestSecondOpenerIsRefused(t *testing.T) {
	dir := t.TempDir()
	open(t, dir, testOptions())
	if l, err := Open(dir, testOptions()); err == nil {
		l.Close()
		t.Fatal("two logs in one directory")
	} else if !strings.Contains(err.Error(), "in use by another process") {
		t.Fatalf("the refusal does not say why: %v", err)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for name, change := range map[string]func(*Options){
		"no origin":        func(o *Options) { o.Origin = "" },
		"tiny segments":    func(o *Options) { o.SegmentSize = minSegment - block },
		"huge segments":    func(o *Options) { o.SegmentSize = maxSegment + block },
		"odd segments":     func(o *Options) { o.SegmentSize = minSegment + 1 },
		"time runs back":   func(o *Options) { o.CheckpointEvery = -time.Second },
		"negative queue":   func(o *Options) { o.MaxQueue = -1 },
		"negative ballast": func(o *Options) { o.Ballast = -1 },
		"half a key":       func(o *Options) { o.Key = make([]byte, 16) },
	} {
		o := testOptions()
		change(&o)
		if l, err := Open(t.TempDir(), o); err == nil {
			l.Close()
			t.Errorf("%s: the log was opened", name)
		}
	}
}
