package recorded

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"sluice.dev/proxy/audit"
	"sluice.dev/proxy/gate"
	"sluice.dev/proxy/mask"
	"sluice.dev/proxy/plugin"
)

// Given is the part of a command that a record may hold redacted only: its text
// as the client sent it, and its bound values.
type Given struct {
	Text   string  `json:"text"`
	Params []Value `json:"params"`
}

// Value is a bound value: a JSON string, null, or {"binary": "base64"} for one
// that the gateway could not read as text.
type Value struct{ plugin.Param }

// UnmarshalJSON implements json.Unmarshaler.
func (v *Value) UnmarshalJSON(b []byte) error {
	var text *string
	if err := json.Unmarshal(b, &text); err == nil {
		v.Null = text == nil
		if text != nil {
			v.Value = []byte(*text)
		}
		return nil
	}
	var o struct {
		Binary *[]byte `json:"binary"`
	}
	if err := json.Unmarshal(b, &o); err != nil || o.Binary == nil {
		return errors.New(`a value is a string, null, or {"binary": "base64"}`)
	}
	v.Param = plugin.Param{Value: *o.Binary, Binary: true}
	return nil
}

// Replay is what running a plugin again has shown.
type Replay struct {
	Command string `json:"command"`
	Plugin  string `json:"plugin"`
	Module  string `json:"module"`
	// Proven: what was run on is, by its keyed digest, the input that the record
	// names. Without that the answer says nothing.
	Proven bool `json:"input_proven"`
	// Same: the answer is the recorded one, spans included.
	Same  bool   `json:"same"`
	Clock bool   `json:"clock,omitempty"`
	Error string `json:"error,omitempty"` // the call failed
	// Recorded and Now are what was said then, and by this run.
	Recorded Answer  `json:"recorded"`
	Now      *Answer `json:"now,omitempty"`
}

// Answer is a classification without its spans.
type Answer struct {
	Labels []string `json:"labels"`
	Risk   int      `json:"risk"`
	Reason string   `json:"reason,omitempty"`
}

// Whole is a record that was shortened in its own place, as the log's object has
// it.
func Whole(dir string, e *audit.Entry) (*audit.Entry, error) {
	if e.Elided.Object == "" {
		return e, nil
	}
	b, err := audit.ReadObject(dir, e.Elided.Object)
	if err != nil {
		return nil, err
	}
	return audit.Decode(e.Seq, b)
}

// command is what plugins saw, as far as the record has it; given stands in for
// what it may have redacted.
func command(dir string, e *audit.Entry, given *Given) (*plugin.Command, error) {
	a := &e.Action
	c := &plugin.Command{Protocol: e.Connection.Protocol, Text: a.Text, Groups: e.Principal.Groups}
	if a.FactsObject != "" {
		b, err := audit.ReadObject(dir, a.FactsObject)
		if err != nil {
			return nil, err
		}
		c.Facts = b
	}
	if given != nil {
		c.Text = given.Text
		for _, v := range given.Params {
			c.Params = append(c.Params, v.Param)
		}
		return c, nil
	}
	if a.TextObject != "" {
		b, err := audit.ReadObject(dir, a.TextObject)
		if err != nil {
			return nil, err
		}
		c.Text = string(b)
	}
	for i := 1; i <= int(a.Parameters); i++ {
		v, ok := e.Detail["$"+strconv.Itoa(i)]
		if !ok {
			break
		}
		c.Params = append(c.Params, plugin.Param{Null: v == "NULL", Value: []byte(v)})
	}
	return c, nil
}

// Run loads the module that a record names from the log in dir, with what it was
// loaded with in the generation that decided, and asks it again: a fresh
// instance, this one call. key is the gateway's, which the digest of the input
// is made with. given may be nil.
func (s *Said) Run(ctx context.Context, r *plugin.Runtime, key *mask.Key, given *Given) (*Replay, error) {
	said := s.Said
	out := &Replay{Command: s.entry.Command, Plugin: said.Plugin, Module: said.Module, Clock: said.Clock,
		Recorded: Answer{append([]string{}, said.Labels...), int(said.Risk), said.Reason}}
	wasm, err := audit.ReadObject(s.dir, said.Module)
	if err != nil {
		return nil, err
	}
	spec := s.loaded.Spec(wasm)
	spec.Limits.Instances = 1
	m, err := r.Load(ctx, spec)
	if err != nil {
		return nil, err
	}
	defer m.Close(context.WithoutCancel(ctx)) //nolint:errcheck // nothing depends on it
	c, err := command(s.dir, s.entry, given)
	if err != nil {
		return nil, err
	}
	if out.Proven = key.Digest(gate.InputDomain, m.Input(c)) == said.Input; !out.Proven {
		return out, nil
	}
	got, err := m.Classify(ctx, c)
	if err != nil {
		out.Error = err.Error()
		return out, nil
	}
	out.Same = got.Digest() == said.Output
	out.Now = &Answer{append([]string{}, got.Labels...), got.Risk, got.Reason}
	return out, nil
}

// Said is what a plugin said of a recorded command, and how it was loaded then.
type Said struct {
	audit.Said
	dir    string
	entry  *audit.Entry
	loaded plugin.Loaded
}

// Plugins are those that classified a recorded command.
func Plugins(dir string, e *audit.Entry) ([]Said, error) {
	e, err := Whole(dir, e)
	if err != nil {
		return nil, err
	}
	if len(e.Action.Plugins) == 0 {
		return nil, fmt.Errorf("the record of command %s names no plugin that classified it", e.Command)
	}
	var objects map[string]string
	err = audit.Scan(dir, func(n audit.Seq, raw []byte) error {
		if n >= e.Seq {
			return audit.ErrStop
		}
		c, err := audit.Decode(n, raw)
		if err == nil && c.Event == audit.ConfigLoad && c.Config.Generation == e.Config.Generation {
			objects = c.Config.Objects
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	var out []Said
	for _, said := range e.Action.Plugins {
		x := Said{Said: said, dir: dir, entry: e}
		digest := objects["plugin "+said.Plugin]
		if digest == "" {
			return nil, fmt.Errorf("the log does not hold what plugin %s of generation %s was loaded with", said.Plugin, e.Config.Generation)
		}
		b, err := audit.ReadObject(dir, digest)
		if err == nil {
			err = json.Unmarshal(b, &x.loaded)
		}
		if err != nil {
			return nil, err
		}
		if x.loaded.Module != said.Module {
			return nil, fmt.Errorf("the record says that plugin %s was module %s, and the load of its generation says %s", said.Plugin, said.Module, x.loaded.Module)
		}
		out = append(out, x)
	}
	return out, nil
}
