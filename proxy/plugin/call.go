package plugin

import (
	"context"
	"sync/atomic"
)

// budget is the fuel of a call: the limit for the first 64 KiB of input, and
// the same again for each 64 KiB more, of which only a long command has any.
func (in *instance) budget(n int) int64 {
	return in.limits.Fuel * int64(1+(max(n-1, 0)>>16))
}

// Classify asks for the labels, the risk and the sensitive spans of a command.
// What comes back is shared: it must not be changed. An error is a *CallError.
func (m *Module) Classify(ctx context.Context, c *Command) (out Classification, err error) {
	own := *c
	own.least = m.manifest.Least
	if !m.remembers() {
		return m.classify(ctx, &own)
	}
	key := own.key()
	defer key.free()
	if out, ok := m.said.get(key.b); ok && m.ready() {
		m.stats.Remembered.Add(1)
		return out, nil
	}
	if out, err = m.classify(ctx, &own); err == nil {
		out.Note = new(atomic.Value)
		m.said.put(key.b, out)
	}
	return out, err
}

func (m *Module) classify(ctx context.Context, c *Command) (out Classification, err error) {
	err = m.use(ctx, "classify", func(in *instance) error {
		res, err := in.command(c, nil, true)
		if err != nil {
			return err
		}
		var bad string
		if out, bad = decodeClassification(res, c); bad != "" {
			return in.broken("returned %s", bad)
		}
		return nil
	})
	return out, err
}

// Trigger asks whether a command should wait for an approval, given the
// decision so far as JSON; nil means no. An error is a *CallError.
func (m *Module) Trigger(ctx context.Context, c *Command, decision []byte) (out *HoldRequest, err error) {
	if decision == nil {
		decision = []byte{}
	}
	own := *c
	own.least = m.manifest.Least
	c = &own
	err = m.use(ctx, "trigger", func(in *instance) error {
		res, err := in.command(c, decision, false)
		if err != nil {
			return err
		}
		var bad string
		if out, bad = decodeHold(res); bad != "" {
			return in.broken("returned %s", bad)
		}
		return nil
	})
	return out, err
}

func (in *instance) command(c *Command, decision []byte, classify bool) ([]byte, error) {
	n := c.size(decision)
	b, err := in.room(n, in.budget(n))
	if err != nil {
		return nil, err
	}
	c.put(b, decision)
	in.scope = c.Scope
	in.stats.Bytes.Add(uint64(n))
	f := in.trigger
	if classify {
		f = in.classify
	}
	return in.call(f, n, in.budget(n))
}

// Mask asks where a batch has something sensitive and appends what is found
// to dst, ordered by place, never overlapping, always within its cell. It cuts
// a batch that is too large for one call, and long cells into windows that
// overlap by the manifest's reach. Where there is so much to find that a call
// runs out of fuel, it cuts smaller. An error is a *CallError, and then nothing
// of the batch may go to a client.
func (m *Module) Mask(ctx context.Context, b *Batch, dst []Edit) ([]Edit, error) {
	if len(b.Cells) == 0 {
		return dst, nil
	}
	in, err := m.begin(ctx, "mask")
	if err != nil {
		return dst, err
	}
	if bad := b.check(); bad != "" {
		return dst, m.end(ctx, in, &CallError{Plugin: m.name, Kind: KindInput, What: bad})
	}
	in.scope = b.Scope
	keep, reach, columns := len(dst), m.manifest.Reach, b.columnsSize()
	most := cut{bytes: max(m.limits.Batch, smallestBytes(reach)), cells: MaxCells}
	for i, off := 0, 0; i < len(b.Cells); {
		p := b.next(i, off, reach, most)
		found, err := in.piece(b, p, columns, m.manifest.Kinds, dst)
		if err != nil {
			if KindOf(err) != KindFuel || !most.halve(b, p, reach) {
				return dst[:keep], m.end(ctx, in, err)
			}
			if in, err = m.again(ctx, in); err != nil {
				return dst[:keep], err
			}
			continue
		}
		dst = found
		switch {
		case !p.window:
			i += p.count
		case p.before == len(b.Cells[i].Value):
			i, off = i+1, 0
		default:
			off = p.before
		}
	}
	return dst, m.end(ctx, in, nil)
}

func (in *instance) piece(b *Batch, p piece, columns int, kinds []string, dst []Edit) ([]Edit, error) {
	n, data := b.pieceSize(p, columns)
	in.stats.Bytes.Add(uint64(data))
	room, err := in.room(n, in.limits.Fuel)
	if err != nil {
		return dst, err
	}
	b.put(room, p)
	res, err := in.call(in.mask, n, in.limits.Fuel)
	if err != nil {
		return dst, err
	}
	found, bad := b.decode(res, p, kinds, dst)
	if bad != "" {
		return dst, &CallError{Plugin: in.plugin, Kind: KindEdits, What: bad}
	}
	return found, nil
}
