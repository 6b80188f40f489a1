package recording

import (
	"encoding/json"
	"testing"
	"time"
)

// byJSON is the form that appendLine must have.
func byJSON(t testing.TB, dt time.Duration, e *Event) string {
	t.Helper()
	b, err := json.Marshal([]any{max(dt.Microseconds(), 0), e.Kind, e})
	if err != nil {
		t.Fatal(err)
	}
	return string(b) + "\n"
}

func TestEncodeAgainstJSON(t *testing.T) {
	texts := []string{"", "plain", "a\"b\\c/", "<script>&amp;", "\x00\x01\b\t\n\f\r\x1f\x7f", "é€😀", "\u2027\u2028\u2029\u202a", "\xff\xc3", "\xe2\x80", "\xed\xa0\x80", "ends in half \xe2\x80\xa8 \xe2"}
	for _, a := range texts {
		for _, b := range texts {
			e := &Event{
				Kind: a, Command: b, Text: a, Code: b, Ticket: a, Columns: []string{a, b}, Row: []Value{nil, Value(a), Value(b), {}},
				Rows: 1, Bytes: -5, Events: 1 << 60, Cut: len(a) > 3,
			}
			if len(b) > 4 {
				e.Meta = &Meta{Started: time.Unix(1, 2).UTC(), Subject: a, Client: b}
			}
			got, err := appendLine(nil, time.Duration(len(a))*time.Second, e)
			if want := byJSON(t, time.Duration(len(a))*time.Second, e); err != nil || string(got) != want {
				t.Errorf("%v\n got %s\nwant %s", err, got, want)
			}
		}
	}
	if got, _ := appendLine(nil, -1, &Event{Kind: "x"}); string(got) != "[0,\"x\",{}]\n" {
		t.Errorf("an empty event is %s", got)
	}
}

func FuzzEncode(f *testing.F) {
	f.Add("SELECT 1", []byte("a***@example.com"), int64(1))
	f.Add("\xff\u2028<", []byte{0xff, 0}, int64(-1))
	f.Fuzz(func(t *testing.T, text string, cell []byte, n int64) {
		e := &Event{Kind: "row", Text: text, Command: text, Row: []Value{cell, nil}, Columns: []string{string(cell)}, Rows: n}
		got, err := appendLine(nil, time.Second, e)
		if want := byJSON(t, time.Second, e); err != nil || string(got) != want {
			t.Errorf("%v\n got %s\nwant %s", err, got, want)
		}
	})
}

// BenchmarkCommand is what a session pays for a command with one row: three
// events.
func BenchmarkCommand(b *testing.B) {
	r := &Recorder{s: &Store{o: Options{ChunkSize: 64 << 10, MaxQueue: 256 << 10, MaxRows: 100}, waiting: make(map[*Recorder]struct{})}}
	row := []Value{Value("7"), Value("a***@example.com"), nil}
	b.ReportAllocs()
	for b.Loop() {
		r.Event(Event{Kind: KindStatement, Command: "01K3BENCH00000000000000001", Text: "SELECT id, email, note FROM customers WHERE id = $1"})
		r.Event(Event{Kind: KindRow, Command: "01K3BENCH00000000000000001", Row: row})
		r.Event(Event{Kind: KindComplete, Command: "01K3BENCH00000000000000001", Text: "ok", Code: "00000", Rows: 1, Bytes: 91})
		if len(r.buf) > 32<<10 {
			r.buf = r.buf[:0]
		}
	}
}
