package sdk_test

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
)

var le = binary.LittleEndian

// raw is a module without the gateway, for inputs that the gateway never
// makes.
type raw struct {
	t       *testing.T
	runtime wazero.Runtime
	code    wazero.CompiledModule
	mod     api.Module
	room    uint32 // the input buffer
}

const rawRoom = 4096

func newRaw(t *testing.T, wasm []byte) *raw {
	t.Helper()
	r := &raw{t: t, runtime: wazero.NewRuntimeWithConfig(t.Context(), wazero.NewRuntimeConfig().WithDebugInfoEnabled(false))}
	t.Cleanup(func() { r.runtime.Close(t.Context()) })
	wasi_snapshot_preview1.MustInstantiate(t.Context(), r.runtime)
	_, err := r.runtime.NewHostModuleBuilder("sluice").
		NewFunctionBuilder().WithFunc(func(uint32, uint32, uint32) {}).Export("log").
		NewFunctionBuilder().WithFunc(func(uint32, uint32, uint32, uint32, uint32, uint32) uint32 { return 0 }).Export("pseudonym").
		Instantiate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if r.code, err = r.runtime.CompileModule(t.Context(), wasm); err != nil {
		t.Fatal(err)
	}
	r.start()
	return r
}

// start makes a new instance, whose buffer is full of what a good batch never
// shows.
func (r *raw) start() {
	r.t.Helper()
	if r.mod != nil {
		r.mod.Close(r.t.Context())
	}
	var err error
	if r.mod, err = r.runtime.InstantiateModule(r.t.Context(), r.code, wazero.NewModuleConfig().WithName("").WithStartFunctions("_initialize")); err != nil {
		r.t.Fatal(err)
	}
	r.room = uint32(r.must("sluice_alloc", rawRoom))
	if r.room == 0 {
		r.t.Fatal("sluice_alloc gave 0")
	}
	if got := r.must("sluice_abi"); got != 1 {
		r.t.Fatalf("sluice_abi gave %d", got)
	}
	r.mod.Memory().Write(r.room, []byte("{}"))
	if got := r.must("sluice_configure", uint64(r.room), 2); got != 0 {
		r.t.Fatalf("sluice_configure gave %x", got)
	}
	r.mod.Memory().Write(r.room, bytes.Repeat([]byte(canary), rawRoom/len(canary)))
}

func (r *raw) must(name string, args ...uint64) uint64 {
	r.t.Helper()
	out, err := r.mod.ExportedFunction(name).Call(r.t.Context(), args...)
	if err != nil {
		r.t.Fatal(err)
	}
	return out[0]
}

// call is what an entry makes of an input: a result, or an error, which a trap
// is, too.
func (r *raw) call(name string, input []byte) (result []byte, failed bool) {
	r.t.Helper()
	r.mod.Memory().Write(r.room, input)
	out, err := r.mod.ExportedFunction(name).Call(r.t.Context(), uint64(r.room), uint64(len(input)))
	if err != nil {
		r.start()
		return nil, true
	}
	at, n := uint32(out[0]>>32), uint32(out[0])
	result, ok := r.mod.Memory().Read(at, n&^(1<<31))
	if !ok {
		r.t.Fatalf("%s: a result outside memory: %x", name, out[0])
	}
	result = bytes.Clone(result)
	r.mod.Memory().Write(r.room, bytes.Repeat([]byte(canary), len(input)/len(canary)+1))
	return result, n>>31 != 0
}

const canary = "CANARY--"

// aBatch is written by the page (sdk/ABI.md 5): one column, three cells.
func aBatch() []byte {
	b := make([]byte, 32+28+3*12)
	for i, v := range []uint32{0, 1, 3, 32, 32 + 28} {
		le.PutUint32(b[4*i:], v)
	}
	text := func(at int, s string) {
		le.PutUint32(b[at:], uint32(len(b)))
		le.PutUint32(b[at+4:], uint32(len(s)))
		b = append(b, s...)
	}
	text(32+4, "column")
	text(32+12, "table")
	text(32+20, "type")
	text(60+4, "one")
	le.PutUint32(b[72+8:], 1<<32-1)
	text(84+4, "three")
	return b
}

func aCommand() (b []byte) {
	for _, f := range []struct {
		tag   uint32
		value string
	}{{1, "postgres"}, {2, "SELECT"}, {3, `{"reason":"because"}`}, {4, "group"}, {5, "\x00value"}, {6, ""}, {7, `{"approval":"change"}`}} {
		b = le.AppendUint32(b, f.tag)
		b = le.AppendUint32(b, uint32(len(f.value)))
		b = append(b, f.value...)
	}
	return b
}

