// Package meter rewrites a WebAssembly module so that it counts its own work.
//
// The rewritten module carries three more mutable globals, which the host sets
// before a call and reads after it, and which the guest has no way to name:
//
//   - fuel (i64): every run of instructions subtracts its cost before it
//     starts, and traps below zero. Bulk instructions pay by length.
//   - depth (i32): every function that can call subtracts the weight of its
//     frame, and gives it back when it returns.
//   - refused (i32): how often memory.grow or table.grow failed.
//
// Memories and tables get a maximum. What cannot be metered is refused: tail
// calls, exceptions, threads, garbage-collected types, 64-bit memories.
//
// The count is a property of the module and its input alone, so the same call
// costs the same on every machine.
package meter

import (
	"errors"
	"fmt"
)

// Names of the exported globals. A colon cannot come out of any compiler we
// know, and a module that exports a name with this prefix is refused.
const (
	prefix        = "sluice:"
	FuelGlobal    = prefix + "fuel"
	DepthGlobal   = prefix + "depth"
	RefusedGlobal = prefix + "refused"
)

// PageBytes is the size of a WebAssembly memory page.
const PageBytes = 65536

// Options bound what a module may have. Zero fields take the default.
type Options struct {
	StartFuel   int64  // fuel of instantiation: the start function. 500 million
	Depth       int32  // weight of all frames at one time. 2,000
	MemoryPages uint32 // greatest memory, in pages of 64 KiB. 512
	TableSize   uint32 // greatest size of each table, in entries. 131,072
	ModuleBytes int    // greatest module. 32 MiB
}

func (o Options) withDefaults() Options {
	if o.StartFuel <= 0 {
		o.StartFuel = 500_000_000
	}
	if o.Depth <= 0 {
		o.Depth = 2000
	}
	if o.MemoryPages == 0 || o.MemoryPages > 65536 {
		o.MemoryPages = 512
	}
	if o.TableSize == 0 {
		o.TableSize = 1 << 17
	}
	if o.ModuleBytes <= 0 {
		o.ModuleBytes = 32 << 20
	}
	return o
}

// Import is a function that the module asks its host for.
type Import struct {
	Module, Name    string
	Params, Results []byte // value types as the binary format writes them
}

// Export is a name that the module gives to its host.
type Export struct {
	Name  string
	Kind  byte // 0 function, 1 table, 2 memory, 3 global
	Index uint32
	// Params and Results are a function's value types.
	Params, Results []byte
}

// Module is a metered module and what was read on the way.
type Module struct {
	Wasm    []byte
	Imports []Import
	Exports []Export
	// Custom has the custom sections by name; the first of a name wins.
	Custom map[string][]byte
	// MemoryPages is the minimum of the module's memory.
	MemoryPages uint32
}

// Export finds a function export by name.
func (m *Module) Export(name string) (Export, bool) {
	for _, e := range m.Exports {
		if e.Name == name && e.Kind == 0 {
			return e, true
		}
	}
	return Export{}, false
}

// Error says where a module is malformed or cannot be metered.
type Error struct {
	Offset int // in the module's file
	Reason string
}

func (e *Error) Error() string { return fmt.Sprintf("wasm byte %#x: %s", e.Offset, e.Reason) }

// Rewrite meters a module. It reads strictly what it has to understand, and
// leaves type checking to the compiler that takes its output. The only errors
// are *Error.
func Rewrite(wasm []byte, o Options) (m *Module, err error) {
	o = o.withDefaults()
	if len(wasm) > o.ModuleBytes {
		return nil, &Error{0, fmt.Sprintf("the module has %d bytes, the limit is %d", len(wasm), o.ModuleBytes)}
	}
	defer func() {
		// The reader panics with *Error on malformed input, so that the long
		// walk below stays readable; nothing else is caught.
		if p := recover(); p != nil {
			e, ok := p.(error)
			var me *Error
			if !ok || !errors.As(e, &me) {
				panic(p)
			}
			m, err = nil, me
		}
	}()
	p := &parser{opts: o, custom: map[string][]byte{}}
	p.parse(wasm)
	return &Module{Wasm: p.emit(), Imports: p.imports, Exports: p.exports, Custom: p.custom, MemoryPages: p.memoryMin}, nil
}
