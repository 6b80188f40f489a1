package audit

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/gowebpki/jcs"
)

// oracle writes a record by encoding/json and the jcs package, which share no
// code with the encoder.
func oracle(t *testing.T, r *Record, s *stamp) []byte {
	t.Helper()
	// the times need their six decimals, the log its own members
	m := toMap(t, r)
	m["time"] = r.Time.UTC().Format(timeLayout)
	if a, ok := m["approval"].(map[string]any); ok && !r.Approval.Expires.IsZero() {
		a["expires"] = r.Approval.Expires.UTC().Format(timeLayout)
	}
	m["log"], m["mono"], m["v"] = s.origin, s.mono, 1
	if s.elided.size > 0 {
		m["elided"] = map[string]any{"object": s.elided.object, "size": s.elided.size}
	}
	plain, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	out, err := jcs.Transform(plain)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func toMap(t *testing.T, v any) map[string]any {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(&m); err != nil {
		t.Fatal(err)
	}
	return m
}

var alphabet = []string{"a", "Z", "0", `"`, `\`, "/", "<", "&", "\b", "\t", "\n", "\f", "\r", "\x00", "\x1f", "\x7f", "é", "e\u0301", "\u2028", "\ufeff", "\ue000", "\uffff", "𝄞", "😀", " "}

func randomText(rng *rand.Rand) string {
	var b strings.Builder
	for range 1 + rng.IntN(6) {
		b.WriteString(alphabet[rng.IntN(len(alphabet))])
	}
	return b.String()
}

// randomize fills every field of a record, so that a field that is added and
// forgotten in the encoder is found.
func randomize(rng *rand.Rand, v reflect.Value, often int) {
	switch v.Kind() {
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			if rng.IntN(often) > 0 {
				v.Set(reflect.ValueOf(time.UnixMicro(rng.Int64N(1 << 52)).UTC()))
			}
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).Tag.Get("json") == "-" {
				continue // it goes to an object
			}
			randomize(rng, v.Field(i), often)
		}
	case reflect.String:
		if rng.IntN(often) > 0 {
			v.SetString(randomText(rng))
		}
	case reflect.Int64:
		if rng.IntN(often) > 0 {
			v.SetInt(rng.Int64N(maxInteger) - maxInteger/2)
		}
	case reflect.Uint64:
		if rng.IntN(often) > 0 {
			v.SetUint(rng.Uint64N(maxInteger))
		}
	case reflect.Bool:
		v.SetBool(rng.IntN(often) > 0)
	case reflect.Slice:
		if rng.IntN(often) > 0 {
			n := 1 + rng.IntN(3)
			v.Set(reflect.MakeSlice(v.Type(), n, n))
			for i := range n {
				randomize(rng, v.Index(i), often)
			}
		}
	case reflect.Map:
		if rng.IntN(often) > 0 {
			v.Set(reflect.MakeMap(v.Type()))
			for range 1 + rng.IntN(20) {
				v.SetMapIndex(reflect.ValueOf(randomText(rng)), reflect.ValueOf(randomText(rng)))
			}
		}
	default:
		panic("a record got a field of kind " + v.Kind().String() + ": teach the encoder and this test")
	}
}

// TestPlain has every byte at every place of a short string.
func TestPlain(t *testing.T) {
	for n := range 20 {
		for at := range n {
			for c := range 256 {
				b := []byte(strings.Repeat(" ", n))
				b[at] = byte(c)
				want := c >= 0x20 && c < 0x80 && c != '"' && c != '\\'
				if got := plain(string(b)); got != want {
					t.Fatalf("plain(%q) = %t", b, got)
				}
			}
		}
	}
}

func TestEncodeAgainstJCS(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 1))
	for i := range 3000 {
		var r Record
		randomize(rng, reflect.ValueOf(&r).Elem(), 2+i%4*100) // sparse ones and full ones
		if r.Event == "" {
			r.Event = "e"
		}
		if r.Time.IsZero() {
			r.Time = time.UnixMicro(1)
		}
		s := stamp{origin: testOrigin, mono: rng.Int64N(1 << 50)}
		if i%3 == 0 {
			s.elided = oversize{"sha256:00", 70000}
		}
		got, err := appendRecord(nil, &r, &s)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if want := oracle(t, &r, &s); !bytes.Equal(got, want) {
			t.Fatalf("seed %d:\ngot  %s\nwant %s", seed, got, want)
		}
		if err := checkCanonical(got, nil); err != nil {
			t.Fatalf("seed %d: %v: %s", seed, err, got)
		}
		e, err := Decode(1, got)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(r, e.Record, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("seed %d: decoding does not give the record back:\n%s", seed, diff)
		}
	}
}

func TestNotUTF8(t *testing.T) {
	bad := "SELECT '\xff\xfe'"
	r := Record{Event: "e", Session: "01S", Action: Action{Text: bad, Reads: []string{"a", bad}}, Detail: map[string]string{"k": bad}}
	b := rawRecord(t, testOrigin, &r)
	if !utf8.Valid(b) {
		t.Fatal("the record is not UTF-8")
	}
	form := `{"base64":"` + base64.StdEncoding.EncodeToString([]byte(bad)) + `"}`
	if n := strings.Count(string(b), form); n != 3 {
		t.Errorf("%d values in base64, want 3: %s", n, b)
	}
	if err := checkCanonical(b, nil); err != nil {
		t.Error(err)
	}
	if _, err := Decode(1, b); err != nil {
		t.Error(err)
	}
	// a text that looks like the mark is only text
	r.Action.Text = form
	r.Detail, r.Action.Reads = nil, nil
	e, err := Decode(1, rawRecord(t, testOrigin, &r))
	if err != nil || e.Action.Text != form {
		t.Errorf("%q reads back as %q (%v)", form, e.Action.Text, err)
	}
}

func TestEncodeRefuses(t *testing.T) {
	for name, r := range map[string]Record{
		"no event":        {},
		"a large integer": {Event: "e", Result: Result{Rows: maxInteger + 1}},
		"a large number":  {Event: "e", SessionSeq: maxInteger + 1},
		"a bad key":       {Event: "e", Detail: map[string]string{"\xff": "x"}},
		"the mark":        {Event: "e", Detail: map[string]string{"base64": "x"}},
		"a far year":      {Event: "e", Time: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)},
	} {
		if _, err := appendRecord(nil, &r, &stamp{origin: testOrigin, now: time.Now()}); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

func TestLargeRecords(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, testOptions())
	huge := strings.Repeat("\x01", 10<<20)
	var names []string
	for range 500 {
		names = append(names, "public."+strings.Repeat("\x02", 200))
	}
	detail := map[string]string{}
	for _, n := range names[:100] {
		detail[n+randomText(rand.New(rand.NewPCG(1, uint64(len(detail)))))] = n
	}
	full := Record{
		Event: CommandDeny, Session: "01S", Command: "01C", Detail: detail,
		Principal:  Principal{Subject: huge[:1<<16], Groups: names, Kinds: names, Chain: make([]Hop, 1000)},
		Client:     Client{Application: huge[:1<<16]},
		Connection: Connection{Name: huge[:1<<16]},
		Action:     Action{Text: huge, Reads: names, Writes: names, Labels: names, Operations: names, Functions: names, Flags: names},
		Decision:   Decision{Verdict: Deny, Reasons: names, Policies: names, Masks: names, Shadow: names, Hint: huge[:1<<16]},
		Approval:   Approval{Reason: huge[:1<<16]},
		Config:     Config{Objects: map[string]string{}},
	}
	for i := range full.Principal.Chain {
		full.Principal.Chain[i] = Hop{Subject: names[0], Issuer: names[0], Kind: names[0], Proof: names[0]}
	}
	for _, n := range []int{MaxText, MaxText + 1, 65535, 65536, len(huge)} {
		r := Record{Event: CommandDeny, Command: "01D", Action: Action{Text: strings.Repeat("ü", n/2)}}
		mustAppend(t, l, &r)
	}
	s := mustAppend(t, l, &full)
	if err := l.Wait(context.Background(), s); err != nil {
		t.Fatal(err)
	}
	l.Close()
	if r := verify(t, dir, l.VKey()); !r.OK {
		t.Fatalf("%s", r)
	}
	texts := 0
	err := Scan(dir, func(s Seq, raw []byte) error {
		e, err := Decode(s, raw)
		if err != nil {
			return err
		}
		if len(raw) > MaxRecord {
			t.Errorf("record %d has %d bytes", s-1, len(raw))
		}
		if e.Action.TextObject != "" {
			texts++
			b, err := ReadObject(dir, e.Action.TextObject)
			if err != nil {
				return err
			}
			if int64(len(b)) != e.Action.TextSize || !bytes.HasPrefix(b, []byte(strings.TrimRight(e.Action.Text, "\uFFFD"))) {
				t.Errorf("record %d: the object is not its text", s-1)
			}
		}
		if e.Command == "01C" {
			whole, err := ReadObject(dir, e.Elided.Object)
			if err != nil {
				return err
			}
			w, err := Decode(s, whole)
			if err != nil || len(w.Action.Reads) != len(names) || e.Decision.Verdict != Deny {
				t.Errorf("the whole record is not in its object: %v", err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if texts < 4 {
		t.Errorf("%d texts in objects, want at least 4", texts)
	}
	if _, err := l.Object("config", make([]byte, MaxObject+1)); err == nil {
		t.Error("an object beyond the limit was taken")
	}
}

// FuzzCanonical holds the checker against jcs: what it accepts, jcs leaves as
// it is.
func FuzzCanonical(f *testing.F) {
	f.Add([]byte(`{"a":1,"b":{"c":[true,null,"x"]}}`))
	f.Add([]byte(`{"\u0000":"\\"}`))
	f.Add([]byte("{\"\uffff\":1,\"𝄞\":2}"))
	f.Add([]byte("{\"𝄞\":1,\"\uffff\":-2}"))
	f.Add([]byte(`{"a":-0}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		err := checkCanonical(b, func(_, _, _ []byte) {})
		want, jcsErr := jcs.Transform(b)
		if err == nil {
			if jcsErr != nil || !bytes.Equal(want, b) {
				t.Errorf("%q was taken, jcs gives %q, %v", b, want, jcsErr)
			}
			return
		}
		if !errors.Is(err, errNotCanonical) {
			t.Errorf("%v is not errNotCanonical", err)
		}
	})
}

// FuzzEncode puts any bytes into a record.
func FuzzEncode(f *testing.F) {
	f.Add("a", "b", "c", int64(1))
	f.Add("\xff", "\u2028", "{\"base64\":\"", int64(-1))
	f.Fuzz(func(t *testing.T, text, name, key string, n int64) {
		r := Record{Event: "e", Session: name, Time: time.UnixMicro(1).UTC(), Action: Action{Text: text, Reads: []string{name, text}}, Result: Result{Rows: n}, Detail: map[string]string{key: text, "a": name}}
		s := stamp{origin: testOrigin}
		b, err := appendRecord(nil, &r, &s)
		if err != nil {
			return
		}
		if err := checkCanonical(b, nil); err != nil {
			t.Fatalf("%v: %q", err, b)
		}
		e, err := Decode(1, b)
		if err != nil {
			t.Fatalf("%v: %q", err, b)
		}
		if utf8.ValidString(text) && utf8.ValidString(name) {
			if want := oracle(t, &r, &s); !bytes.Equal(b, want) {
				t.Fatalf("got %s want %s", b, want)
			}
			if e.Action.Text != text || e.Session != name {
				t.Fatalf("%q reads back as %q", text, e.Action.Text)
			}
		}
	})
}
