package wire

import (
	"bytes"
	"testing"
)

// FuzzFrames reads arbitrary bytes as a stream of messages: whatever their
// headers and counts say, nothing outside a message is touched, and what was
// read means the same when it is written again.
func FuzzFrames(f *testing.F) {
	f.Add(Query(nil, "SELECT 1"))
	f.Add(Describe(Poison(nil, "s"), 'P', "p"))
	f.Add([]byte("B\x00\x00\x00\x15\x00s\x00\x00\x01\x00\x01\x00\x01\x00\x00\x00\x01x\x00\x00"))
	f.Add([]byte("P\x00\x00\x00\x10s\x00SELECT\x00\x00\x00"))
	f.Add([]byte("F\x00\x00\x00\x0e\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00"))
	f.Add(AppendRow(nil, [][]byte{nil, {}, []byte("x")}))
	f.Add(AppendNotification(nil, Notification{PID: 1, Channel: "c", Payload: "p"}))
	f.Add([]byte("T\x00\x00\x00\x06\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for len(b) > 0 {
			_, size, err := Header(b)
			if err != nil || len(b) < HeaderSize+size {
				return
			}
			body := b[HeaderSize : HeaderSize+size : HeaderSize+size]
			b = b[HeaderSize+size:]
			if m, err := ReadBind(body); err == nil {
				if len(m.Values) != len(m.Nulls) || len(m.Values) > 65535 {
					t.Fatalf("Bind of %d values, %d nulls", len(m.Values), len(m.Nulls))
				}
				statement, portal, ok := Names('B', body)
				if !ok || statement != m.Statement || portal != m.Portal {
					t.Fatalf("Bind of %q, %q is about %q, %q", m.Statement, m.Portal, statement, portal)
				}
			}
			if m, err := ReadExecute(body); err == nil {
				if _, portal, ok := Names('E', body); !ok || portal != m.Portal {
					t.Fatalf("Execute of %q is about %q", m.Portal, portal)
				}
			}
			if m, err := ReadTarget("Describe", body); err == nil {
				statement, portal, ok := Names('D', body)
				if !ok || m.Kind == 'S' && statement != m.Name || m.Kind == 'P' && portal != m.Name {
					t.Fatalf("Describe of %+v is about %q, %q", m, statement, portal)
				}
			}
			if s, err := ReadQuery(body); err == nil && !bytes.Equal(Query(nil, s)[HeaderSize:], body) {
				t.Fatalf("Query %q is not what it was", s)
			}
			if cells, err := Cells(nil, body); err == nil && !bytes.Equal(AppendRow(nil, cells)[HeaderSize:], body) {
				t.Fatalf("row %q is not what it was", body)
			}
			if n, err := ReadNotification(body); err == nil && !bytes.Equal(AppendNotification(nil, n)[HeaderSize:], body) {
				t.Fatalf("notification %+v is not what it was", n)
			}
			// The others have to end, and not to panic.
			ReadParse(body)          //nolint:errcheck // any answer will do
			ReadFunctionCall(body)   //nolint:errcheck // any answer will do
			ReadRowDescription(body) //nolint:errcheck // any answer will do
			ReadCopyResponse(body)   //nolint:errcheck // any answer will do
		}
	})
}

// FuzzStartup reads arbitrary bytes as a start-up message and its options.
func FuzzStartup(f *testing.F) {
	f.Add(AppendStartup(nil, []Setting{{"user", "a"}, {"database", "b"}, {"options", `-c a=b --c\ d=e`}}))
	f.Add(AppendCode(nil, CodeSSL))
	f.Add(CancelRequest(1, []byte("abcd")))
	f.Add([]byte("\x00\x00\x00\x08\x00\x03\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytes.NewReader(b)
		s, err := ReadStartup(r)
		if err != nil {
			return
		}
		if read := len(b) - r.Len(); read > MaxStartup || read < 8 {
			t.Fatalf("read %d bytes", read)
		}
		for _, p := range s.Params {
			if p.Name == "" {
				t.Fatal("a parameter without a name")
			}
			if p.Name == "options" {
				more, err := ParseOptions(p.Value)
				for _, m := range more {
					if err == nil && m.Name == "" {
						t.Fatal("an option without a name")
					}
				}
			}
		}
		if s.Code == 3<<16 {
			again, err := ParseStartup(AppendStartup(nil, s.Params)[4:])
			if err != nil || len(again.Params) != len(s.Params) {
				t.Fatalf("%+v is not what it was: %v", s.Params, err)
			}
		}
	})
}
