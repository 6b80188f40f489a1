package plugin

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
)

// Input is what Classify of the module hands to it for a command, to the byte
// (sdk/ABI.md 4): what a record names by a keyed digest, and what a replay has
// to begin from.
func (m *Module) Input(c *Command) []byte {
	own := *c
	own.least = m.manifest.Least
	b := make([]byte, own.size(nil))
	own.put(b, nil)
	return b
}

// Replays says whether the module gives the same answer to the same input at
// any time: not one that may read the clock.
func (m *Module) Replays() bool { return !m.Can("now") }

// Digest is a SHA-256, in hex, over all of a classification, in the form of
// sdk/ABI.md 4: labels, risk, reason, spans.
func (c *Classification) Digest() string {
	h := sha256.New()
	var head [8]byte
	field := func(tag uint32, parts ...[]byte) {
		n := 0
		for _, p := range parts {
			n += len(p)
		}
		le.PutUint32(head[:], tag)
		le.PutUint32(head[4:], uint32(n))
		h.Write(head[:])
		for _, p := range parts {
			h.Write(p)
		}
	}
	for _, l := range c.Labels {
		field(tagLabel, []byte(l))
	}
	field(tagRisk, le.AppendUint32(nil, uint32(c.Risk)))
	if c.Reason != "" {
		field(tagReason, []byte(c.Reason))
	}
	for _, s := range c.Spans {
		at := le.AppendUint32(le.AppendUint32(le.AppendUint32(nil, uint32(s.Param+1)), s.From), s.To)
		field(tagSpan, at, []byte(s.Kind))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Loaded is what a module was loaded as, beside its bytes: what an auditor needs
// to load it again.
type Loaded struct {
	Name     string          `json:"name"`
	Module   string          `json:"module"` // "sha256:…" of the file
	Settings json.RawMessage `json:"settings"`
	Grants   []string        `json:"grants,omitempty"`
	Limits   Limits          `json:"limits"` // of its own; 0: the defaults
}

// Spec loads it again.
func (l *Loaded) Spec(wasm []byte) Spec {
	return Spec{Name: l.Name, Wasm: wasm, SHA256: l.Module, Settings: l.Settings, Grants: l.Grants, Limits: l.Limits}
}
