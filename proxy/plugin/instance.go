package plugin

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"sluice.dev/proxy/plugin/meter"
)

// instance is one instantiation of a module, used by one call at a time.
type instance struct {
	plugin  string
	limits  Limits
	log     *slog.Logger
	stats   *counters
	mod     api.Module
	mem     api.Memory
	ctx     context.Context // carries the instance to host functions; never ends
	fuel    api.MutableGlobal
	depth   api.MutableGlobal
	refused api.MutableGlobal

	alloc, classify, mask, trigger api.Function

	input    uint32 // the guest's input buffer
	inputCap uint32
	stack    [4]uint64

	// Of the call that runs.
	scope      string
	data       bool // it looks at data, not at settings
	logGranted bool
	logged     int
	stderr     []byte
}

func (in *instance) spend(n int64) {
	if in == nil || in.fuel == nil || n <= 0 {
		return
	}
	left := int64(in.fuel.Get())
	if left < math.MinInt64/2 {
		return
	}
	in.fuel.Set(uint64(left - n))
}

func (in *instance) fuelLeft() int64 { return int64(in.fuel.Get()) }

func (in *instance) keepStderr(b []byte) {
	if in != nil && !in.data && len(in.stderr) < maxLogLine {
		in.stderr = append(in.stderr, b[:min(len(b), maxLogLine-len(in.stderr))]...)
	}
}

// instantiate makes an instance and runs _initialize. It does not configure it.
func (m *Module) instantiate() (*instance, error) {
	in := &instance{plugin: m.name, limits: m.limits, log: m.runtime.log, stats: &m.stats, logGranted: m.grants["log"]}
	in.ctx = context.WithValue(context.Background(), instanceKey{}, in)
	conf := wazero.NewModuleConfig().WithName("").WithStartFunctions()
	mod, err := m.runtime.wasm.InstantiateModule(in.ctx, m.compiled, conf)
	if err != nil {
		// Its fuel global cannot be read, and the start function is all that
		// ran.
		return nil, &CallError{Plugin: m.name, Kind: KindTrap, What: "trapped while it was instantiated, or its start function ran out of fuel", Detail: err.Error()}
	}
	in.mod, in.mem = mod, mod.Memory()
	in.fuel, _ = mod.ExportedGlobal(meter.FuelGlobal).(api.MutableGlobal)
	in.depth, _ = mod.ExportedGlobal(meter.DepthGlobal).(api.MutableGlobal)
	in.refused, _ = mod.ExportedGlobal(meter.RefusedGlobal).(api.MutableGlobal)
	if in.mem == nil || in.fuel == nil || in.depth == nil || in.refused == nil {
		in.close()
		return nil, &CallError{Plugin: m.name, Kind: KindABI, What: "exports no memory"}
	}
	in.alloc = mod.ExportedFunction("sluice_alloc")
	in.classify = mod.ExportedFunction("sluice_classify")
	in.mask = mod.ExportedFunction("sluice_mask")
	in.trigger = mod.ExportedFunction("sluice_trigger")
	if start := mod.ExportedFunction("_initialize"); start != nil {
		if _, err := in.run(start, m.limits.StartFuel, "while it started"); err != nil {
			in.close()
			return nil, err
		}
	}
	abi := mod.ExportedFunction("sluice_abi")
	v, err := in.run(abi, m.limits.Fuel, "while it named its ABI")
	if err == nil && uint32(v) != abiVersion {
		err = &CallError{Plugin: m.name, Kind: KindABI, What: fmt.Sprintf("speaks version %d of the ABI, this gateway speaks %d", uint32(v), abiVersion)}
	}
	if err != nil {
		in.close()
		return nil, err
	}
	return in, nil
}

func (in *instance) close() {
	in.mod.Close(context.Background()) //nolint:errcheck // an instance without files cannot fail to close
}

// run calls an export with what stands in the stack, under a budget.
func (in *instance) run(f api.Function, budget int64, when string) (uint64, error) {
	in.fuel.Set(uint64(budget))
	in.depth.Set(api.EncodeI32(in.limits.Depth))
	in.refused.Set(0)
	in.logged, in.stderr = 0, in.stderr[:0]
	err := f.CallWithStack(in.ctx, in.stack[:])
	left := in.fuelLeft()
	in.stats.fuel(budget - max(left, 0))
	if err == nil && left >= 0 {
		return in.stack[0], nil
	}
	return 0, in.failed(err, left, when)
}