// An input that says what is not so is an error, or an answer that shows
// nothing of what lies around it.
func TestSDKsStayInsideTheirInput(t *testing.T) {
	for _, language := range builds {
		t.Run(language, func(t *testing.T) {
			m := newRaw(t, example(t, "sdk/testdata/probe", language))
			got, failed := m.call("sluice_mask", aBatch())
			if failed || !bytes.Contains(got, []byte("0/3 0/1 column|table|type|3")) || !bytes.Contains(got, []byte("2/3 0/1 column|table|type|5")) {
				t.Fatalf("a good batch gives %q, %v", got, failed)
			}
			if got, failed := m.call("sluice_classify", aCommand()); failed || !bytes.Contains(got, []byte("because")) || !bytes.Contains(got, []byte("param0:text:5")) {
				t.Fatalf("a good command gives %q, %v", got, failed)
			}
			if got, failed := m.call("sluice_trigger", aCommand()); failed || !bytes.Contains(got, []byte("change")) {
				t.Fatalf("a good command gives %q, %v", got, failed)
			}
			// Beyond the input lies the buffer's rest, then other memory.
			bad := map[string]func(b []byte){
				"a kind of batch that nobody knows":  func(b []byte) { le.PutUint32(b, 1) },
				"more columns than there are":        func(b []byte) { le.PutUint32(b[4:], 50) },
				"columns whose size overflows":       func(b []byte) { le.PutUint32(b[4:], 1<<32/28+1) },
				"more cells than there are":          func(b []byte) { le.PutUint32(b[8:], 20) },
				"cells whose size overflows":         func(b []byte) { le.PutUint32(b[8:], 1<<32/12+1) },
				"cells behind the end":               func(b []byte) { le.PutUint32(b[16:], uint32(len(b))) },
				"cells at the end of the world":      func(b []byte) { le.PutUint32(b[16:], 1<<32-24) },
				"a value that goes over the end":     func(b []byte) { le.PutUint32(b[84+8:], 6) },
				"a value that begins behind the end": func(b []byte) { le.PutUint32(b[84+4:], uint32(len(b))) },
				"a value whose end overflows":        func(b []byte) { le.PutUint32(b[84+4:], 1<<32-2) },
				"a cell of a column that is not":     func(b []byte) { le.PutUint32(b[84:], 1) },
				"a name that goes over the end":      func(b []byte) { le.PutUint32(b[32+8:], 200) },
			}
			for what, spoil := range bad {
				b := aBatch()
				spoil(b)
				if got, failed := m.call("sluice_mask", b); !failed {
					t.Errorf("%s gives %q", what, got)
				}
			}
			for what, b := range map[string][]byte{
				"a header that ends":     aBatch()[:31],
				"nothing":                {},
				"columns that end":       aBatch()[:40],
				"cells that end":         aBatch()[:90],
				"a last value that ends": aBatch()[:len(aBatch())-1],
			} {
				if got, failed := m.call("sluice_mask", b); !failed {
					t.Errorf("%s: gives %q", what, got)
				}
			}
			for what, b := range map[string][]byte{
				"a field's header that ends": aCommand()[:17],
				"a field that ends":          aCommand()[:20],
				"a field that overflows":     append(aCommand(), 2, 0, 0, 0, 0xf8, 0xff, 0xff, 0xff),
				"a parameter without format": append(aCommand(), 5, 0, 0, 0, 0, 0, 0, 0),
			} {
				for _, entry := range []string{"sluice_classify", "sluice_trigger"} {
					if got, failed := m.call(entry, b); !failed {
						t.Errorf("%s: %s gives %q", what, entry, got)
					}
				}
			}
			r := rand.New(rand.NewPCG(7, 2026))
			for _, entry := range []string{"sluice_mask", "sluice_classify", "sluice_trigger"} {
				answers := 0
				for range 400 {
					b := aCommand()
					if entry == "sluice_mask" {
						b = aBatch()
					}
					size := uint32(len(b))
					for range 1 + r.IntN(3) {
						at := 4 * r.IntN(len(b)/4)
						le.PutUint32(b[at:], []uint32{0, 1, 2, 12, size - 1, size, size + 1, 1 << 31, 1<<32 - 1, 1<<32 - 8, r.Uint32N(300), r.Uint32()}[r.IntN(12)])
					}
					got, failed := m.call(entry, b)
					if !failed {
						answers++
					}
					if bytes.Contains(got, []byte(canary[:6])) {
						t.Fatalf("%s of %q shows what is outside of it: %q", entry, b, got)
					}
				}
				if answers == 0 {
					t.Errorf("%s never answered", entry)
				}
			}
		})
	}
}
