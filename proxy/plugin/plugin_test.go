package plugin

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"log/slog"
	"os"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
)

const probe = "./testdata/probe"

func probeSpec(t testing.TB, settings string) Spec {
	return Spec{Name: "probe", Wasm: guest(t, probe), Settings: []byte(settings), Grants: []string{"pseudonym"}, Limits: Limits{Instances: 1}}
}

func testRuntime(t testing.TB) *Runtime {
	return newRuntime(t, Options{Pseudonym: func(kind, scope string, value []byte) []byte {
		return []byte(kind + "/" + scope + "/" + string(value[:1]))
	}})
}

func maskOf(t *testing.T, m *Module, b *Batch) []Edit {
	t.Helper()
	e, err := m.Mask(context.Background(), b, nil)
	if err != nil {
		var c *CallError
		errors.As(err, &c)
		t.Fatal(err, c.Detail)
	}
	return e
}

// The shipped plugins load, with their vectors as Wasm.
func TestShippedPlugins(t *testing.T) {
	r := testRuntime(t)
	settings := map[string]string{"jsonmask": `{"paths": ["$.ssn"]}`, "fpe": `{"columns": ["card"]}`}
	grants := map[string][]string{"fpe": {"pseudonym"}}
	for _, name := range []string{"fpe", "jsonmask", "pii", "prompt", "secrets", "shellrisk", "sqlrisk"} {
		m := load(t, r, Spec{Name: name, Wasm: guest(t, "sluice.dev/plugins/"+name), Settings: []byte(settings[name]), Grants: grants[name]})
		if m.Manifest().Name != name || m.Manifest().Vectors == "" {
			t.Errorf("%s: manifest %+v", name, m.Manifest())
		}
	}
}

func TestVectorThatFailsRefusesTheModule(t *testing.T) {
	r := newRuntime(t, Options{})
	w := bytes.Replace(guest(t, "sluice.dev/plugins/pii"), []byte("Wrong check digit: 4111111111111112"), []byte("Wrong check digit: 4111111111111111"), 1)
	_, err := r.Load(context.Background(), Spec{Name: "pii", Wasm: w, Unpinned: true})
	if err == nil || !strings.Contains(err.Error(), "fails its own vector at line") {
		t.Fatal(err)
	}
}

func TestMask(t *testing.T) {
	m := load(t, testRuntime(t), probeSpec(t, `{}`))
	if !m.Can("mask") || !m.Can("pseudonym") || m.Can("log") {
		t.Error("capabilities")
	}
	b := cells("a secret here", "", "none", "secretsecret")
	b.Cells = append(b.Cells, Cell{Null: true})
	prefix := []Edit{{Cell: 99}}
	got, err := m.Mask(context.Background(), b, prefix)
	if err != nil {
		t.Fatal(err)
	}
	want := []Edit{{Cell: 99}, {Cell: 0, From: 2, To: 8, Kind: "word"}, {Cell: 3, From: 0, To: 6, Kind: "word"}, {Cell: 3, From: 6, To: 12, Kind: "word"}}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%+v", got)
	}
	if e := maskOf(t, m, &Batch{}); e != nil {
		t.Fatal(e)
	}
}

func TestReplacements(t *testing.T) {
	r := testRuntime(t)
	b := &Batch{Columns: []Column{{}, {Name: "note", Table: "public.t", Type: "text", Binary: true}}, Cells: []Cell{{Column: 1, Value: []byte("secret and secret")}}, Scope: "s1"}
	for mode, want := range map[string]string{
		"pseudonym": "word/s1/s",
		"erase":     "",
		"column":    "note public.t text true",
		"world":     `1000000000 `, // the clock; what follows is compared between instances below
	} {
		m := load(t, r, probeSpec(t, `{"mode":"`+mode+`"}`))
		e := maskOf(t, m, b)
		if len(e) != 2 || e[1].Replacement == nil || !strings.HasPrefix(string(e[1].Replacement), want) || mode != "world" && string(e[0].Replacement) != want {
			t.Errorf("%s: %v", mode, e)
		}
		if mode == "world" && strings.Contains(string(e[0].Replacement), "=") {
			t.Errorf("an environment: %s", e[0].Replacement)
		}
		m.Close(context.Background())
	}
}

