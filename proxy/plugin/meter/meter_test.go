package meter

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// corpus is WebAssembly's own specification tests, compiled, as wazero's
// module carries them.
func corpus(t testing.TB) map[string][]byte {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/tetratelabs/wazero").Output()
	if err != nil {
		t.Fatalf("where is wazero's source: %v", err)
	}
	root := filepath.Join(strings.TrimSpace(string(out)), "internal", "integration_test", "spectest")
	files := map[string][]byte{}
	for _, v := range []string{"v1", "v2"} {
		err := filepath.WalkDir(filepath.Join(root, v), func(p string, d fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(p, ".wasm") {
				return err
			}
			b, err := os.ReadFile(p)
			files[v+"/"+filepath.Base(p)] = b
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// outcome is what calling every export with a few arguments gave.
type outcome struct {
	calls, traps int
	text         string
	spent        map[string]bool // the call that it stopped at
}

const budget = 1 << 24

func compile(ctx context.Context, t *testing.T, wasm []byte) (wazero.Runtime, wazero.CompiledModule, error) {
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().WithCoreFeatures(api.CoreFeaturesV2).WithMemoryLimitPages(512))
	t.Cleanup(func() { r.Close(ctx) })
	c, err := r.CompileModule(ctx, wasm)
	return r, c, err
}

var arguments = []uint64{0, 1, 7, 0xff, 0x7fffffff, 0x80000000, 0xffffffff, math.MaxUint64, 1 << 63, math.Float64bits(1.5), uint64(math.Float32bits(2.5))}

// try instantiates a module and calls every export that takes and gives
// numbers. It stops at the first that spends its fuel, or meets a maximum that
// the module as it was does not have.
func try(ctx context.Context, t *testing.T, wasm []byte, exports []Export, metered bool, spent map[string]bool) outcome {
	r, c, err := compile(ctx, t, wasm)
	if err != nil {
		return outcome{text: "does not compile"}
	}
	mod, err := r.InstantiateModule(ctx, c, wazero.NewModuleConfig().WithName("").WithStartFunctions())
	if err != nil {
		first, _, _ := strings.Cut(err.Error(), "\n")
		return outcome{text: "does not instantiate: " + first}
	}
	o := outcome{spent: map[string]bool{}}
	var b strings.Builder
	var fuel, depth, refused api.MutableGlobal
	if metered {
		refused = mod.ExportedGlobal(RefusedGlobal).(api.MutableGlobal)
		fuel, depth = mod.ExportedGlobal(FuelGlobal).(api.MutableGlobal), mod.ExportedGlobal(DepthGlobal).(api.MutableGlobal)
	}
	for _, e := range exports {
		if e.Kind != 0 || bytes.ContainsAny(append(append([]byte{}, e.Params...), e.Results...), string([]byte{tV128, tFunc, tExt})) {
			continue
		}
		for i := range arguments {
			args := make([]uint64, len(e.Params))
			for k, p := range e.Params {
				args[k] = arguments[(i+k*3)%len(arguments)]
				if p == tI32 || p == tF32 {
					args[k] &= 0xffffffff
				}
			}
			key := fmt.Sprint(e.Name, args)
			if spent[key] {
				return outcome{calls: o.calls, traps: o.traps, text: b.String()}
			}
			if metered {
				fuel.Set(budget)
				depth.Set(1 << 12)
			}
			res, err := mod.ExportedFunction(e.Name).Call(ctx, args...)
			if metered && (int64(fuel.Get()) < 0 || int32(depth.Get()) < 0 || refused.Get() != 0) {
				o.spent[key], o.text = true, b.String()
				return o
			}
			o.calls++
			if err != nil {
				o.traps++
				first, _, _ := strings.Cut(err.Error(), "\n")
				fmt.Fprintf(&b, "%s%v: %s\n", e.Name, args, first)
				continue
			}
			if metered && (int64(fuel.Get()) >= budget || int32(depth.Get()) != 1<<12) {
				t.Errorf("%s: fuel is %d less, depth is %d", key, budget-int64(fuel.Get()), int32(depth.Get()))
			}
			for k, x := range res {
				if e.Results[k] == tI32 || e.Results[k] == tF32 {
					res[k] = x & 0xffffffff
				}
			}
			fmt.Fprintf(&b, "%s%v = %x\n", e.Name, args, res)
			if len(e.Params) == 0 {
				break
			}
		}
	}
	o.text = b.String()
	return o
}

// Metering changes no result: every module of the corpus that may be metered
// gives the same as without.
func TestSameAsUnmetered(t *testing.T) {
	ctx := context.Background()
	metered, refused, calls, traps, spent := 0, map[string]int{}, 0, 0, 0
	for name, wasm := range corpus(t) {
		m, err := Rewrite(wasm, Options{})
		if err != nil {
			var me *Error
			if !errors.As(err, &me) {
				t.Fatalf("%s: %v", name, err)
			}
			refused[err.Error()]++
			continue
		}
		if len(m.Imports) > 0 {
			continue
		}
		metered++
		got := try(ctx, t, m.Wasm, m.Exports, true, nil)
		plain := try(ctx, t, wasm, m.Exports, false, got.spent)
		spent += len(got.spent)
		calls += plain.calls
		traps += plain.traps
		if plain.text != got.text {
			t.Errorf("%s: without metering\n%s\nwith\n%s", name, cutTo(plain.text), cutTo(got.text))
		}
	}
	for why, n := range refused {
		t.Log(n, why)
	}
	t.Logf("%d modules metered, %d calls, %d traps, %d without end, %d refused", metered, calls, traps, spent, len(refused))
	if metered < 100 || calls < 5000 || traps < 100 {
		t.Errorf("the corpus is too small to show anything")
	}
}

func cutTo(s string) string { return s[:min(len(s), 2000)] }

// Whatever the bytes are, Rewrite returns an *Error or a module; and what it
// takes compiles just where the module itself does.
func FuzzRewrite(f *testing.F) {
	for _, w := range corpus(f) {
		if len(w) < 4000 {
			f.Add(w)
		}
	}
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter().WithCoreFeatures(api.CoreFeaturesV2).WithMemoryLimitPages(512))
	f.Cleanup(func() { r.Close(ctx) })
	f.Fuzz(func(t *testing.T, wasm []byte) {
		m, err := Rewrite(wasm, Options{})
		if err != nil {
			var me *Error
			if !errors.As(err, &me) {
				t.Fatal(err)
			}
			return
		}
		plain, perr := r.CompileModule(ctx, wasm)
		if perr == nil {
			defer plain.Close(ctx)
		}
		out, err := r.CompileModule(ctx, m.Wasm)
		if err == nil {
			defer out.Close(ctx)
		}
		if perr != nil && strings.Contains(perr.Error(), "custom section") {
			return // metering leaves custom sections out
		}
		if (perr == nil) != (err == nil) {
			t.Fatalf("as it was: %v\nmetered: %v", perr, err)
		}
	})
}

// The price is that of the way taken.
func TestPrice(t *testing.T) {
	ctx := context.Background()
	// (func (param i32) (result i32) (local i32)
	//   loop  local += 3; param -= 1; br_if param != 0  end  local)
	body := "\x01\x01\x7f" + "\x03\x40" + "\x20\x01\x41\x03\x6a\x21\x01" + "\x20\x00\x41\x01\x6b\x22\x00" + "\x0d\x00" + "\x0b" + "\x20\x01" + "\x0b"
	wasm := []byte("\x00asm\x01\x00\x00\x00" + "\x01\x06\x01\x60\x01\x7f\x01\x7f" + "\x03\x02\x01\x00" + "\x07\x05\x01\x01f\x00\x00" + "\x0a" + string([]byte{byte(len(body) + 2), 1, byte(len(body))}) + body)
	m, err := Rewrite(wasm, Options{})
	if err != nil {
		t.Fatal(err)
	}
	r, c, err := compile(ctx, t, m.Wasm)
	if err != nil {
		t.Fatal(err)
	}
	mod, err := r.InstantiateModule(ctx, c, wazero.NewModuleConfig())
	if err != nil {
		t.Fatal(err)
	}
	fuel := mod.ExportedGlobal(FuelGlobal).(api.MutableGlobal)
	for _, n := range []uint64{1, 10, 1000} {
		fuel.Set(100_000)
		res, err := mod.ExportedFunction("f").Call(ctx, n)
		if err != nil || res[0] != 3*n {
			t.Fatal(res, err)
		}
		// Nine instructions each time round, and one behind the loop.
		if spent := 100_000 - int64(fuel.Get()); spent != int64(9*n+1) {
			t.Errorf("%d rounds cost %d", n, spent)
		}
	}
	fuel.Set(9*500 + 1 - 1)
	if _, err := mod.ExportedFunction("f").Call(ctx, 500); err == nil || int64(fuel.Get()) >= 0 {
		t.Errorf("one unit too few was enough: %v", err)
	}
}

// Numbers as the binary format writes them.
func TestNumbers(t *testing.T) {
	for _, v := range []int64{0, 1, -1, 63, 64, -64, -65, math.MaxInt32, math.MinInt32, math.MaxInt64, math.MinInt64} {
		b := appendSigned(nil, v)
		r := &reader{b: b, end: len(b)}
		if got := r.signed(64); got != v || r.more() {
			t.Errorf("%d is read as %d", v, got)
		}
	}
	for _, v := range []uint32{0, 127, 128, math.MaxUint32} {
		b := appendU32(nil, v)
		if !bytes.Equal(b, binary.AppendUvarint(nil, uint64(v))) {
			t.Errorf("%d is written as %x", v, b)
		}
		if got := (&reader{b: b, end: len(b)}).u32(); got != v {
			t.Errorf("%d is read as %d", v, got)
		}
	}
	for _, b := range []string{"", "\x80", "\xff\xff\xff\xff\x10", "\x80\x80\x80\x80\x80\x00"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%x is taken for a number", b)
				}
			}()
			(&reader{b: []byte(b), end: len(b)}).u32()
		}()
	}
	for _, b := range []string{"\xff\xff\xff\xff\x0f", "\x80\x80\x80\x80\x70", "\xff\xff\xff\xff\xff\x00"} {
		func() {
			defer func() { _ = recover() }()
			v := (&reader{b: []byte(b), end: len(b)}).signed(32)
			if b != "\x80\x80\x80\x80\x70" {
				t.Errorf("%x is taken for %d", b, v)
			}
		}()
	}
	v := make([]byte, 5)
	for _, n := range []int64{1, 127, 128, 1 << 20, 1<<34 - 1} {
		patch(v, n)
		if got := (&reader{b: v, end: 5}).signed(64); got != n {
			t.Errorf("%d is patched as %d", n, got)
		}
	}
}
