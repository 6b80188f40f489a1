package policy

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"slices"
)

// A keyFunc appends one part of a document to a cache key, so that equal
// bytes mean an equal part: lengths before contents, a tag before what may be
// absent or of several types. It answers false where it cannot.
type keyFunc func(dst []byte, in *Input) ([]byte, bool)

// keyOf is the keyFunc of one input path. A path that leads into a leaf, into
// a list or to where nothing can be is cut short to what holds it.
func keyOf(path []string) keyFunc {
	at := func(i int) string {
		if i < len(path) {
			return path[i]
		}
		return ""
	}
	switch at(0) {
	case "principal":
		return principalKey(at(1), path)
	case "connection":
		switch at(1) {
		case "name":
			return stringKey(func(in *Input) string { return in.Connection.Name })
		case "protocol":
			return stringKey(func(in *Input) string { return in.Connection.Protocol })
		case "labels":
			if len(path) > 2 {
				name := path[2]
				return func(dst []byte, in *Input) ([]byte, bool) {
					v, ok := in.Connection.Labels[name]
					if !ok {
						return append(dst, tagAbsent), true
					}
					return appendString(append(dst, tagString), v), true
				}
			}
			return func(dst []byte, in *Input) ([]byte, bool) {
				return appendMap(dst, in.Connection.Labels, appendString), true
			}
		}
		return join(keyOf([]string{"connection", "name"}), keyOf([]string{"connection", "protocol"}), keyOf([]string{"connection", "labels"}))
	case "session":
		return sessionKey(at(1), at(2))
	case "command":
		return commandKey(at(1), path)
	case "generation":
		return stringKey(func(in *Input) string { return in.Generation })
	case "time":
		return func(dst []byte, in *Input) ([]byte, bool) {
			return binary.BigEndian.AppendUint64(dst, uint64(in.Time.UnixNano())), true
		}
	}
	return join(keyOf([]string{"principal"}), keyOf([]string{"connection"}), keyOf([]string{"session"}),
		keyOf([]string{"command"}), keyOf([]string{"generation"}), keyOf([]string{"time"}))
}

func principalKey(name string, path []string) keyFunc {
	switch name {
	case "subject":
		return stringKey(func(in *Input) string { return in.principal().Subject })
	case "issuer":
		return stringKey(func(in *Input) string { return in.principal().Issuer })
	case "groups":
		return listKey(func(in *Input) []string { return in.principal().Groups })
	case "kinds":
		return listKey(func(in *Input) []string { return in.principal().Kinds })
	case "chain":
		return func(dst []byte, in *Input) ([]byte, bool) {
			chain := in.principal().Chain
			dst = binary.AppendUvarint(dst, uint64(len(chain)))
			for _, h := range chain {
				dst = appendString(appendString(dst, h.Subject), h.Issuer)
				dst = appendString(appendString(dst, h.Kind), h.Proof)
				dst = appendStrings(dst, h.Groups)
			}
			return dst, true
		}
	case "claims":
		rest := path[2:]
		return func(dst []byte, in *Input) ([]byte, bool) { return appendPath(dst, in.principal().Claims, rest) }
	}
	return join(keyOf([]string{"principal", "subject"}), keyOf([]string{"principal", "issuer"}), keyOf([]string{"principal", "groups"}),
		keyOf([]string{"principal", "kinds"}), keyOf([]string{"principal", "chain"}), keyOf([]string{"principal", "claims"}))
}

func sessionKey(name, sub string) keyFunc {
	switch name {
	case "id":
		return stringKey(func(in *Input) string { return in.Session.ID })
	case "in_transaction":
		return boolKey(func(in *Input) bool { return in.Session.InTransaction })
	case "client":
		switch sub {
		case "address":
			return stringKey(func(in *Input) string { return in.Session.Client.Address })
		case "application":
			return stringKey(func(in *Input) string { return in.Session.Client.Application })
		case "user":
			return stringKey(func(in *Input) string { return in.Session.Client.User })
		}
		return join(sessionKey("client", "address"), sessionKey("client", "application"), sessionKey("client", "user"))
	}
	return join(sessionKey("id", ""), sessionKey("client", ""), sessionKey("in_transaction", ""))
}

func commandKey(name string, path []string) keyFunc {
	switch name {
	case "protocol":
		return stringKey(func(in *Input) string { return in.Command.Protocol })
	case "digest":
		return stringKey(func(in *Input) string { return in.Command.Digest })
	case "fingerprint":
		return stringKey(func(in *Input) string { return in.Command.Fingerprint })
	case "complete":
		return boolKey(func(in *Input) bool { return in.Command.Complete })
	case "resolved":
		return stringKey(func(in *Input) string { return in.Command.Resolved })
	case "operations":
		return listKey(func(in *Input) []string { return in.Command.Operations })
	case "reads":
		return listKey(func(in *Input) []string { return in.Command.Reads })
	case "writes":
		return listKey(func(in *Input) []string { return in.Command.Writes })
	case "columns":
		return listKey(func(in *Input) []string { return in.Command.Columns })
	case "filters":
		return listKey(func(in *Input) []string { return in.Command.Filters })
	case "functions":
		return listKey(func(in *Input) []string { return in.Command.Functions })
	case "flags":
		if len(path) > 2 {
			return flagKey(path[2])
		}
		return func(dst []byte, in *Input) ([]byte, bool) { return appendMap(dst, in.Command.Flags, appendBool), true }
	case "parameters":
		return intKey(func(in *Input) int { return in.Command.Parameters })
	case "parameter_digests":
		return listKey(func(in *Input) []string { return in.Command.ParameterDigests })
	case "labels":
		return listKey(func(in *Input) []string { return in.Command.Labels })
	case "risk":
		return intKey(func(in *Input) int { return in.Command.Risk })
	case "":
		all := make([]keyFunc, 0, len(commandKeys)+1)
		for _, k := range commandKeys {
			all = append(all, commandKey(k, []string{"command", k}))
		}
		return join(append(all, ownKey)...)
	}
	// The protocol's own object, which is there under one name only.
	if len(path) < 3 {
		return join(commandKey("protocol", nil), ownKey)
	}
	rest := path[2:]
	return func(dst []byte, in *Input) ([]byte, bool) {
		if in.Command.Protocol != name || in.Command.Own == nil {
			return appendString(append(dst, tagAbsent), in.Command.Protocol), true
		}
		return appendPath(append(dst, tagObject), in.Command.Own, rest)
	}
}