// The same input gives the same output on a fresh instance of a fresh module:
// no clock, no randomness, and a map's order is that of zero seeds.
func TestDeterminism(t *testing.T) {
	for _, mode := range []string{"world", "map"} {
		var first []Edit
		for range 3 {
			m := load(t, testRuntime(t), probeSpec(t, `{"mode":"`+mode+`"}`))
			e := maskOf(t, m, cells("secret"))
			if first == nil {
				first = e
			} else if !reflect.DeepEqual(e, first) {
				t.Fatalf("%s: %v, then %v", mode, first, e)
			}
		}
	}
}

func TestClassifyAndTrigger(t *testing.T) {
	m := load(t, testRuntime(t), probeSpec(t, ``))
	c := &Command{
		Protocol: "postgres", Text: "say secret", Facts: []byte(`{"operations":["select","up\u0064ate"]}`), Groups: []string{"b", "a"},
		Params: []Param{{Null: true}, {Value: []byte("a secret")}, {Binary: true, Value: []byte{1}}},
	}
	got, err := m.Classify(context.Background(), c)
	want := Classification{
		Labels: []string{"binary", "group-a", "group-b", "null", "op-select", "op-update", "postgres"}, Risk: 30, Reason: "it was asked",
		Spans: []Span{{Param: -1, From: 4, To: 10, Kind: "word"}, {Param: 1, From: 0, To: 8}},
	}
	if got.Note == nil {
		t.Error("an answer that is remembered has no note")
	}
	if got.Note = nil; err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("%+v, %v", got, err)
	}
	for decision, want := range map[string]*HoldRequest{`{"allow": true}`: {Approval: "change", Reason: "has the word"}, `{"allow": false}`: nil, ``: nil} {
		h, err := m.Trigger(context.Background(), c, []byte(decision))
		if err != nil || !reflect.DeepEqual(h, want) {
			t.Errorf("%s: %v, %v", decision, h, err)
		}
	}
}

// A long command has fuel by its length, and one over the limit is refused
// without harm to the instance.
func TestLongCommand(t *testing.T) {
	m := load(t, testRuntime(t), probeSpec(t, ``))
	for _, n := range []int{1 << 10, 1 << 16, 1 << 20, 3 << 20} {
		if _, err := m.Classify(context.Background(), &Command{Protocol: "x", Text: strings.Repeat("x", n)}); err != nil {
			t.Fatalf("%d: %v", n, err)
		}
	}
	_, err := m.Classify(context.Background(), &Command{Text: strings.Repeat("x", MaxInput)})
	if KindOf(err) != KindInput || m.Stats().Failures != 0 {
		t.Fatal(err, m.Stats())
	}
}

func TestSettings(t *testing.T) {
	r := testRuntime(t)
	for settings, want := range map[string]string{
		`{"mode":7}`:                 `plugin "probe": settings.mode: got number, want string`,
		`{"word":"too long for it"}`: `plugin "probe": settings.word: maxLength: got 15, want 8`,
		`{"moed":"x"}`:               `plugin "probe": settings.moed: there is no such setting`,
		`{"mode":"refuse"}`:          `plugin "probe": settings.mode: refuse is refused`,
		`[`:                          `plugin "probe": settings: not JSON`,
		`{"mode":"panic"}`:           `plugin "probe": plugin probe trapped: unreachable: panic: settings are wrong`,
	} {
		_, err := r.Load(context.Background(), probeSpecUnpinned(t, settings))
		var le *LoadError
		if !errors.As(err, &le) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v, want %s", settings, err, want)
			continue
		}
		var se *SettingsError
		if errors.As(err, &se) != (le.Attribute == "settings") {
			t.Errorf("%s: attribute %q of %v", settings, le.Attribute, err)
		}
	}
}

