package plugin

import (
	"bytes"
	"fmt"

	"github.com/tetratelabs/wazero/api"
)

// Guest is one configured instance that is called with encoded bytes: for tools
// that hold modules and SDKs to the ABI. It is for one goroutine at a time.
type Guest struct {
	in    *instance
	fuel  Limits
	calls map[string]api.Function
}

// Guest makes an instance apart from the module's own. Close it before the
// module.
func (m *Module) Guest() (*Guest, error) {
	in, err := m.fresh()
	if err != nil {
		return nil, err
	}
	in.data = true
	return &Guest{in: in, fuel: m.limits, calls: map[string]api.Function{"classify": in.classify, "mask": in.mask, "trigger": in.trigger}}, nil
}

// Close frees the instance.
func (g *Guest) Close() { g.in.close() }

// Call hands an encoded input to "classify", "mask" or "trigger" and returns a
// copy of the result, and the fuel that was spent. An error is a *CallError;
// the instance must not be called again after one, unless its kind is
// KindReported.
func (g *Guest) Call(entry string, input []byte) (result []byte, fuel int64, err error) {
	f := g.calls[entry]
	if f == nil {
		return nil, 0, fmt.Errorf("plugin: the module does not export sluice_%s", entry)
	}
	budget := g.in.budget(len(input))
	b, err := g.in.room(len(input), budget)
	if err != nil {
		return nil, 0, err
	}
	copy(b, input)
	res, err := g.in.call(f, len(input), budget)
	return bytes.Clone(res), budget - max(g.in.fuelLeft(), 0), err
}

// Room asks sluice_alloc for a buffer and says where it is. The gateway asks
// for powers of two from 4,096 on.
func (g *Guest) Room(size uint32) (at uint32, err error) {
	g.in.stack[0] = uint64(size)
	v, err := g.in.run(g.in.alloc, g.fuel.Fuel, "while it made room for its input")
	g.in.input, g.in.inputCap = 0, 0
	if err != nil {
		return 0, err
	}
	if _, ok := g.in.mem.Read(uint32(v), size); !ok {
		return uint32(v), g.in.broken("gave a buffer outside its memory")
	}
	return uint32(v), nil
}

// Encode is the command as a module of that least (Manifest.Least) gets it; a
// nil decision is left out (sdk/ABI.md 4).
func (c *Command) Encode(least int, decision []byte) []byte {
	own := *c
	own.least = least
	b := make([]byte, own.size(decision))
	own.put(b, decision)
	return b
}

// Encode is the batch as a module gets it in one call. It fails where Mask would
// cut the batch.
func (b *Batch) Encode() ([]byte, error) {
	if bad := b.check(); bad != "" {
		return nil, fmt.Errorf("plugin: a batch: %s", bad)
	}
	p := piece{}
	if len(b.Cells) > 0 {
		p = b.next(0, 0, 1024, cut{MaxBatch, MaxCells})
	}
	if p.window || p.count != len(b.Cells) {
		return nil, fmt.Errorf("plugin: a batch of more than %d cells or %d bytes is more than one call", MaxCells, MaxBatch)
	}
	n, _ := b.pieceSize(p, b.columnsSize())
	out := make([]byte, n)
	b.put(out, p)
	return out, nil
}

// DecodeEdits reads what a module returns for a batch of one call, as Mask
// does: for tests of plugins and SDKs.
func DecodeEdits(result []byte, b *Batch, kinds []string) ([]Edit, error) {
	edits, bad := b.decode(result, piece{count: len(b.Cells)}, kinds, nil)
	if bad != "" {
		return nil, fmt.Errorf("plugin: %s", bad)
	}
	return edits, nil
}

// DecodeHold reads what sluice_trigger returns; nil is no hold.
func DecodeHold(result []byte) (*HoldRequest, error) {
	h, bad := decodeHold(result)
	if bad != "" {
		return nil, fmt.Errorf("plugin: returned %s", bad)
	}
	return h, nil
}
