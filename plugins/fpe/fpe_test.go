package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"sluice.dev/plugins/internal/plugintest"
	keys "sluice.dev/proxy/mask"
	"sluice.dev/proxy/plugin"
	sluice "sluice.dev/sdk/go"
)

var (
	key    = keys.NewKey([]byte("the key of a test host"))
	column = plugin.Column{Name: "card", Table: "public.people", Type: "text"}
)

// host is the gateway's pseudonym, with a key of the tests.
func host(kind, scope string, value []byte) []byte {
	return []byte(key.Pseudonym(kind+"\x00"+scope, value))
}

func TestMain(m *testing.M) {
	prf = func(dst []byte, kind string, value []byte) ([]byte, bool) {
		return append(dst, host(kind, "", value)...), true
	}
	os.Exit(m.Run())
}

// The vectors, natively; proxy/plugin's tests run them as Wasm.
func TestVectors(t *testing.T) { plugintest.Vectors(t, vectors, 3) }

// keyed has tokens of the test host's key. They must never change.
var keyed = []struct{ settings, value, token string }{
	{`{"columns":["card"]}`, "4111 1111 1111 1111", "4367 4230 9445 5580"},
	{`{"columns":["card"],"luhn":true}`, "4111-1111-1111-1111", "4914-2229-3944-7899"},
	{`{"columns":["card"],"keep_first":4,"keep_last":4}`, "4111111111111111", "4111407712431111"},
	{`{"columns":["card"],"alphabet":"alphanumeric"}`, "Ab-1234/xyZ", "Is-3349/ncF"},
	{`{"columns":["card"],"tweak":"other"}`, "4111 1111 1111 1111", "2267 9134 8482 4819"},
	{`{"columns":["card"]}`, "123456789012345678901234567890", "870527795333242522067677785841"},
}

func TestKeyed(t *testing.T) {
	for _, c := range keyed {
		plugintest.Configure(t, c.settings)
		got := plugintest.Mask(t, column, []byte(c.value))
		if len(got) != 1 || string(got[0].With) != c.token {
			t.Errorf("%s of %q: %+v", c.settings, c.value, plugintest.Show([]byte(c.value), got))
		}
	}
}

// The module itself, metered, gives the same tokens as the code here.
func TestModule(t *testing.T) {
	out := filepath.Join(t.TempDir(), "fpe.wasm")
	cmd := exec.Command("go", "build", "-buildmode=c-shared", "-trimpath", "-ldflags=-s -w", "-o", out, ".")
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	wasm, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	cache = filepath.Join(cache, "sluice", "wasm-test") // compiling takes a second
	ctx := context.Background()
	r, err := plugin.NewRuntime(ctx, plugin.Options{Pseudonym: host, CacheDir: cache})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close(ctx)
	for _, c := range keyed {
		m, err := r.Load(ctx, plugin.Spec{Name: "fpe", Wasm: wasm, Unpinned: true, Grants: []string{"pseudonym"}, Settings: []byte(c.settings), Limits: plugin.Limits{Instances: 1}})
		if err != nil {
			t.Fatal(err)
		}
		b := &plugin.Batch{Columns: []plugin.Column{column}}
		for range 1000 {
			b.Cells = append(b.Cells, plugin.Cell{Value: []byte(c.value)})
		}
		// More values than a call has fuel for tokens: the rest has none.
		for i := range 400 {
			b.Cells = append(b.Cells, plugin.Cell{Value: []byte(c.value[:len(c.value)-4] + string([]byte{'0' + byte(i/100), '0' + byte(i/10%10), '0' + byte(i%10), '7'}))})
		}
		edits, err := m.Mask(ctx, b, nil)
		if err != nil {
			t.Fatal(err)
		}
		made := 0
		for _, e := range edits {
			if e.Replacement != nil {
				made++
			}
		}
		if len(edits) != 1400 || string(edits[0].Replacement) != c.token || string(edits[999].Replacement) != c.token || made < 1005 || made == 1400 {
			t.Errorf("%s: %d edits, %d tokens, the first %q, want %q", c.settings, len(edits), made, edits[0].Replacement, c.token)
		}
		t.Logf("%s: %d tokens, dearest call %d fuel", c.settings, made-999, m.Stats().MostFuel)
		if err := m.Close(ctx); err != nil {
			t.Fatal(err)
		}
	}
}

// undo decrypts: that it can shows that no two values share a token.
func (n *number) undo(t *testing.T) {
	for r := rounds - 1; r >= 0; r-- {
		h := r & 1
		f, ok := n.round(r, h)
		if !ok {
			t.Fatal("no round")
		}
		if n.digits[h] < f {
			n.digits[h] += n.size[h]
		}
		n.digits[h] -= f
	}
	n.write()
}

func FuzzToken(f *testing.F) {
	f.Add([]byte("4111 1111 1111 1111"), uint8(0))
	f.Add([]byte("Ab-1234/xyZ €"), uint8(1))
	f.Add([]byte("4111-1111-1111-1112"), uint8(2))
	f.Add([]byte("123456789012345678901234567890"), uint8(3<<2))
	f.Fuzz(func(t *testing.T, v []byte, mode uint8) {
		m := tokens{letters: mode&3 == 1, luhn: mode&3 == 2, first: int(mode >> 2 & 3)}
		n, _, fit := m.prepare(v)
		if !fit {
			return
		}
		out, ok := n.encrypt()
		if !ok || len(out) != len(v) {
			t.Fatalf("%q: %q", v, out)
		}
		for i := range v {
			if radix(v[i]) != radix(out[i]) || radix(v[i]) == 0 && v[i] != out[i] || radix(v[i]) == 26 && v[i]&0x20 != out[i]&0x20 {
				t.Fatalf("%q becomes %q", v, out)
			}
		}
		back, _, fit := m.prepare(out)
		if !fit {
			t.Fatalf("%q does not fit", out)
		}
		if back.last != n.last {
			t.Fatalf("the check digit of %q is %d off, of %q %d", v, n.last, out, back.last)
		}
		if back.undo(t); !bytes.Equal(back.value, v) {
			t.Fatalf("%q becomes %q and that %q", v, out, back.value)
		}
	})
}

func TestSettings(t *testing.T) {
	if err := configure(sluice.Value(`{"columns":["a"],"luhn":true,"keep_last":4}`)); err == nil {
		t.Fatal("a kept check digit is taken")
	}
}
