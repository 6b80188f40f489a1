package plugin

import (
	"bytes"
	"context"
	"strings"
	"testing"
)

// pass sends a stream through in pieces and returns what comes out.
func pass(t *testing.T, m *Module, pieces ...string) string {
	t.Helper()
	s := m.Stream(StreamOptions{Name: "stdout", Type: "terminal"})
	var out []byte
	for _, p := range pieces {
		var err error
		if out, err = s.Feed(context.Background(), out, []byte(p)); err != nil {
			t.Fatal(err)
		}
		if s.Held() > m.Manifest().Reach {
			t.Fatalf("%d bytes are held back, reach is %d", s.Held(), m.Manifest().Reach)
		}
		if most := s.most() + m.Manifest().Reach; cap(s.b) > 4*most {
			t.Fatalf("%d bytes are kept", cap(s.b))
		}
	}
	out, err := s.Finish(context.Background(), out)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func runsSpec(t testing.TB, mode string) Spec {
	return Spec{Name: "runs", Wasm: guest(t, "./testdata/runs"), Settings: []byte(`{"mode":"` + mode + `"}`), Limits: Limits{Instances: 1}}
}

// However a stream is cut, the same comes out: with a module that knows runs,
// and with one that is shown windows.
func TestStreamIsCutAnywhere(t *testing.T) {
	runs := load(t, testRuntime(t), runsSpec(t, ""))
	if !runs.Manifest().Runs {
		t.Fatal("the manifest does not say runs")
	}
	windows := load(t, testRuntime(t), probeSpec(t, ``))
	long := strings.Repeat("x", 200)
	for _, c := range []struct {
		m        *Module
		in, want string
	}{
		{runs, "a key, (a long story with a key) and kekey ke", "a ***, () and ke*** ke"},
		{runs, "(" + long + ")(never closed " + long, "()("},
		{runs, "", ""},
		{windows, "secret " + long + " secretsecret, secre t secre", "*** " + long + " ******, secre t secre"},
		{windows, long + long + "secret", long + long + "***"},
	} {
		if got := pass(t, c.m, c.in); got != c.want {
			t.Errorf("whole: %q, want %q", got, c.want)
		}
		for i := range len(c.in) {
			if got := pass(t, c.m, c.in[:i], c.in[i:]); got != c.want {
				t.Fatalf("cut at %d: %q, want %q", i, got, c.want)
			}
		}
		if got := pass(t, c.m, strings.Split(c.in, "")...); got != c.want {
			t.Errorf("byte by byte: %q, want %q", got, c.want)
		}
	}
}

// What cannot be part of a finding passes at once.
func TestStreamDoesNotWait(t *testing.T) {
	m := load(t, testRuntime(t), runsSpec(t, ""))
	s := m.Stream(StreamOptions{})
	for _, step := range [][2]string{{"login: ", "login: "}, {"(pass", "("}, {"word", ""}, {") ke", ") "}, {"n", "ken"}, {"key", "***"}} {
		out, err := s.Feed(context.Background(), nil, []byte(step[0]))
		if err != nil || string(out) != step[1] {
			t.Fatalf("%q: %q %v, want %q", step[0], out, err, step[1])
		}
	}
}

// Two streams share one instance, and each has its own state.
func TestStreamsDoNotMix(t *testing.T) {
	m := load(t, testRuntime(t), runsSpec(t, ""))
	a, b := m.Stream(StreamOptions{}), m.Stream(StreamOptions{})
	var outA, outB []byte
	var err error
	for _, p := range []string{"(one", " two", ") three "} {
		if outA, err = a.Feed(context.Background(), outA, []byte(p)); err != nil {
			t.Fatal(err)
		}
		if outB, err = b.Feed(context.Background(), outB, []byte("plain ")); err != nil {
			t.Fatal(err)
		}
	}
	if string(outA) != "() three " || string(outB) != "plain plain plain " {
		t.Errorf("%q %q", outA, outB)
	}
}

// A stream longer than any call is cut, also where a call has little fuel.
func TestLongStream(t *testing.T) {
	in := strings.Repeat("a secret and some text. ", 20_000)
	want := strings.ReplaceAll(in, "secret", "***")
	s := probeSpec(t, ``)
	s.Limits.Fuel = 700_000
	for _, spec := range []Spec{probeSpec(t, ``), s} {
		m := load(t, testRuntime(t), spec)
		if got := pass(t, m, in); got != want {
			t.Errorf("%d bytes, want %d", len(got), len(want))
		}
		if st := m.Stats(); spec.Limits.Fuel > 0 && st.Cut == 0 || st.Failures > 0 {
			t.Errorf("%+v", st)
		}
	}
}

// The findings of a stream are the caller's to treat.
func TestStreamApply(t *testing.T) {
	m := load(t, testRuntime(t), probeSpec(t, ``))
	s := m.Stream(StreamOptions{Apply: func(dst, found []byte, e Edit) []byte {
		return append(append(append(dst, e.Kind...), '='), bytes.ToUpper(found)...)
	}})
	out, err := s.Feed(context.Background(), nil, []byte("a secret"))
	if err == nil {
		out, err = s.Finish(context.Background(), out)
	}
	if err != nil || string(out) != "a word=SECRET" {
		t.Fatalf("%q %v", out, err)
	}
	if _, err := s.Feed(context.Background(), nil, []byte("more")); KindOf(err) != KindClosed {
		t.Error(err)
	}
}

// A stream whose module fails ends, and nothing that was held back passes.
func TestHostileStreams(t *testing.T) {
	for mode, want := range map[string]string{
		"holds too much":   "would hold back 17 bytes of a stream, and its reach is 16",
		"carries too much": "would carry 4097 bytes of state, the limit is 4096",
		"fails":            "reported an error",
	} {
		m := load(t, testRuntime(t), runsSpec(t, mode))
		s := m.Stream(StreamOptions{})
		for range 2 {
			out, err := s.Feed(context.Background(), []byte("kept"), []byte("text"))
			if err == nil || !strings.Contains(err.Error(), want) || string(out) != "kept" {
				t.Errorf("%s: %q %v", mode, out, err)
			}
		}
		if _, err := s.Finish(context.Background(), nil); err == nil {
			t.Errorf("%s: it ends well", mode)
		}
		if n := m.Stats().Failures; n != 1 {
			t.Errorf("%s: a dead stream calls again: %d failures", mode, n)
		}
	}
	m := load(t, testRuntime(t), runsSpec(t, "strict"))
	s := m.Stream(StreamOptions{})
	out, err := s.Feed(context.Background(), nil, []byte("a (b"))
	if err != nil || string(out) != "a (" {
		t.Fatalf("%q %v", out, err)
	}
	if _, err := s.Finish(context.Background(), nil); KindOf(err) != KindReported {
		t.Errorf("unterminated: %v", err)
	}
	m = load(t, testRuntime(t), runsSpec(t, "default"))
	if got := pass(t, m, "some key and more that follows it"); got != "some *** and more that follows it" {
		t.Error(got)
	}
	// A module assembled by hand that knows no run and fails on windows.
	hostile := load(t, testRuntime(t), Spec{Wasm: returning(editsOf(1, [4]uint32{0, 0, 99, 0})).bytes()})
	if _, err := hostile.Stream(StreamOptions{}).Feed(context.Background(), nil, []byte("text")); KindOf(err) != KindEdits {
		t.Error(err)
	}
	if _, err := hostile.Mask(context.Background(), cells("x"), nil); KindOf(err) != KindEdits {
		t.Error(err)
	}
}

// Results of a run are decoded without harm.
func FuzzRunResult(f *testing.F) {
	f.Add([]byte("\x01\x00\x00\x00\x02\x00\x00\x00\x28\x00\x00\x00\x01\x00\x00\x00" + editsOf(0, [4]uint32{0, 1, 3, 0})[8:] + "s"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, res []byte) {
		m := &Module{manifest: Manifest{Reach: 8, Kinds: []string{"k"}, Runs: true}}
		s := m.Stream(StreamOptions{})
		s.b, s.own, s.sent = []byte("0123456789abcdef"), 4, 6
		found, open, bad := s.decode(res, &Batch{Columns: []Column{{}}, Cells: []Cell{{Value: s.b}}}, piece{count: 1})
		if bad != "" {
			return
		}
		if open < 0 || open > 8 || len(s.state) > MaxState {
			t.Fatal(open, len(s.state))
		}
		s.release(nil, found, max(len(s.b)-open, s.own))
		if s.sent < s.own || s.sent > len(s.b) {
			t.Fatal(s.sent, s.own)
		}
		s.forget()
	})
}
