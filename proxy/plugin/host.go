package plugin

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tetratelabs/wazero/api"
)

// hostModule is where a module finds what the gateway offers it.
const hostModule = "sluice"

// errExit is how a guest's proc_exit ends its call.
var errExit = errors.New("the module called proc_exit")

type instanceKey struct{}

// instanceOf finds the instance that a host function was called from. Its
// context is made once an instance, so that a call allocates nothing.
func instanceOf(ctx context.Context) *instance {
	in, _ := ctx.Value(instanceKey{}).(*instance)
	return in
}

func (r *Runtime) hostModules(ctx context.Context) error {
	if err := r.wasiModule(ctx); err != nil {
		return err
	}
	b := r.wasm.NewHostModuleBuilder(hostModule)
	b.NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(func(ctx context.Context, mod api.Module, s []uint64) {
		hostLog(instanceOf(ctx), mod.Memory(), uint32(s[0]), uint32(s[1]), uint32(s[2]))
	}), valueTypes("iii"), nil).Export("log")
	b.NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(func(ctx context.Context, mod api.Module, s []uint64) {
		s[0] = api.EncodeI32(r.hostPseudonym(instanceOf(ctx), mod.Memory(), s))
	}), valueTypes("iiiiii"), valueTypes("i")).Export("pseudonym")
	b.NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(func(_ context.Context, _ api.Module, s []uint64) {
		s[0] = api.EncodeI64(time.Now().UnixMilli())
	}), nil, valueTypes("I")).Export("now")
	_, err := b.Instantiate(ctx)
	return err
}

// imports are the functions that a module may ask for, with the capability
// that each needs; "" is free.
var imports = map[string]struct{ params, results, capability string }{
	"log":       {"iii", "", ""},
	"pseudonym": {"iiiiii", "i", "pseudonym"},
	"now":       {"", "I", "now"},
}

// hostLog writes one line of the module's. While the module looks at data it
// may quote it, so such lines need the grant "log" and are dropped without.
func hostLog(in *instance, mem api.Memory, level, ptr, size uint32) {
	if in == nil || in.logged >= in.limits.LogLines || in.data && !in.logGranted {
		if in != nil {
			in.stats.LogsDropped.Add(1)
		}
		return
	}
	b, ok := mem.Read(ptr, min(size, maxLogLine))
	if !ok {
		in.stats.LogsDropped.Add(1)
		return
	}
	in.logged++
	in.spend(int64(len(b)))
	l := slog.LevelInfo
	switch level {
	case 0:
		l = slog.LevelDebug
	case 2:
		l = slog.LevelWarn
	case 3:
		l = slog.LevelError
	}
	in.log.Log(context.Background(), l, printable(b), "plugin", in.plugin)
}

// hostPseudonym is (kind, kind_len, value, value_len, out, out_cap) -> length,
// or -1 where something is out of range or the output too small.
func (r *Runtime) hostPseudonym(in *instance, mem api.Memory, s []uint64) int32 {
	kind, ok1 := mem.Read(uint32(s[0]), uint32(s[1]))
	value, ok2 := mem.Read(uint32(s[2]), uint32(s[3]))
	if in == nil || r.opts.Pseudonym == nil || !ok1 || !ok2 || len(kind) > 64 || len(value) > MaxBatch {
		return -1
	}
	in.spend(fuelPseudonym + 16*int64(len(value)))
	if in.fuelLeft() < 0 {
		return -1 // the next payment of the guest's traps
	}
	made := r.opts.Pseudonym(string(kind), in.scope, value)
	if len(made) > MaxPseudonym || len(made) > int(uint32(s[5])) || !mem.Write(uint32(s[4]), made) {
		return -1
	}
	return int32(len(made))
}

// printable makes a guest's text safe for a log or a terminal: valid UTF-8 on
// one line.
func printable(b []byte) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case r < 0x20 || r == 0x7f || r >= 0x80 && r < 0xa0 || r == utf8.RuneError || r == 0x2028 || r == 0x2029 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069:
			return '?'
		}
		return r
	}, strings.ToValidUTF8(string(b), "?"))
}
