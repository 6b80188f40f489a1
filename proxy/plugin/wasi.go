package plugin

import (
	"context"

	"github.com/tetratelabs/wazero/api"
)

// Compilers that target WASI make modules which import some of it, whatever
// they do. Those imports get inert stand-ins: no arguments, no environment, no
// files, a clock that stands still, randomness that is always zero.

const wasiModule = "wasi_snapshot_preview1"

// Error numbers of WASI preview 1.
const (
	errnoSuccess = 0
	errnoBadf    = 8
	errnoFault   = 21
	errnoInval   = 28
	errnoNosys   = 52
)

// clockNanos is what every clock says: one second after the epoch. Go's
// runtime refuses to start at zero.
const clockNanos = 1_000_000_000

// Of an i32 only the low half of a stack entry means anything.
type wasiFunc struct {
	params string // i: i32, I: i64
	run    func(in *instance, mem api.Memory, stack []uint64) uint64
}

func fixed(errno uint64) func(*instance, api.Memory, []uint64) uint64 {
	return func(*instance, api.Memory, []uint64) uint64 { return errno }
}

// wasi is all of preview 1 but proc_exit, which returns nothing. Every
// function returns an errno.
var wasi = map[string]wasiFunc{
	"args_get":            {"ii", fixed(errnoSuccess)},
	"args_sizes_get":      {"ii", wasiNoStrings},
	"environ_get":         {"ii", fixed(errnoSuccess)},
	"environ_sizes_get":   {"ii", wasiNoStrings},
	"clock_res_get":       {"ii", wasiClockRes},
	"clock_time_get":      {"iIi", wasiClock},
	"random_get":          {"ii", wasiRandom},
	"sched_yield":         {"", fixed(errnoSuccess)},
	"poll_oneoff":         {"iiii", wasiPoll},
	"proc_raise":          {"i", fixed(errnoNosys)},
	"fd_write":            {"iiii", wasiWrite},
	"fd_fdstat_get":       {"ii", wasiFdstat},
	"fd_fdstat_set_flags": {"ii", fixed(errnoBadf)},
	"fd_prestat_get":      {"ii", fixed(errnoBadf)},
	"fd_prestat_dir_name": {"iii", fixed(errnoBadf)},

	"fd_advise":               {"iIIi", fixed(errnoBadf)},
	"fd_allocate":             {"iII", fixed(errnoBadf)},
	"fd_close":                {"i", fixed(errnoBadf)},
	"fd_datasync":             {"i", fixed(errnoBadf)},
	"fd_fdstat_set_rights":    {"iII", fixed(errnoBadf)},
	"fd_filestat_get":         {"ii", fixed(errnoBadf)},
	"fd_filestat_set_size":    {"iI", fixed(errnoBadf)},
	"fd_filestat_set_times":   {"iIIi", fixed(errnoBadf)},
	"fd_pread":                {"iiiIi", fixed(errnoBadf)},
	"fd_pwrite":               {"iiiIi", fixed(errnoBadf)},
	"fd_read":                 {"iiii", fixed(errnoBadf)},
	"fd_readdir":              {"iiiIi", fixed(errnoBadf)},
	"fd_renumber":             {"ii", fixed(errnoBadf)},
	"fd_seek":                 {"iIii", fixed(errnoBadf)},
	"fd_sync":                 {"i", fixed(errnoBadf)},
	"fd_tell":                 {"ii", fixed(errnoBadf)},
	"path_create_directory":   {"iii", fixed(errnoBadf)},
	"path_filestat_get":       {"iiiii", fixed(errnoBadf)},
	"path_filestat_set_times": {"iiiiIIi", fixed(errnoBadf)},
	"path_link":               {"iiiiiii", fixed(errnoBadf)},
	"path_open":               {"iiiiiIIii", fixed(errnoBadf)},
	"path_readlink":           {"iiiiii", fixed(errnoBadf)},
	"path_remove_directory":   {"iii", fixed(errnoBadf)},
	"path_rename":             {"iiiiii", fixed(errnoBadf)},
	"path_symlink":            {"iiiii", fixed(errnoBadf)},
	"path_unlink_file":        {"iii", fixed(errnoBadf)},
	"sock_accept":             {"iii", fixed(errnoBadf)},
	"sock_recv":               {"iiiiii", fixed(errnoBadf)},
	"sock_send":               {"iiiii", fixed(errnoBadf)},
	"sock_shutdown":           {"ii", fixed(errnoBadf)},
}

