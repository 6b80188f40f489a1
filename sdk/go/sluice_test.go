package sluice

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

func TestValue(t *testing.T) {
	v := Value(` { "a" : [1, "two", {"three": [true, false, null]}, "fo\u0075r \"\\\n"], "b":-12, "n\u00e9":"é", "s":"😀 \ud83d\ude00", "e":{}, "f":[] } `)
	if got := v.Get("a").Strings(); !reflect.DeepEqual(got, []string{"two", "four \"\\\n"}) {
		t.Errorf("%q", got)
	}
	if v.Get("b").Int() != -12 || v.Get("né").String() != "é" || v.Get("s").String() != "😀 😀" {
		t.Error(v.Get("b").Int(), v.Get("né").String(), v.Get("s").String())
	}
	if !v.Get("a").Has("two") || !v.Get("a").Has("four \"\\\n") || v.Get("a").Has("three") {
		t.Error("Has")
	}
	if v.Get("x") != nil || v.Get("a", "x") != nil || v.Get("b").String() != "" || v.Get("a").Int() != 0 || v.Get("e").Bool() {
		t.Error("what is not there")
	}
	n := 0
	v.Get("a").Each(func(_, x Value) bool {
		x.Get("three").Each(func(_, y Value) bool { n++; return true })
		return true
	})
	if n != 3 {
		t.Error(n)
	}
}

// On valid JSON a Value says what encoding/json says; on anything else it ends.
func FuzzValue(f *testing.F) {
	for _, s := range []string{`{"a":[1,{"b":"c"}],"d":true}`, `[`, `{"a"`, `{"a":}`, `"\ud83d"`, `{"a" "b"}`, `,,`, `{]}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v := Value(s)
		count := 0
		v.Each(func(_, x Value) bool {
			count++
			_ = x.String()
			_ = x.Strings()
			return true
		})
		_ = v.Get("a", "b")
		var m map[string]any
		if json.Unmarshal([]byte(s), &m) != nil || m == nil || strings.Contains(s, `\u`) || strings.Count(s, `"a"`) > 1 {
			return
		}
		if want, ok := m["a"].(string); ok && v.Get("a").String() != want && json.Valid([]byte(s)) && !strings.ContainsRune(want, 0xfffd) {
			t.Fatalf("%q: %q, want %q", s, v.Get("a").String(), want)
		}
		if want, ok := m["a"].(bool); ok && v.Get("a").Bool() != want {
			t.Fatalf("%q", s)
		}
	})
}

func TestReadCommand(t *testing.T) {
	var b []byte
	for _, f := range []struct {
		tag uint32
		v   string
	}{{1, "postgres"}, {2, "SELECT 1"}, {99, "new"}, {3, `{"a":1}`}, {4, "g1"}, {4, "g2"}, {5, "\x00text"}, {6, ""}, {5, "\x01bin"}, {7, `{}`}} {
		b = appendField(b, f.tag, f.v)
	}
	var c Command
	for range 2 {
		if !ReadCommand(b, &c) {
			t.Fatal("refused")
		}
		want := Command{Protocol: "postgres", Text: []byte("SELECT 1"), Facts: Value(`{"a":1}`), Groups: []string{"g1", "g2"},
			Params: []Param{{Value: []byte("text")}, {Null: true}, {Binary: true, Value: []byte("bin")}}, Decision: Value(`{}`)}
		if !reflect.DeepEqual(c, want) {
			t.Fatalf("%+v", c)
		}
	}
	for i := range b[:20] {
		if i != 0 && i != 16 && ReadCommand(b[:i], &c) {
			t.Errorf("%d bytes are enough", i)
		}
	}
}
