package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"sluice.dev/proxy/identity"
)

// maxDocument bounds an input document that is read, in bytes.
const maxDocument = 4 << 20

// document is policies/schema/input.json as Go reads it.
type document struct {
	Principal *struct {
		Subject string         `json:"subject"`
		Issuer  string         `json:"issuer"`
		Groups  []string       `json:"groups"`
		Kinds   []string       `json:"kinds"`
		Chain   []identity.Hop `json:"chain"`
		Claims  map[string]any `json:"claims"`
	} `json:"principal"`
	Connection struct {
		Name     string            `json:"name"`
		Protocol string            `json:"protocol"`
		Labels   map[string]string `json:"labels"`
	} `json:"connection"`
	Session struct {
		ID     string `json:"id"`
		Client struct {
			Address     string `json:"address"`
			Application string `json:"application"`
			User        string `json:"user"`
		} `json:"client"`
		InTransaction bool `json:"in_transaction"`
	} `json:"session"`
	Command    map[string]json.RawMessage `json:"command"`
	Time       string                     `json:"time"`
	Generation string                     `json:"generation"`
}

// ParseInput reads an input document, as policies/schema/input.json has it.
// Keys may be left out: they are empty, false or, of PostgreSQL's facts, true,
// as where a gateway does not know them; the protocol is that of the
// connection or of the command, else postgres, and a command without
// "complete" is complete. Unknown keys and operations are refused, with the
// nearest known one.
func ParseInput(data []byte) (*Input, error) {
	if len(data) > maxDocument {
		return nil, fmt.Errorf("policy: input: %d bytes, at most %d are read", len(data), maxDocument)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	dec.UseNumber()
	var d document
	if err := dec.Decode(&d); err != nil {
		return nil, inputError(err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("policy: input: something follows the document")
	}
	in := &Input{
		Connection: Connection{Name: d.Connection.Name, Protocol: d.Connection.Protocol, Labels: d.Connection.Labels},
		Session: Session{ID: d.Session.ID, InTransaction: d.Session.InTransaction,
			Client: Client{Address: d.Session.Client.Address, Application: d.Session.Client.Application, User: d.Session.Client.User}},
		Generation: d.Generation,
	}
	if p := d.Principal; p != nil {
		in.Principal = &identity.Principal{Subject: p.Subject, Issuer: p.Issuer, Groups: p.Groups, Kinds: p.Kinds, Chain: p.Chain, Claims: p.Claims}
	}
	if d.Time != "" {
		at, err := time.Parse(time.RFC3339Nano, d.Time)
		if err != nil {
			return nil, fmt.Errorf("policy: input: time: %w: write it as 2026-01-02T15:04:05Z", err)
		}
		in.Time = at
	}
	if err := in.command(d.Command); err != nil {
		return nil, err
	}
	return in, nil
}

func (in *Input) command(raw map[string]json.RawMessage) error {
	c := &in.Command
	c.Complete, c.Resolved = true, "none"
	into := map[string]any{"protocol": &c.Protocol, "digest": &c.Digest, "fingerprint": &c.Fingerprint, "complete": &c.Complete,
		"resolved": &c.Resolved, "operations": &c.Operations, "reads": &c.Reads, "writes": &c.Writes, "columns": &c.Columns,
		"filters": &c.Filters, "functions": &c.Functions, "flags": &c.Flags, "parameters": &c.Parameters,
		"parameter_digests": &c.ParameterDigests, "labels": &c.Labels, "risk": &c.Risk}
	s := loadSchema()
	for _, name := range sortedKeys(raw) {
		to, ok := into[name]
		if !ok {
			if !slices.Contains(s.protocols, name) {
				return unknownKey("command."+name, didYouMean(nearest(name, append(sortedKeys(into), s.protocols...))))
			}
			continue
		}
		if err := json.Unmarshal(raw[name], to); err != nil {
			return fmt.Errorf("policy: input: command.%s: %w", name, err)
		}
	}
	for _, op := range c.Operations {
		if !slices.Contains(s.operations, op) {
			return unknownKey(fmt.Sprintf("command.operations: %q", op), didYouMean(nearest(op, s.operations)))
		}
	}
	for _, flag := range sortedKeys(c.Flags) {
		if !slices.Contains(s.flags, flag) {
			return unknownKey("command.flags."+flag, didYouMean(nearest(flag, s.flags)))
		}
	}
	switch {
	case c.Protocol == "" && in.Connection.Protocol != "":
		c.Protocol = in.Connection.Protocol
	case c.Protocol == "":
		c.Protocol = "postgres"
	}
	if in.Connection.Protocol == "" {
		in.Connection.Protocol = c.Protocol
	}
	for _, name := range s.protocols {
		own, there := raw[name]
		switch {
		case !there:
		case name != c.Protocol:
			return fmt.Errorf("policy: input: command.%s, and the command's protocol is %s", name, c.Protocol)
		default:
			dec := json.NewDecoder(bytes.NewReader(own))
			dec.UseNumber()
			if err := dec.Decode(&c.Own); err != nil {
				return fmt.Errorf("policy: input: command.%s: %w", name, err)
			}
		}
	}
	return nil
}

func unknownKey(what, suggestion string) error {
	if suggestion != "" {
		suggestion = "; " + suggestion
	}
	return fmt.Errorf("policy: input: the schema has no %s%s", what, suggestion)
}

// inputError says of an unknown key what may have been meant.
func inputError(err error) error {
	quoted, unknown := strings.CutPrefix(err.Error(), "json: unknown field ")
	if !unknown {
		return fmt.Errorf("policy: input: %w", err)
	}
	name := strings.Trim(quoted, `"`)
	keys := loadSchema().keys
	near := name
	if keys[name] == nil {
		near = nearest(name, sortedKeys(keys))
	}
	suggestion := ""
	if len(keys[near]) > 0 {
		suggestion = didYouMean(keys[near][0])
	}
	return unknownKey(fmt.Sprintf("key %q there", name), suggestion)
}