func wasiNoStrings(_ *instance, mem api.Memory, s []uint64) uint64 {
	if !mem.WriteUint32Le(uint32(s[0]), 0) || !mem.WriteUint32Le(uint32(s[1]), 0) {
		return errnoFault
	}
	return errnoSuccess
}

func wasiClock(_ *instance, mem api.Memory, s []uint64) uint64 {
	if !mem.WriteUint64Le(uint32(s[2]), clockNanos) {
		return errnoFault
	}
	return errnoSuccess
}

func wasiClockRes(_ *instance, mem api.Memory, s []uint64) uint64 {
	if !mem.WriteUint64Le(uint32(s[1]), 1) {
		return errnoFault
	}
	return errnoSuccess
}

func wasiRandom(in *instance, mem api.Memory, s []uint64) uint64 {
	b, ok := mem.Read(uint32(s[0]), uint32(s[1]))
	if !ok {
		return errnoFault
	}
	in.spend(int64(len(b)))
	clear(b)
	return errnoSuccess
}

// wasiWrite takes everything that is written and keeps the beginning of what
// goes to standard error while no data is being looked at, so that a panic in
// _initialize or sluice_configure can be read.
func wasiWrite(in *instance, mem api.Memory, s []uint64) uint64 {
	total := uint32(0)
	if n := uint32(s[2]); n > 1024 {
		return errnoFault
	}
	for i := range uint32(s[2]) {
		ptr, ok1 := mem.ReadUint32Le(uint32(s[1]) + 8*i)
		size, ok2 := mem.ReadUint32Le(uint32(s[1]) + 8*i + 4)
		if !ok1 || !ok2 {
			return errnoFault
		}
		b, ok := mem.Read(ptr, size)
		if !ok {
			return errnoFault
		}
		if uint32(s[0]) == 2 {
			in.keepStderr(b)
		}
		total += size
	}
	in.spend(int64(total))
	if !mem.WriteUint32Le(uint32(s[3]), total) {
		return errnoFault
	}
	return errnoSuccess
}

// wasiPoll says at once that every sleep is over: Go's runtime gives up on
// anything else while it prints a panic. The clock does not move by it.
func wasiPoll(in *instance, mem api.Memory, s []uint64) uint64 {
	const subscription, event = 48, 32
	n := uint32(s[2])
	if n == 0 || n > 64 {
		return errnoInval
	}
	in.spend(int64(n) * event)
	for i := range n {
		from, ok1 := mem.Read(uint32(s[0])+subscription*i, subscription)
		to, ok2 := mem.Read(uint32(s[1])+event*i, event)
		if !ok1 || !ok2 {
			return errnoFault
		}
		user, kind := le.Uint64(from), from[8]
		clear(to)
		le.PutUint64(to, user)
		if to[10] = kind; kind != 0 {
			le.PutUint16(to[8:], errnoBadf)
		}
	}
	if !mem.WriteUint32Le(uint32(s[3]), n) {
		return errnoFault
	}
	return errnoSuccess
}

// wasiFdstat says that 0, 1 and 2 are character devices, and nothing else is.
func wasiFdstat(_ *instance, mem api.Memory, s []uint64) uint64 {
	if uint32(s[0]) > 2 {
		return errnoBadf
	}
	b, ok := mem.Read(uint32(s[1]), 24)
	if !ok {
		return errnoFault
	}
	clear(b)
	b[0] = 2
	return errnoSuccess
}

func (r *Runtime) wasiModule(ctx context.Context) error {
	b := r.wasm.NewHostModuleBuilder(wasiModule)
	for name, f := range wasi {
		run := f.run
		b.NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(func(ctx context.Context, mod api.Module, stack []uint64) {
			stack[0] = run(instanceOf(ctx), mod.Memory(), stack)
		}), valueTypes(f.params), []api.ValueType{api.ValueTypeI32}).Export(name)
	}
	b.NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(func(context.Context, api.Module, []uint64) {
		panic(errExit)
	}), valueTypes("i"), nil).Export("proc_exit")
	_, err := b.Instantiate(ctx)
	return err
}

func valueTypes(s string) []api.ValueType {
	out := make([]api.ValueType, len(s))
	for i, c := range []byte(s) {
		out[i] = api.ValueTypeI32
		if c == 'I' {
			out[i] = api.ValueTypeI64
		}
	}
	return out
}