var commandKeys = []string{"protocol", "digest", "fingerprint", "complete", "resolved", "operations", "reads", "writes", "columns",
	"filters", "functions", "flags", "parameters", "parameter_digests", "labels", "risk"}

// ownKey is all of the protocol's own object: the keys that the schema names in
// their order, so that nothing is sorted where there are no others.
func ownKey(dst []byte, in *Input) ([]byte, bool) {
	own := in.Command.Own
	if own == nil {
		return append(dst, tagAbsent), true
	}
	dst = append(dst, tagObject)
	found := 0
	for _, name := range loadSchema().own[in.Command.Protocol] {
		v, there := own[name]
		if !there {
			dst = append(dst, tagAbsent)
			continue
		}
		found++
		var ok bool
		if dst, ok = appendAny(dst, v); !ok {
			return dst, false
		}
	}
	if found == len(own) {
		return append(dst, tagAbsent), true
	}
	return appendAny(dst, own)
}

func flagKey(name string) keyFunc {
	return func(dst []byte, in *Input) ([]byte, bool) {
		set, ok := in.Command.Flags[name]
		if !ok {
			return append(dst, tagAbsent), true
		}
		return appendBool(dst, set), true
	}
}

const (
	tagAbsent byte = iota
	tagNull
	tagFalse
	tagTrue
	tagString
	tagInt
	tagFloat
	tagNumber
	tagList
	tagStrings
	tagObject
)

func join(parts ...keyFunc) keyFunc {
	return func(dst []byte, in *Input) ([]byte, bool) {
		for _, p := range parts {
			var ok bool
			if dst, ok = p(dst, in); !ok {
				return dst, false
			}
		}
		return dst, true
	}
}

func stringKey(get func(*Input) string) keyFunc {
	return func(dst []byte, in *Input) ([]byte, bool) { return appendString(dst, get(in)), true }
}

func listKey(get func(*Input) []string) keyFunc {
	return func(dst []byte, in *Input) ([]byte, bool) { return appendStrings(dst, get(in)), true }
}

func boolKey(get func(*Input) bool) keyFunc {
	return func(dst []byte, in *Input) ([]byte, bool) { return appendBool(dst, get(in)), true }
}

func intKey(get func(*Input) int) keyFunc {
	return func(dst []byte, in *Input) ([]byte, bool) { return binary.AppendVarint(dst, int64(get(in))), true }
}

func appendString(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

func appendStrings(dst []byte, list []string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(list)))
	for _, s := range list {
		dst = appendString(dst, s)
	}
	return dst
}

func appendBool(dst []byte, b bool) []byte {
	if b {
		return append(dst, tagTrue)
	}
	return append(dst, tagFalse)
}

func appendMap[V any](dst []byte, m map[string]V, value func([]byte, V) []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(m)))
	for _, k := range sortedKeys(m) {
		dst = value(appendString(dst, k), m[k])
	}
	return dst
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// appendPath follows the path through objects and appends what is there.
func appendPath(dst []byte, v any, path []string) ([]byte, bool) {
	for _, name := range path {
		m, ok := v.(map[string]any)
		if !ok {
			break // a leaf or a list: all of it
		}
		if v, ok = m[name]; !ok {
			return append(dst, tagAbsent), true
		}
	}
	return appendAny(dst, v)
}

func appendAny(dst []byte, v any) ([]byte, bool) {
	switch v := v.(type) {
	case nil:
		return append(dst, tagNull), true
	case bool:
		return appendBool(dst, v), true
	case string:
		return appendString(append(dst, tagString), v), true
	case int:
		return binary.AppendVarint(append(dst, tagInt), int64(v)), true
	case int64:
		return binary.AppendVarint(append(dst, tagInt), v), true
	case float64:
		return binary.BigEndian.AppendUint64(append(dst, tagFloat), math.Float64bits(v)), true
	case json.Number:
		return appendString(append(dst, tagNumber), v.String()), true
	case []string:
		return appendStrings(append(dst, tagStrings), v), true
	case []any:
		dst = binary.AppendUvarint(append(dst, tagList), uint64(len(v)))
		for _, e := range v {
			var ok bool
			if dst, ok = appendAny(dst, e); !ok {
				return dst, false
			}
		}
		return dst, true
	case map[string]any:
		dst = binary.AppendUvarint(append(dst, tagObject), uint64(len(v)))
		for _, k := range sortedKeys(v) {
			var ok bool
			if dst, ok = appendAny(appendString(dst, k), v[k]); !ok {
				return dst, false
			}
		}
		return dst, true
	}
	return dst, false
}