// failed turns a trap into what a person can act on.
func (in *instance) failed(err error, left int64, when string) error {
	c := &CallError{Plugin: in.plugin, Kind: KindTrap}
	if err != nil {
		c.Detail = err.Error()
	}
	first, _, _ := strings.Cut(c.Detail, "\n")
	switch {
	case left < 0:
		c.Kind, c.What = KindFuel, "ran out of fuel"
	case int32(in.depth.Get()) < 0:
		c.Kind, c.What = KindDepth, fmt.Sprintf("nested its calls deeper than %d", in.limits.Depth)
	case strings.Contains(first, "stack overflow"):
		c.Kind, c.What = KindDepth, "used up its stack"
	case in.refused.Get() != 0:
		c.Kind, c.What = KindMemory, fmt.Sprintf("asked for more memory than its limit of %d KiB", int(in.limits.MemoryPages)*64)
	case errors.Is(err, errExit):
		c.What = "ended itself by proc_exit"
	default:
		c.What = "trapped: " + strings.TrimPrefix(strings.TrimSuffix(first, " (recovered by wazero)"), "wasm error: ")
	}
	if when != "" {
		c.What += " " + when
	}
	if len(in.stderr) > 0 {
		c.Detail = printable(in.stderr) + "\n" + c.Detail
		if !in.data {
			line, _, _ := strings.Cut(string(in.stderr), "\n")
			c.What += ": " + printable([]byte(line))
		}
	}
	return c
}

func (in *instance) broken(format string, args ...any) error {
	return &CallError{Plugin: in.plugin, Kind: KindABI, What: fmt.Sprintf(format, args...)}
}

// room returns the guest's input buffer, of at least n bytes, as a view of its
// memory that is good until the guest runs again.
func (in *instance) room(n int, budget int64) ([]byte, error) {
	if n > MaxInput {
		return nil, &CallError{Plugin: in.plugin, Kind: KindInput, What: fmt.Sprintf("cannot look at %d bytes at once, the limit is %d", n, MaxInput)}
	}
	if uint32(n) > in.inputCap || in.inputCap == 0 {
		want := uint32(4096)
		for want < uint32(n) {
			want *= 2
		}
		in.stack[0] = uint64(want)
		v, err := in.run(in.alloc, budget, "while it made room for its input")
		if err != nil {
			return nil, err
		}
		if uint32(v) == 0 {
			return nil, in.broken("gave no room for %d bytes of input", want)
		}
		in.input, in.inputCap = uint32(v), want
	}
	b, ok := in.mem.Read(in.input, in.inputCap)
	if !ok {
		return nil, in.broken("gave a buffer outside its memory")
	}
	return b[:n], nil
}

// call runs an export on n bytes of the input buffer and returns its result, a
// view of the guest's memory that is good until the guest runs again.
func (in *instance) call(f api.Function, n int, budget int64) ([]byte, error) {
	in.stack[0], in.stack[1] = uint64(in.input), uint64(n)
	v, err := in.run(f, budget, "")
	if err != nil {
		return nil, err
	}
	ptr, size := uint32(v>>32), uint32(v)
	reported := size&errorFlag != 0
	size &^= errorFlag
	if size > MaxResult {
		return nil, in.broken("returned %d bytes, the limit is %d", size, MaxResult)
	}
	if size == 0 && !reported {
		return nil, nil
	}
	b, ok := in.mem.Read(ptr, size)
	if !ok {
		return nil, in.broken("returned a result outside its memory")
	}
	if reported {
		text := printable(b[:min(len(b), maxLogLine)])
		return nil, &CallError{Plugin: in.plugin, Kind: KindReported, What: "reported an error", Detail: text}
	}
	return b, nil
}

// configure hands the settings over. An error that the guest reports is about
// them.
func (in *instance) configure(f api.Function, settings []byte) error {
	if f == nil {
		return nil
	}
	in.data = false
	b, err := in.room(len(settings), in.limits.ConfigureFuel)
	if err != nil {
		return err
	}
	copy(b, settings)
	_, err = in.call(f, len(settings), in.limits.ConfigureFuel)
	var c *CallError
	if errors.As(err, &c) && c.Kind == KindReported {
		return settingsError(c.Detail)
	}
	return err
}

// settingsError reads “/detectors/1: text” or a text alone.
func settingsError(text string) *SettingsError {
	e := &SettingsError{Message: text}
	if strings.HasPrefix(text, "/") {
		if path, msg, ok := strings.Cut(text, ": "); ok {
			for p := range strings.SplitSeq(path[1:], "/") {
				e.Path = append(e.Path, strings.NewReplacer("~1", "/", "~0", "~").Replace(p))
			}
			e.Message = msg
		}
	}
	return e
}

var le = binary.LittleEndian
