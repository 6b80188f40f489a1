// The probe plugin does what the runtime's tests ask for.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	sluice "sluice.dev/sdk/go"
)

var mode string

func init() {
	sluice.Register(sluice.Plugin{
		Manifest: sluice.Manifest{
			Name: "probe", Version: "1.2.3", Capabilities: []string{"pseudonym"}, Kinds: []string{"word", "other"}, Reach: 64,
			Settings: `{"type":"object","additionalProperties":false,"properties":{"mode":{"type":"string"},"word":{"type":"string","maxLength":8}}}`,
		},
		Configure: func(s sluice.Value) error {
			mode = s.Get("mode").String()
			switch mode {
			case "refuse":
				return errors.New("/mode: refuse is refused")
			case "panic":
				panic("settings are wrong")
			case "log":
				sluice.Log(sluice.Warn, "configured\nwith \x1b[31mcolour")
			}
			if w := s.Get("word").String(); w != "" {
				word = []byte(w)
			}
			return nil
		},
		Mask: mask, Classify: classify, Trigger: trigger,
	})
}

var word = []byte("secret")

func main() {}

func mask(b *sluice.Batch, found *sluice.Edits) error {
	for i := range b.Cells() {
		v, col := b.Cell(i)
		for at := 0; ; {
			n := bytes.Index(v[at:], word)
			if n < 0 {
				break
			}
			from := at + n
			at = from + len(word)
			switch mode {
			case "pseudonym":
				out, ok := sluice.Pseudonym(nil, "word", v[from:at])
				if !ok {
					return errors.New("no pseudonym")
				}
				found.Replace(i, from, at, 0, out)
			case "erase":
				found.Replace(i, from, at, 0, nil)
			case "column":
				c := b.Column(col)
				found.Replace(i, from, at, 1, []byte(fmt.Sprint(c.Name(), " ", c.Table(), " ", c.Type(), " ", c.Binary())))
			case "log":
				sluice.Log(sluice.Info, "saw "+string(v))
				found.Add(i, from, at, 0)
			case "garbage": // works the collector hard
				var keep [][]byte
				for k := range 200 {
					keep = append(keep, make([]byte, 1000+k))
				}
				found.Add(i, from, at, len(keep)/1000)
			case "world":
				host, err := os.Hostname()
				_, err2 := os.ReadFile("/etc/passwd")
				out := fmt.Sprint(time.Now().UnixNano(), rand.Uint64(), os.Environ(), os.Args, host, err != nil, err2 != nil)
				found.Replace(i, from, at, 0, []byte(out))
			case "map":
				m := map[string]int{"a": 1, "b": 2, "c": 3, "d": 4, "e": 5, "f": 6, "g": 7, "h": 8, "i": 9}
				var s strings.Builder
				for k := range m {
					s.WriteString(k)
				}
				found.Replace(i, from, at, 0, []byte(s.String()))
			default:
				found.Add(i, from, at, 0)
			}
		}
		if mode == "trap" && bytes.HasPrefix(v, []byte("trap")) {
			panic("my secret is 4111111111111111")
		}
	}
	return nil
}

func classify(c *sluice.Command, is *sluice.Classification) error {
	if mode == "error" {
		return fmt.Errorf("cannot classify %s", c.Text)
	}
	is.Label(c.Protocol)
	for _, g := range c.Groups {
		is.Label("group-" + g)
	}
	for _, op := range c.Facts.Get("operations").Strings() {
		is.Label("op-" + op)
	}
	if n := bytes.Index(c.Text, word); n >= 0 {
		is.Span(n, n+len(word), "word")
	}
	for i, p := range c.Params {
		switch {
		case p.Null:
			is.Label("null")
		case p.Binary:
			is.Label("binary")
		case bytes.Contains(p.Value, word):
			is.ParamSpan(i, 0, len(p.Value), "")
		}
	}
	is.Risk(len(c.Params) * 10)
	is.Reason("it was\nasked")
	return nil
}

func trigger(c *sluice.Command) (*sluice.Hold, error) {
	if !c.Decision.Get("allow").Bool() || !bytes.Contains(c.Text, word) {
		return nil, nil
	}
	return &sluice.Hold{Approval: "change", Reason: "has the word"}, nil
}
