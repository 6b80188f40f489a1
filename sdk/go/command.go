package sluice

// Command is a command to classify. Its strings and bytes are the gateway's
// and valid until the function returns.
type Command struct {
	Protocol string // postgres, redis, ssh, …
	Text     []byte
	Facts    Value // what the gateway's parser knows
	Groups   []string
	Params   []Param
	// Decision is what was decided so far; only Trigger sees it.
	Decision Value
}

// Param is a bound value.
type Param struct {
	Null   bool
	Binary bool
	Value  []byte
}

// ReadCommand reads an encoded command (sdk/ABI.md 4). Fields that it does not
// know are skipped.
func ReadCommand(b []byte, c *Command) bool {
	*c = Command{Groups: c.Groups[:0], Params: c.Params[:0]}
	for len(b) >= 8 {
		tag, n := u32(b, 0), int(u32(b, 4))
		if n > len(b)-8 {
			return false
		}
		v := b[8 : 8+n : 8+n]
		b = b[8+n:]
		switch tag {
		case 1:
			c.Protocol = string(v)
		case 2:
			c.Text = v
		case 3:
			c.Facts = Value(v)
		case 4:
			c.Groups = append(c.Groups, string(v))
		case 5:
			if n == 0 {
				return false
			}
			c.Params = append(c.Params, Param{Binary: v[0]&1 != 0, Value: v[1:]})
		case 6:
			c.Params = append(c.Params, Param{Null: true})
		case 7:
			c.Decision = Value(v)
		}
	}
	return len(b) == 0
}

// Classification collects what a classifier finds.
type Classification struct {
	b    []byte
	risk uint32
}

func appendField(b []byte, tag uint32, v string) []byte {
	n := uint32(len(v))
	b = append(b, byte(tag), byte(tag>>8), byte(tag>>16), byte(tag>>24), byte(n), byte(n>>8), byte(n>>16), byte(n>>24))
	return append(b, v...)
}

// Label adds a label: [a-z0-9][a-z0-9-_.:]*.
func (c *Classification) Label(name string) { c.b = appendField(c.b, 1, name) }

// Risk raises the risk, 0 to 100, to n.
func (c *Classification) Risk(n int) { c.risk = max(c.risk, uint32(min(max(n, 0), 100))) }

// Reason says why, in one line of at most 512 bytes. It must not quote data:
// it is kept and shown.
func (c *Classification) Reason(text string) { c.b = appendField(c.b, 3, text) }

// Span marks bytes from to to of the command's text as sensitive.
func (c *Classification) Span(from, to int, kind string) { c.span(0, from, to, kind) }

// ParamSpan marks bytes of bound value i as sensitive.
func (c *Classification) ParamSpan(i, from, to int, kind string) { c.span(uint32(i+1), from, to, kind) }

func (c *Classification) span(where uint32, from, to int, kind string) {
	n := len(c.b)
	c.b = appendField(c.b, 4, "............"+kind)
	putU32(c.b, n+8, where)
	putU32(c.b, n+12, uint32(from))
	putU32(c.b, n+16, uint32(to))
}

// Reset forgets everything and keeps the memory.
func (c *Classification) Reset() { c.b, c.risk = c.b[:0], 0 }

// Bytes encodes the classification (sdk/ABI.md 4).
func (c *Classification) Bytes() []byte {
	if c.risk > 0 {
		n := len(c.b)
		c.b = appendField(c.b, 2, "....")
		putU32(c.b, n+8, c.risk)
	}
	return c.b
}

// Bytes encodes a hold; nil if there is none.
func (h *Hold) Bytes() []byte {
	if h == nil {
		return nil
	}
	b := appendField(nil, 1, h.Approval)
	if h.Reason != "" {
		b = appendField(b, 2, h.Reason)
	}
	return b
}
