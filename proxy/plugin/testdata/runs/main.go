// The runs plugin finds what stands between ( and ), however long it is, and
// the word "key". It carries whether a bracket is open.
package main

import (
	"bytes"
	"errors"

	sluice "sluice.dev/sdk/go"
)

func init() {
	sluice.Register(sluice.Plugin{
		Manifest: sluice.Manifest{Name: "runs", Version: "1", Kinds: []string{"bracket", "word"}, Reach: 16,
			Settings: `{"type":"object","properties":{"mode":{"type":"string"}}}`},
		Configure: func(s sluice.Value) error { mode = s.Get("mode").String(); return nil },
		Stream:    stream,
	})
}

func main() {}

var mode string

func stream(r *sluice.Run, found *sluice.Edits) error {
	v := r.Value()
	switch mode {
	case "holds too much":
		found.Open(17)
		return nil
	case "carries too much":
		found.Carry(make([]byte, 4097))
		return nil
	case "fails":
		return errors.New("no")
	case "default":
		if n := bytes.Index(v, []byte("key")); n >= 0 {
			found.Add(0, n, n+3, 1)
		}
		return nil
	}
	inside := len(r.State()) > 0
	for i := r.From(); i < len(v); {
		switch {
		case inside:
			n := bytes.IndexByte(v[i:], ')')
			to := len(v)
			if inside = n < 0; !inside {
				to = i + n
			}
			if to > i {
				found.Replace(0, i, to, 0, []byte{})
			}
			i = to
			if !inside {
				i++
			}
		case v[i] == '(':
			inside = true
			i++
		case bytes.HasPrefix(v[i:], []byte("key")):
			found.Add(0, i, i+3, 1)
			i += 3
		case !r.Last() && bytes.HasPrefix([]byte("key"), v[i:]):
			found.Open(len(v) - i)
			return nil // not inside: nothing to carry
		default:
			i++
		}
	}
	if inside && r.Last() && mode == "strict" {
		return errors.New("a bracket never closed")
	}
	found.Open(0)
	if inside {
		found.Carry([]byte{1})
	}
	return nil
}
