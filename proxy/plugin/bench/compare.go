package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"sluice.dev/proxy/plugin"
	"sluice.dev/proxy/plugin/kit"
	"sluice.dev/proxy/plugin/meter"
	"sluice.dev/proxy/plugin/plugintest"
)

// raw is a module in wazero with nothing of the gateway's around it.
type raw struct {
	ctx    context.Context
	mask   api.Function
	fuel   api.MutableGlobal // nil: not metered
	depth  api.MutableGlobal
	at     uint64
	size   uint64
	stack  [4]uint64
	mem    api.Memory
	finish func()
}

// result is MB/s and the time as a multiple of the first variant's: plain, fuel,
// close on done.
type result struct{ speed, ratio [3]float64 }

func compare(ctx context.Context, wasm []byte, each time.Duration, rounds int) (r result, err error) {
	people := kit.People()
	half := &plugin.Batch{Columns: people.Columns, Cells: people.Cells[:len(people.Cells)/2]} // what the gateway hands over
	input, err := half.Encode()
	if err != nil {
		return r, err
	}
	var variants [3]*raw
	for i := range variants {
		if variants[i], err = open(ctx, wasm, i == 1, i == 2, input); err != nil {
			return r, err
		}
		defer variants[i].finish()
	}
	first, err := variants[0].once()
	for _, v := range variants[1:] {
		var res []byte
		if err == nil {
			res, err = v.once()
		}
		if err == nil && !bytes.Equal(res, first) {
			err = errors.New("the variants answer differently")
		}
	}
	if err != nil {
		return r, err
	}
	var speeds, ratios [3][]float64
	for range rounds {
		var took [3]float64
		for i, v := range variants {
			d, err := perCall(each, v.call)
			if err != nil {
				return r, err
			}
			took[i] = d
			speeds[i] = append(speeds[i], float64(len(input))/took[i]/1e6)
			ratios[i] = append(ratios[i], took[i]/took[0])
		}
	}
	for i := range variants {
		r.speed[i], r.ratio[i] = median(speeds[i]), median(ratios[i])
	}
	return r, nil
}

// perCall is the seconds of processor time that a call takes.
func perCall(each time.Duration, f func() error) (float64, error) {
	defer pin()()
	n, began := 0, cpu()
	for cpu()-began < each {
		for range 16 {
			if err := f(); err != nil {
				return 0, err
			}
		}
		n += 16
	}
	return (cpu() - began).Seconds() / float64(n), nil
}

func open(ctx context.Context, wasm []byte, metered, closing bool, input []byte) (*raw, error) {
	v := &raw{ctx: ctx, size: uint64(len(input))}
	rt := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().WithCoreFeatures(api.CoreFeaturesV2).WithCloseOnContextDone(closing))
	v.finish = func() { _ = rt.Close(ctx) }
	if closing { // a context that can end, as a time limit has it
		var cancel context.CancelFunc
		v.ctx, cancel = context.WithCancel(ctx)
		v.finish = func() { cancel(); _ = rt.Close(ctx) }
	}
	if metered {
		m, err := meter.Rewrite(wasm, meter.Options{})
		if err != nil {
			return nil, err
		}
		wasm = m.Wasm
	}
	if _, err := wasi_snapshot_preview1.Instantiate(ctx, rt); err != nil {
		return nil, err
	}
	if _, err := rt.NewHostModuleBuilder("sluice").
		NewFunctionBuilder().WithFunc(func(uint32, uint32, uint32) {}).Export("log").
		NewFunctionBuilder().WithFunc(func(_, _, _, _, _, _ uint32) int32 { return -1 }).Export("pseudonym").
		Instantiate(ctx); err != nil {
		return nil, err
	}
	mod, err := rt.InstantiateWithConfig(ctx, wasm, wazero.NewModuleConfig().WithStartFunctions("_initialize"))
	if err != nil {
		return nil, fmt.Errorf("%s", firstLine(err.Error()))
	}
	if metered {
		v.fuel, _ = mod.ExportedGlobal(meter.FuelGlobal).(api.MutableGlobal)
		v.depth, _ = mod.ExportedGlobal(meter.DepthGlobal).(api.MutableGlobal)
	}
	v.mask, v.mem = mod.ExportedFunction("sluice_mask"), mod.Memory()
	if f := mod.ExportedFunction("sluice_configure"); f != nil {
		at, err := mod.ExportedFunction("sluice_alloc").Call(v.ctx, 4096)
		if err != nil {
			return nil, err
		}
		v.mem.WriteString(uint32(at[0]), "{}")
		if _, err := f.Call(v.ctx, at[0], 2); err != nil {
			return nil, err
		}
	}
	at, err := mod.ExportedFunction("sluice_alloc").Call(v.ctx, 65536)
	if err != nil {
		return nil, err
	}
	v.at = at[0]
	if !v.mem.Write(uint32(v.at), input) {
		return nil, errors.New("no room")
	}
	return v, nil
}

func (v *raw) call() error {
	if v.fuel != nil {
		v.fuel.Set(10_000_000)
		v.depth.Set(2000)
	}
	v.stack[0], v.stack[1] = v.at, v.size
	return v.mask.CallWithStack(v.ctx, v.stack[:])
}

func (v *raw) once() ([]byte, error) {
	if err := v.call(); err != nil {
		return nil, err
	}
	at, n := uint32(v.stack[0]>>32), uint32(v.stack[0])
	b, ok := v.mem.Read(at, n)
	if !ok || n&(1<<31) != 0 {
		return nil, fmt.Errorf("no answer: %d bytes at %d", n, at)
	}
	return bytes.Clone(b), nil
}

// bareCall is what wazero takes to call a module that does nothing, in ns.
func bareCall(ctx context.Context, each time.Duration) (float64, error) {
	v, err := open(ctx, plugintest.Honest("sluice_mask"), true, false, []byte("x"))
	if err != nil {
		return 0, err
	}
	defer v.finish()
	var times []float64
	for range 5 {
		d, err := perCall(each/5, v.call)
		if err != nil {
			return 0, err
		}
		times = append(times, d*1e9)
	}
	return median(times), nil
}
