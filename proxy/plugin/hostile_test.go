package plugin

import (
	"context"
	"errors"
	"strings"
	"testing"
)

func cells(values ...string) *Batch {
	b := &Batch{Columns: []Column{{Name: "note", Type: "text"}}}
	for _, v := range values {
		b.Cells = append(b.Cells, Cell{Value: []byte(v)})
	}
	return b
}

// recursion calls itself with a live value around the call, so that no
// compiler could make a loop of it.
func recursion() *module {
	m := newModule().plugin(maskManifest)
	self := len(m.imports) + len(m.funcs)
	m.function("", i32, i32, "", getLocal(0)+getLocal(0)+call(self)+"\x6a")
	m.function("sluice_mask", i32+i32, i64, "", constI32(1)+call(self)+opDrop+constI64(0))
	return m
}

// indirect is recursion through a table.
func indirect() *module {
	m := newModule().plugin(maskManifest)
	m.table = []byte{0, 1}
	self := m.function("sluice_mask", i32+i32, i64, "", getLocal(0)+getLocal(1)+constI32(0)+"\x11"+leb(m.kind(i32+i32, i64))+"\x00")
	m.raw[9] = []byte("\x01\x00" + constI32(0) + opEnd + "\x01" + leb(self))
	return m
}

const grow = "\x40\x00"

// What a module may do wrong while it is called, and how the call ends.
func TestHostileCalls(t *testing.T) {
	r := newRuntime(t, Options{CacheDir: t.TempDir()})
	fill := func(bytes int) string { return constI32(0) + constI32(7) + constI32(bytes) + "\xfc\x0b\x00" }
	copying := constI32(0) + constI32(1) + constI32(65536) + "\xfc\x0a\x00\x00"
	for name, c := range map[string]struct {
		m    *module
		kind Kind
		says string
	}{
		"loops for ever":        {masker("", loop(br(0))+constI64(0)), KindFuel, "plugin test ran out of fuel"},
		"loops and works":       {masker(i32, loop(getLocal(2)+constI32(1)+"\x6a"+setLocal(2)+br(0))+constI64(0)), KindFuel, "ran out of fuel"},
		"loops by br_table":     {masker("", "\x03\x40\x02\x40"+getLocal(0)+"\x0e\x01\x00\x00"+opEnd+br(0)+opEnd+constI64(0)), KindFuel, "ran out of fuel"},
		"loops at its header":   {masker("", "\x03\x40\x02\x40"+constI32(1)+"\x0e\x01\x00\x01"+opEnd+opEnd+constI64(0)), KindFuel, "ran out of fuel"},
		"fills in a storm":      {masker("", loop(fill(65536)+br(0))+constI64(0)), KindFuel, "ran out of fuel"},
		"copies in a storm":     {masker("", loop(copying+br(0))+constI64(0)), KindFuel, "ran out of fuel"},
		"divides in a storm":    {masker(i64, loop(constI64(7)+constI64(3)+"\x7f"+opDrop+br(0))+constI64(0)), KindFuel, "ran out of fuel"},
		"recurs":                {recursion(), KindDepth, "plugin test nested its calls deeper than 2000"},
		"recurs by a table":     {indirect(), KindDepth, "nested its calls deeper"},
		"traps":                 {masker("", opUnreachable), KindTrap, "plugin test trapped: unreachable"},
		"divides by zero":       {masker("", constI32(1)+constI32(0)+"\x6d"+opDrop+constI64(0)), KindTrap, "integer divide by zero"},
		"reads outside":         {masker("", constI32(-8)+"\x28\x02\x00"+opDrop+constI64(0)), KindTrap, "out of bounds memory access"},
		"asks for 4 GB":         {masker("", constI32(65535)+grow+constI32(-1)+"\x46\x04\x40"+opUnreachable+opEnd+constI64(0)), KindMemory, "asked for more memory than its limit of 32768 KiB"},
		"grows for ever":        {masker("", loop(constI32(1)+grow+opDrop+br(0))+constI64(0)), KindFuel, "ran out of fuel"},
		"result outside":        {masker("", constI64(-16)), KindABI, "returned 2147483632 bytes, the limit is 1048576"},
		"result past the end":   {masker("", constI64((131072-8)<<32|16)), KindABI, "outside its memory"},
		"huge result":           {masker("", constI64(2<<20)), KindABI, "returned 2097152 bytes, the limit is 1048576"},
		"reports an error":      {returning("my secret is 4111111111111111").reporting(), KindReported, "plugin test reported an error"},
		"edits end early":       {returning("\x01\x00\x00"), KindEdits, "end early"},
		"edits lie about count": {returning(editsOf(3, [4]uint32{0, 0, 1, 0})), KindEdits, "returned 3 edits in 32 bytes"},
		"edits by the billion":  {returning(editsOf(1 << 30)), KindEdits, "returned 1073741824 edits, the limit is"},
		"edit of no cell":       {returning(editsOf(1, [4]uint32{2, 0, 1, 0})), KindEdits, "edit 0 is in cell 2 of 2"},
		"edit past the cell":    {returning(editsOf(1, [4]uint32{1, 3, 6, 0})), KindEdits, "bytes 3 to 6, and cell 1 has 5"},
		"edit backwards":        {returning(editsOf(1, [4]uint32{1, 3, 2, 0})), KindEdits, "bytes 3 to 2"},
		"edit of nothing":       {returning(editsOf(1, [4]uint32{1, 3, 3, 0})), KindEdits, "bytes 3 to 3"},
		"edits overlap":         {returning(editsOf(2, [4]uint32{0, 0, 3, 0}, [4]uint32{0, 2, 4, 0})), KindEdits, "out of order or overlaps"},
		"edits out of order":    {returning(editsOf(2, [4]uint32{1, 0, 1, 0}, [4]uint32{0, 2, 4, 0})), KindEdits, "out of order or overlaps"},
		"edit of unknown kind":  {returning(editsOf(1, [4]uint32{0, 0, 1, 1})), KindEdits, "of kind 1, and the manifest has 1"},
		"replacement outside":   {returning(editsOf(1, [4]uint32{0, 0, 1, 0})[:28] + "\x00\x10\x00\x00"), KindEdits, "outside the result"},
	} {
		t.Run(name, func(t *testing.T) {
			m := load(t, r, Spec{Wasm: c.m.bytes(), Limits: Limits{Instances: 1}})
			defer m.Close(context.Background())
			b := cells("first", "other")
			for range 2 { // the second call has a fresh instance
				dst, err := m.Mask(context.Background(), b, nil)
				var ce *CallError
				if !errors.As(err, &ce) || ce.Kind != c.kind || !strings.Contains(err.Error(), c.says) {
					t.Fatalf("got %v (%s), want %s: %s", err, KindOf(err), c.kind, c.says)
				}
				if len(dst) != 0 {
					t.Fatalf("edits came with an error: %v", dst)
				}
				if strings.Contains(err.Error(), "4111") {
					t.Fatal("the error quotes the module's text")
				}
			}
			if _, err := m.Mask(context.Background(), b, nil); err == nil {
				t.Fatal("no error")
			}
			if _, err := m.Mask(context.Background(), b, nil); KindOf(err) != KindQuarantine {
				t.Fatalf("after three failures: %v", err)
			}
			if s := m.Stats(); s.Failures != 3 || s.Refused != 1 || !s.Quarantined {
				t.Fatalf("%+v", s)
			}
		})
	}
}