func probeSpecUnpinned(t testing.TB, settings string) Spec {
	s := probeSpec(t, settings)
	s.Unpinned = true
	return s
}

func TestTrust(t *testing.T) {
	r := testRuntime(t)
	pub, priv, _ := ed25519.GenerateKey(nil)
	other, _, _ := ed25519.GenerateKey(nil)
	plain := guest(t, probe)
	signed := Sign(plain, priv)
	if again := Sign(signed, priv); !bytes.Equal(again, signed) {
		t.Error("signing twice is not signing once")
	}
	flipped := bytes.Clone(signed)
	flipped[len(plain)/2] ^= 1
	m := load(t, r, probeSpec(t, ``))
	digest := m.Digest()
	spec := func(f func(*Spec)) Spec {
		s := probeSpec(t, ``)
		f(&s)
		return s
	}
	for name, c := range map[string]struct {
		s               Spec
		attribute, says string
	}{
		"pinned":             {spec(func(s *Spec) { s.SHA256 = digest }), "", ""},
		"pinned in capitals": {spec(func(s *Spec) { s.SHA256 = "sha256:" + strings.ToUpper(digest) }), "", ""},
		"wrong pin":          {spec(func(s *Spec) { s.SHA256 = strings.Repeat("0", 64) }), "sha256", "sha256 mismatch: file has " + digest},
		"no pin":             {spec(func(*Spec) {}), "sha256", "nothing pins the module: set sha256 = \"" + digest},
		"signed":             {spec(func(s *Spec) { s.Wasm, s.SignedBy = signed, pub }), "", ""},
		"signed by other":    {spec(func(s *Spec) { s.Wasm, s.SignedBy = signed, other }), "signed_by", "not signed by this key"},
		"not signed":         {spec(func(s *Spec) { s.SignedBy = pub }), "signed_by", "not signed"},
		"changed":            {spec(func(s *Spec) { s.Wasm, s.SignedBy = flipped, pub }), "signed_by", "not signed by this key"},
		"pinned, unsigned":   {spec(func(s *Spec) { s.SHA256, s.SignedBy = digest, pub }), "signed_by", "not signed"},
		"not granted":        {spec(func(s *Spec) { s.SHA256, s.Grants = digest, nil }), "grants", `asks for "pseudonym"`},
	} {
		m, err := r.Load(context.Background(), c.s)
		if c.says == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			m.Close(context.Background())
			continue
		}
		var le *LoadError
		if !errors.As(err, &le) || le.Attribute != c.attribute || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Log lines about settings are kept, lines about data need a grant; neither
// can forge a line or colour a terminal.
func TestLog(t *testing.T) {
	for _, granted := range []bool{false, true} {
		var out bytes.Buffer
		r := newRuntime(t, Options{Logger: slog.New(slog.NewTextHandler(&out, nil)), Pseudonym: func(string, string, []byte) []byte { return nil }})
		s := probeSpec(t, `{"mode":"log"}`)
		if granted {
			s.Grants = append(s.Grants, "log")
		}
		m := load(t, r, s)
		maskOf(t, m, cells(strings.Repeat("secret ", 20)))
		if !strings.Contains(out.String(), `msg="configured with ?[31mcolour" plugin=probe`) {
			t.Error(out.String())
		}
		if n := strings.Count(out.String(), "saw secret"); granted && n != 8 || !granted && n != 0 {
			t.Errorf("granted %v: %d lines of data", granted, n)
		}
		if d := m.Stats().LogsDropped; granted && d != 12 || !granted && d != 20 {
			t.Errorf("granted %v: %d lines dropped", granted, d)
		}
	}
}

// What a module says in a panic or an error stays out of errors and logs.
func TestNoDataInErrors(t *testing.T) {
	var out bytes.Buffer
	r := newRuntime(t, Options{Logger: slog.New(slog.NewTextHandler(&out, nil)), Pseudonym: func(string, string, []byte) []byte { return nil }})
	m := load(t, r, probeSpec(t, `{"mode":"trap"}`))
	_, err := m.Mask(context.Background(), cells("trap"), nil)
	if KindOf(err) != KindTrap || err.Error() != "plugin probe trapped: unreachable" {
		t.Fatal(err)
	}
	m = load(t, r, probeSpec(t, `{"mode":"error"}`))
	_, err = m.Classify(context.Background(), &Command{Text: "4111111111111111"})
	var c *CallError
	if !errors.As(err, &c) || c.Kind != KindReported || c.Detail != "cannot classify 4111111111111111" || err.Error() != "plugin probe reported an error" {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "4111") {
		t.Error(out.String())
	}
}

// A failure is forgotten after a success: only failures in a row quarantine.
func TestFailuresInARow(t *testing.T) {
	m := load(t, testRuntime(t), probeSpec(t, `{"mode":"trap"}`))
	for range 4 {
		for range 2 {
			if _, err := m.Mask(context.Background(), cells("trap"), nil); KindOf(err) != KindTrap {
				t.Fatal(err)
			}
		}
		maskOf(t, m, cells("fine"))
	}
	if s := m.Stats(); s.Failures != 8 || s.Quarantined {
		t.Fatalf("%+v", s)
	}
}

// Long values are cut into windows; a finding is found once, wherever a cut is.
func TestWindows(t *testing.T) {
	m := load(t, testRuntime(t), probeSpec(t, ``))
	step := MaxBatch/2 - 2*64
	long := bytes.Repeat([]byte("."), 3*MaxBatch)
	var want []Edit
	for _, at := range []int{0, step - 70, step - 64, step - 6, step - 3, step + 1000, 2*step - 1, 2*step + 6, 3*step - 3, len(long) - 6} {
		copy(long[at:], "secret")
	}
	for at := 0; ; {
		n := bytes.Index(long[at:], []byte("secret"))
		if n < 0 {
			break
		}
		want = append(want, Edit{Cell: 1, From: uint32(at + n), To: uint32(at + n + 6), Kind: "word"})
		at += n + 6
	}
	b := cells("before", string(long), "a secret after")
	want = append(want, Edit{Cell: 2, From: 2, To: 8, Kind: "word"})
	if got := maskOf(t, m, b); !reflect.DeepEqual(got, want) {
		t.Fatalf("got  %v\nwant %v", got, want)
	}
}

// A batch of more bytes and cells than a call may have is cut, and the edits
// name the batch's cells.
func TestLargeBatch(t *testing.T) {
	m := load(t, testRuntime(t), probeSpec(t, ``))
	b := cells()
	var want []Edit
	for i := range 30_000 {
		v := "filler filler filler"
		if i%1000 == 999 {
			v = "a secret"
			want = append(want, Edit{Cell: uint32(i), From: 2, To: 8, Kind: "word"})
		}
		b.Cells = append(b.Cells, Cell{Value: []byte(v)})
	}
	if got := maskOf(t, m, b); !reflect.DeepEqual(got, want) {
		t.Fatalf("%v", got)
	}
	b.Columns = make([]Column, MaxColumns+1)
	if _, err := m.Mask(context.Background(), b, nil); KindOf(err) != KindInput {
		t.Fatal(err)
	}
	b.Columns, b.Cells[3].Column = b.Columns[:5], 5
	if _, err := m.Mask(context.Background(), b, nil); KindOf(err) != KindInput {
		t.Fatal(err)
	}
}

// Where there is more to find than a call has fuel for, the calls become
// smaller, and the findings are the same.
func TestDenseBatch(t *testing.T) {
	text := strings.Repeat("a secret ", 7000)
	many := cells()
	for range 7000 {
		many.Cells = append(many.Cells, Cell{Value: []byte("a secret ")})
	}
	for name, b := range map[string]*Batch{"one long cell": cells("a secret", text, "a secret"), "many cells": many} {
		want := maskOf(t, load(t, testRuntime(t), probeSpec(t, ``)), b)
		s := probeSpec(t, ``)
		s.Limits.Fuel = 1_000_000
		m := load(t, testRuntime(t), s)
		got, err := m.Mask(context.Background(), b, nil)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, %d findings, want %d", name, err, len(got), len(want))
		}
		if s := m.Stats(); s.Cut == 0 || s.Failures != 0 {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

// A guest that makes much garbage is collected within its memory and fuel.
func TestGarbage(t *testing.T) {
	s := probeSpec(t, `{"mode":"garbage"}`)
	s.Limits.MemoryPages = 160
	m := load(t, testRuntime(t), s)
	for range 500 {
		if e := maskOf(t, m, cells("secret")); len(e) != 1 {
			t.Fatal(e)
		}
	}
	t.Logf("dearest call: %d fuel", m.Stats().MostFuel)
}

// Many callers share few instances, and Close waits for them.
func TestManyCallers(t *testing.T) {
	s := probeSpec(t, ``)
	s.Limits.Instances = 2
	m := load(t, testRuntime(t), s)
	var wg sync.WaitGroup
	errs := make(chan error, 16)
	for range 16 {
		wg.Go(func() {
			for range 50 {
				e, err := m.Mask(context.Background(), cells("a secret"), nil)
				if err == nil && len(e) == 1 {
					continue
				}
				if KindOf(err) != KindClosed {
					errs <- err
				}
				return
			}
		})
	}
	m.Classify(context.Background(), &Command{Text: "x"})
	m.Close(context.Background())
	wg.Wait()
	close(errs)
	for err := range errs {
		t.Error(err)
	}
	if _, err := m.Mask(context.Background(), cells("x"), nil); KindOf(err) != KindClosed || err.Error() != "plugin probe was replaced" {
		t.Fatal(err)
	}
}

// A caller that gives up waiting for an instance is refused.
func TestBusy(t *testing.T) {
	m := load(t, testRuntime(t), probeSpec(t, ``))
	in := <-m.slots
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := m.Mask(ctx, cells("x"), nil)
	m.slots <- in
	if KindOf(err) != KindBusy || m.Stats().Refused != 1 || m.Quarantined() {
		t.Fatal(err)
	}
}

// The second load of a module finds it compiled on disk, under a digest of its
// own for each budget.
func TestCompiledOnDisk(t *testing.T) {
	dir := t.TempDir()
	for range 2 {
		r, err := NewRuntime(context.Background(), Options{CacheDir: dir})
		if err != nil {
			t.Fatal(err)
		}
		m := load(t, r, Spec{Wasm: masker("", constI64(0)).bytes()})
		maskOf(t, m, cells("x"))
		if err := r.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
		n := 0
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			files, _ := os.ReadDir(dir + "/" + e.Name())
			n += len(files)
		}
		if n != 1 {
			t.Fatalf("%d compiled modules, want 1", n)
		}
	}
	if i, err := os.Stat(dir); err != nil || !i.IsDir() {
		t.Fatal(err)
	}
}

// Reloads leave nothing behind: no instance, no compiled code, no memory.
func TestReloads(t *testing.T) {
	r := newRuntime(t, Options{CacheDir: t.TempDir()})
	wasm := masker("", constI64(0)).bytes()
	once := func() {
		m := load(t, r, Spec{Wasm: wasm, Limits: Limits{Instances: 2}})
		maskOf(t, m, cells("x"))
		if err := m.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	heap := func() uint64 {
		runtime.GC()
		runtime.GC()
		var s runtime.MemStats
		runtime.ReadMemStats(&s)
		return s.HeapAlloc
	}
	for range 50 {
		once()
	}
	before := heap()
	for range 1000 {
		once()
	}
	if after := heap(); after > before+1<<20 {
		t.Errorf("the heap grew from %d to %d bytes", before, after)
	}
	if len(r.modules) != 0 {
		t.Errorf("%d modules are left", len(r.modules))
	}
}
