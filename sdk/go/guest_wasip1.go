package sluice

import "unsafe"

// What the gateway calls, and what it offers (sdk/ABI.md 2 and 7).

//go:wasmimport sluice log
func hostLog(level int32, text unsafe.Pointer, size uint32)

//go:wasmimport sluice pseudonym
func hostPseudonym(kind unsafe.Pointer, kindSize uint32, value unsafe.Pointer, valueSize uint32, out unsafe.Pointer, room uint32) int32

// Buffers that live as long as the instance, so that the garbage collector
// leaves them alone and a call allocates nothing.
var (
	input    []byte
	manifest []byte
	result   []byte
	edits    Edits
	batch    Batch
	run      Run
	command  Command
	class    Classification
)

const errorFlag = 1 << 31

func packed(b []byte) int64 {
	if len(b) == 0 {
		return 0
	}
	return int64(uint64(uintptr(unsafe.Pointer(unsafe.SliceData(b))))<<32 | uint64(len(b)))
}

func failure(text string) int64 {
	if text == "" {
		text = "failed"
	}
	result = append(result[:0], text...)
	return packed(result) | errorFlag
}

//go:wasmexport sluice_abi
func exportABI() int32 { return 1 }

//go:wasmexport sluice_alloc
func exportAlloc(size int32) unsafe.Pointer {
	input = make([]byte, uint32(size))
	return unsafe.Pointer(unsafe.SliceData(input))
}

//go:wasmexport sluice_manifest
func exportManifest() int64 {
	if manifest == nil {
		manifest = plugin.JSON()
	}
	return packed(manifest)
}

//go:wasmexport sluice_configure
func exportConfigure(_ unsafe.Pointer, size int32) int64 {
	if plugin.Configure == nil {
		return 0
	}
	// The settings outlive the call, and the input buffer does not.
	settings := append(Value(nil), input[:size]...)
	if err := plugin.Configure(settings); err != nil {
		return failure(err.Error())
	}
	return 0
}

//go:wasmexport sluice_mask
func exportMask(_ unsafe.Pointer, size int32) int64 {
	if plugin.Stream != nil {
		if r, ok := ReadRun(input[:size]); ok {
			run = r
			edits.ResetRun()
			if err := plugin.Stream(&run, &edits); err != nil {
				return failure(err.Error())
			}
			return packed(edits.Bytes())
		}
	}
	if plugin.Mask == nil {
		return failure("does not mask cells")
	}
	var ok bool
	if batch, ok = ReadBatch(input[:size]); !ok {
		return failure("a kind of batch that this plugin does not know")
	}
	edits.Reset()
	if err := plugin.Mask(&batch, &edits); err != nil {
		return failure(err.Error())
	}
	return packed(edits.Bytes())
}

//go:wasmexport sluice_classify
func exportClassify(_ unsafe.Pointer, size int32) int64 {
	if plugin.Classify == nil {
		return failure("does not classify")
	}
	if !ReadCommand(input[:size], &command) {
		return failure("a command that this plugin cannot read")
	}
	class.Reset()
	if err := plugin.Classify(&command, &class); err != nil {
		return failure(err.Error())
	}
	return packed(class.Bytes())
}

//go:wasmexport sluice_trigger
func exportTrigger(_ unsafe.Pointer, size int32) int64 {
	if plugin.Trigger == nil {
		return failure("does not trigger")
	}
	if !ReadCommand(input[:size], &command) {
		return failure("a command that this plugin cannot read")
	}
	hold, err := plugin.Trigger(&command)
	if err != nil {
		return failure(err.Error())
	}
	result = append(result[:0], hold.Bytes()...)
	return packed(result)
}

// Log writes a line to the gateway's log: at most 8 a call, of 1 KiB each.
// While data is looked at it needs the capability "log".
func Log(level Level, text string) {
	hostLog(int32(level), unsafe.Pointer(unsafe.StringData(text)), uint32(len(text)))
}

// Pseudonym appends to dst a keyed stand-in for a value, always the same for
// the same value and kind within the scope that the operator chose. It needs
// the capability "pseudonym". ok is false where the gateway refuses.
func Pseudonym(dst []byte, kind string, value []byte) (out []byte, ok bool) {
	var room [512]byte
	n := hostPseudonym(unsafe.Pointer(unsafe.StringData(kind)), uint32(len(kind)),
		unsafe.Pointer(unsafe.SliceData(value)), uint32(len(value)), unsafe.Pointer(&room), uint32(len(room)))
	if n < 0 {
		return dst, false
	}
	return append(dst, room[:n]...), true
}
