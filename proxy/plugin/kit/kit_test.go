package kit

import (
	"bytes"
	"context"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sluice.dev/proxy/plugin"
	"sluice.dev/proxy/plugin/plugintest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newRuntime(t *testing.T) *plugin.Runtime {
	t.Helper()
	dir, err := os.UserCacheDir()
	if err != nil {
		dir = t.TempDir()
	}
	r, err := plugin.NewRuntime(context.Background(), plugin.Options{CacheDir: filepath.Join(dir, "sluice", "wasm-test"),
		Pseudonym: func(kind, _ string, _ []byte) []byte { return []byte(kind) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return r
}

// shipped builds a plugin of this repository.
func shipped(t *testing.T, name string) []byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), name+".wasm")
	cmd := exec.Command("go", "build", "-buildmode=c-shared", "-trimpath", "-ldflags=-s -w", "-o", out, "sluice.dev/plugins/"+name)
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building %s: %v\n%s", name, err, b)
	}
	w, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func open(t *testing.T, wasm []byte) *plugin.Module {
	t.Helper()
	m, err := Open(context.Background(), newRuntime(t), wasm, nil, plugin.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// Shipped plugins conform; modules that misbehave fail at least one check, and
// the check says which.
func TestConformance(t *testing.T) {
	ctx := context.Background()
	r := newRuntime(t)
	settings := map[string][]byte{"jsonmask": []byte(`{"paths": ["$.ssn"]}`)}
	for _, name := range []string{"jsonmask", "pii", "prompt", "secrets", "shellrisk", "sqlrisk"} {
		for _, c := range Conformance(ctx, r, shipped(t, name), settings[name]) {
			if !c.OK {
				t.Errorf("%s: %s: %s", name, c.Name, c.Detail)
			}
		}
	}
	for _, export := range []string{"sluice_mask", "sluice_classify"} {
		for name, wasm := range plugintest.Hostile(export) {
			failed := 0
			for _, c := range Conformance(ctx, r, wasm, nil) {
				if !c.OK {
					failed++
					if c.Detail == "" {
						t.Errorf("%s, %s: %q fails without a word", export, name, c.Name)
					}
				}
			}
			if failed == 0 && name != "edits out of range" { // which is no wrong classification
				t.Errorf("%s: a module that %s conforms", export, name)
			}
		}
	}
	checks := Conformance(ctx, r, []byte("\x00asm\x01\x00\x00\x00"), nil)
	if len(checks) != 1 || checks[0].OK || !strings.Contains(checks[0].Detail, "does not export sluice_") {
		t.Errorf("%+v", checks)
	}
	// One that answers every batch without looking also answers a kind that
	// nobody knows.
	failed := map[string]bool{}
	for _, c := range Conformance(ctx, r, plugintest.Honest("sluice_mask"), nil) {
		failed[c.Name] = !c.OK
	}
	if !failed["sluice_mask fails a batch of unknown kind"] {
		t.Errorf("%v", failed)
	}
}

func TestUnknownFields(t *testing.T) {
	plain := (&plugin.Command{Protocol: "p", Text: "t", Params: []plugin.Param{{Null: true}}}).Encode(0, nil)
	b := withUnknown(plain)
	var tags []uint32
	for len(b) > 0 {
		tags = append(tags, binary.LittleEndian.Uint32(b))
		b = b[8+binary.LittleEndian.Uint32(b[4:]):]
	}
	if len(tags) != 8 || tags[1] != 1 || tags[3] != 2 || tags[5] != 6 {
		t.Error(tags)
	}
}

func TestVectors(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Find(dir); err == nil || !strings.Contains(err.Error(), "build the plugin first") {
		t.Error(err)
	}
	wasm := shipped(t, "pii")
	write("pii.wasm", string(wasm))
	write("vectors.txt", "mask\ntext: ‹email ann@example.com›\n\nmask\ntext: ‹phone ann@example.com›\nnull:\n")
	if err := os.Mkdir(filepath.Join(dir, "vectors"), 0o700); err != nil {
		t.Fatal(err)
	}
	write("vectors/off.txt", "settings: {\"detectors\": [\"card\"]}\n\nmask\ntext: ann@example.com\n")
	f, err := Find(dir)
	if err != nil || len(f.Vectors) != 2 {
		t.Fatal(f, err)
	}
	m := open(t, wasm)
	own := len(m.Manifest().Vectors)
	list, err := Test(context.Background(), m, f.Vectors)
	if err != nil || own == 0 {
		t.Fatal(err, own)
	}
	var bad []Outcome
	for _, o := range list {
		if !o.OK() {
			bad = append(bad, o)
		}
	}
	want := plugin.Difference{What: "cell 1", Want: "‹phone ann@example.com›", Got: "‹email ann@example.com›"}
	if len(bad) != 1 || bad[0].Line != 4 || len(bad[0].Diff) != 1 || bad[0].Diff[0] != want || bad[0].File != f.Vectors[0] {
		t.Fatalf("%+v", bad)
	}
	write("vectors.txt", "mask\nnonsense\n")
	if _, err := Test(context.Background(), m, f.Vectors); err == nil || !strings.Contains(err.Error(), "vectors.txt: line 2") {
		t.Error(err)
	}
	write("other.wasm", "")
	if _, err := Find(dir); err == nil || !strings.Contains(err.Error(), "2 .wasm files") {
		t.Error(err)
	}
}

func TestRun(t *testing.T) {
	m := open(t, shipped(t, "pii"))
	long := strings.Repeat("word ", 30000)
	for name, c := range map[string]struct {
		format, in, out string
		show            bool
		found           int64
	}{
		"csv":           {"csv", "id,note\n1,\"a, ann@example.com\"\n2,\n3,x\n", "id,note\n1,\"a, ***\"\n2,\n3,x\n", false, 1},
		"csv of nobody": {"csv", "", "", false, 0},
		"jsonl":         {"", `{"b": 1.50, "a":"ann@example.com","n":null,"o":{"k":["ann@example.com"]}}` + "\n\n" + `{"other":"é\u0000"}`, `{"b": 1.50, "a": "***", "n": null, "o": {"k":["***"]}}` + "\n" + `{"other": "é\u0000"}` + "\n", false, 2},
		"text":          {"", "mail ann@example.com\r\nnone", "mail ***\nnone\n", false, 1},
		"shown":         {"text", "mail ann@example.com", "mail ‹email ann@example.com›\n", true, 1},
		"long":          {"text", long + "ann@example.com\n" + long, long + "***\n" + long + "\n", false, 1},
	} {
		rows, err := NewRows(strings.NewReader(c.in), c.format, "public.t")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var out bytes.Buffer
		stats, err := Run(context.Background(), m, rows, &out, c.show)
		if err != nil || out.String() != c.out {
			t.Errorf("%s: %v\n%s\nwant\n%s", name, err, out.String(), c.out)
			continue
		}
		found := int64(0)
		for _, n := range stats.Found {
			found += n
		}
		if found != c.found {
			t.Errorf("%s: found %v", name, stats.Found)
		}
	}
	for format, in := range map[string]string{"csv": "a,b\n1\n", "jsonl": "{\"a\":1}\n[1]\n", "xml": ""} {
		rows, err := NewRows(strings.NewReader(in), format, "")
		if err == nil {
			_, err = Run(context.Background(), m, rows, &bytes.Buffer{}, false)
		}
		if err == nil {
			t.Errorf("%s: %q is taken", format, in)
		}
	}
}

func TestJudge(t *testing.T) {
	m := open(t, shipped(t, "sqlrisk"))
	rows, err := NewRows(strings.NewReader("SELECT 1\nDELETE FROM t\n"), "text", "")
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	err = Judge(context.Background(), m, "postgres", rows, func(text string, c plugin.Classification, _ *plugin.HoldRequest) error {
		said = append(said, MarkedCommand(text, c.Spans)+": "+strings.Join(c.Labels, " "))
		return nil
	})
	if err != nil || len(said) != 2 || said[0] != "SELECT 1: " || said[1] != "DELETE FROM t: mass-change" {
		t.Fatalf("%q %v", said, err)
	}
}

// What is measured is told in full; how fast it is, no test says.
func TestBench(t *testing.T) {
	for name, want := range map[string]int{"pii": 2, "sqlrisk": 2} {
		list, err := Bench(context.Background(), open(t, shipped(t, name)), nil, time.Millisecond)
		if err != nil || len(list) != want {
			t.Fatal(name, list, err)
		}
		for _, m := range list {
			if m.Calls == 0 || m.Mean <= 0 || m.FuelKiB <= 0 || m.Dearest <= 0 || m.Longest < m.P99 {
				t.Errorf("%s: %+v", name, m)
			}
		}
	}
	rows, _ := NewRows(strings.NewReader("a\nb\n"), "text", "")
	if b, err := BatchOf(rows); err != nil || len(b.Cells) != 2 {
		t.Error(b, err)
	}
	if _, err := BatchOf(rows); err == nil {
		t.Error("a batch of nothing")
	}
}