// reporting makes the result an error's text.
func (m *module) reporting() *module {
	f := &m.funcs[len(m.funcs)-1]
	f.code = constI64(1024<<32|int64(len(m.data))|errorFlag) + opEnd
	return m
}

// What is refused at load, and how.
func TestHostileModules(t *testing.T) {
	r := newRuntime(t, Options{CacheDir: t.TempDir()})
	with := func(f func(m *module)) *module {
		m := newModule()
		f(m)
		m.plugin(maskManifest)
		m.function("sluice_mask", i32+i32, i64, "", constI64(0))
		return m
	}
	after := func(f func(m *module)) *module {
		m := with(func(*module) {})
		f(m)
		return m
	}
	manifest := func(s string) *module {
		m := newModule().plugin(s)
		m.function("sluice_mask", i32+i32, i64, "", constI64(0))
		return m
	}
	for name, c := range map[string]struct {
		m    *module
		says string
	}{
		"unknown import":          {with(func(m *module) { m.imported("env", "abort", "", "") }), `imports "abort" from "env", which this gateway does not offer`},
		"unknown host function":   {with(func(m *module) { m.imported("sluice", "random", "", i64) }), `imports "random" from "sluice"`},
		"wrong import type":       {with(func(m *module) { m.imported("sluice", "log", i64, "") }), "imports sluice.log with another type"},
		"undeclared capability":   {with(func(m *module) { m.imported("sluice", "pseudonym", strings.Repeat(i32, 6), i32) }), `does not list the capability "pseudonym"`},
		"imports a memory":        {after(func(m *module) { m.raw[2] = []byte("\x01" + vec("env") + vec("memory") + "\x02\x00\x01") }), "only functions may be imported"},
		"start that loops":        {after(func(m *module) { m.start = m.function("", "", "", "", loop(br(0))) }), "its start function ran out of fuel"},
		"initialize that loops":   {after(func(m *module) { m.function("_initialize", "", "", "", loop(br(0))) }), "ran out of fuel while it started"},
		"initialize that traps":   {after(func(m *module) { m.function("_initialize", "", "", "", opUnreachable) }), "trapped: unreachable while it started"},
		"memory of 4 GB":          {after(func(m *module) { m.memory = []byte("\x00" + leb(65536)) }), "asks for a memory of 65536, the limit is 512"},
		"memory shared":           {after(func(m *module) { m.memory = []byte{3, 1, 2} }), "a shared or 64-bit memory"},
		"two memories":            {after(func(m *module) { m.raw[5] = []byte{2, 0, 1, 0, 1} }), "2 memories, the limit is 1"},
		"table of millions":       {after(func(m *module) { m.table = []byte("\x00" + leb(10_000_000)) }), "asks for a table of 10000000"},
		"tail call":               {after(func(m *module) { m.function("", "", "", "", "\x12\x00") }), "a tail call cannot be metered"},
		"atomics":                 {after(func(m *module) { m.function("", "", "", "", "\xfe\x03\x00") }), "an atomic instruction cannot be metered"},
		"exceptions":              {after(func(m *module) { m.function("", "", "", "", "\x08\x00") }), "an exception instruction cannot be metered"},
		"writes the host's fuel":  {after(func(m *module) { m.function("", "", "", "", constI64(1<<60)+"\x24\x00") }), "global 0 of 0"},
		"exports the host's name": {after(func(m *module) { m.exports = append(m.exports, vec("sluice:fuel")+"\x00\x00") }), "belong to the host"},
		"does not type-check":     {after(func(m *module) { m.function("", "", i32, "", constI64(0)) }), "does not compile"},
		"no memory exported":      {after(func(m *module) { m.exports = m.exports[:2] }), "does not export"},
		"no ABI":                  {newModule(), "does not export sluice_"},
		"other ABI":               {after(func(m *module) { m.funcs[0].code = constI32(2) + opEnd }), "speaks version 2 of the ABI"},
		"mask of another type":    {after(func(m *module) { m.funcs[2].kind = m.kind("", ""); m.funcs[2].code = opEnd }), "exports sluice_mask with another type"},
		"no manifest":             {after(func(m *module) { m.customs = nil }), "has no manifest"},
		"manifest is not JSON":    {manifest("{"), "manifest is not what sluice/1 says"},
		"manifest of another ABI": {manifest(`{"abi":"sluice/2","name":"x","provides":["mask"]}`), `of ABI "sluice/2"`},
		"asks for too much":       {manifest(`{"abi":"sluice/1","name":"x","provides":["mask"],"capabilities":["network"]}`), `asks for the capability "network"`},
		"not granted":             {manifest(`{"abi":"sluice/1","name":"x","provides":["mask"],"capabilities":["pseudonym"]}`), `asks for "pseudonym", which its grants do not list`},
		"provides what it lacks":  {manifest(`{"abi":"sluice/1","name":"x","provides":["mask","classify"]}`), "does not export sluice_classify"},
		"schema reads files":      {manifest(`{"abi":"sluice/1","name":"x","provides":["mask"],"settings":{"$ref":"file:///etc/passwd"}}`), "cannot refer to other documents"},
		"fails its vectors":       {manifest(`{"abi":"sluice/1","name":"x","provides":["mask"],"kinds":["k"],"vectors":"mask\ntext: a ‹k b› c\n"}`), "fails its own vector at line 1: cell 1: found a b c, want a ‹k b› c"},
		"bad vectors":             {manifest(`{"abi":"sluice/1","name":"x","provides":["mask"],"vectors":"mask\nfoo: bar\n"}`), "vectors: line 2"},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := r.Load(context.Background(), Spec{Name: "test", Wasm: c.m.bytes(), Unpinned: true})
			if err == nil {
				m.Close(context.Background())
				t.Fatal("loaded")
			}
			var le *LoadError
			if !errors.As(err, &le) || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("got %v, want %s", err, c.says)
			}
		})
	}
}
