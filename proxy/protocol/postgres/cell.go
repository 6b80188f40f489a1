package postgres

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"

	"sluice.dev/proxy/gate"
	"sluice.dev/proxy/mask"
)

// OIDs of built-in types (pg_type.dat) whose placeholder is not NULL.
const (
	oidBool    = 16
	oidBytea   = 17
	oidName    = 19
	oidInt8    = 20
	oidInt2    = 21
	oidInt4    = 23
	oidText    = 25
	oidJSON    = 114
	oidXML     = 142
	oidUnknown = 705
	oidBPChar  = 1042
	oidVarchar = 1043
	oidUUID    = 2950
	oidJSONB   = 3802
)

// family says how a type's values are written.
type family uint8

const (
	familyOther family = iota // its placeholder is NULL
	familyText
	familyJSON
	familyJSONB
	familyBytea
	familyArray
	familyInt
	familyUUID
)

// typeInfo is what a mask needs to know of a type.
type typeInfo struct {
	family family
	width  int    // of an integer, in bytes
	elem   uint32 // of an array
}

// builtinArrays has the element of the array types that drivers meet
// (pg_type.dat); others come from the catalog.
var builtinArrays = map[uint32]uint32{
	1000: 16, 1001: 17, 1003: 19, 1005: 21, 1007: 23, 1009: 25, 1014: 1042, 1015: 1043, 1016: 20,
	1021: 700, 1022: 701, 1231: 1700, 1115: 1114, 1182: 1082, 1185: 1184, 2951: 2950, 199: 114, 3807: 3802, 143: 142,
}

// typeOf looks a type up; extra is the catalog's word for types that are not
// built in.
func typeOf(oid uint32, extra func(uint32) (typeInfo, bool)) typeInfo {
	switch oid {
	case oidText, oidVarchar, oidBPChar, oidName, oidXML, oidUnknown:
		return typeInfo{family: familyText}
	case oidJSON:
		return typeInfo{family: familyJSON}
	case oidJSONB:
		return typeInfo{family: familyJSONB}
	case oidBytea:
		return typeInfo{family: familyBytea}
	case oidUUID:
		return typeInfo{family: familyUUID}
	case oidInt2:
		return typeInfo{family: familyInt, width: 2}
	case oidInt4:
		return typeInfo{family: familyInt, width: 4}
	case oidInt8:
		return typeInfo{family: familyInt, width: 8}
	}
	if e, ok := builtinArrays[oid]; ok {
		return typeInfo{family: familyArray, elem: e}
	}
	if oid >= 16384 && extra != nil {
		if t, ok := extra(oid); ok {
			return t
		}
	}
	return typeInfo{}
}

// placeholder is a redacted value of the type in the wire format, nil for
// NULL (reference/masking.md 8). Its length is constant.
func placeholder(t typeInfo, format int) []byte {
	switch t.family {
	case familyText:
		return []byte(mask.Placeholder)
	case familyJSON:
		return []byte(`"***"`)
	case familyJSONB:
		if format == 1 {
			return []byte("\x01\"***\"")
		}
		return []byte(`"***"`)
	case familyBytea:
		if format == 1 {
			return []byte("***")
		}
		return []byte(`\x2a2a2a`)
	case familyArray:
		if format == 1 {
			b := make([]byte, 12)
			binary.BigEndian.PutUint32(b[8:], t.elem)
			return b
		}
		return []byte("{}")
	}
	return nil
}

// treat replaces one cell. A nil result is NULL. A protected value that is
// NULL stays so; the caller replaces derived ones before.
func treat(k *mask.Key, t mask.Treatment, scope string, ty typeInfo, format int, v []byte) []byte {
	if v == nil {
		return nil
	}
	switch t.Action {
	case mask.None:
		return v
	case mask.Null, mask.Deny:
		return nil
	}
	switch ty.family {
	case familyText:
		s, null := k.Text(t, scope, v)
		if null {
			return nil
		}
		return []byte(s)
	case familyInt:
		if t.Action == mask.Pseudonym {
			return pseudonymInt(k, scope, ty.width, format, v)
		}
	case familyUUID:
		if t.Action == mask.Pseudonym {
			return pseudonymUUID(k, scope, format, v)
		}
	}
	return placeholder(ty, format)
}

func pseudonymInt(k *mask.Key, scope string, width, format int, v []byte) []byte {
	var n int64
	if format == 1 {
		switch len(v) {
		case 2:
			n = int64(int16(binary.BigEndian.Uint16(v)))
		case 4:
			n = int64(int32(binary.BigEndian.Uint32(v)))
		case 8:
			n = int64(binary.BigEndian.Uint64(v))
		default:
			return nil
		}
	} else {
		var err error
		if n, err = strconv.ParseInt(string(v), 10, 64); err != nil {
			return nil
		}
	}
	p := k.PseudonymInt(scope, n, width*8)
	if format != 1 {
		return strconv.AppendInt(nil, p, 10)
	}
	b := make([]byte, 8)
	binary.BigEndian.PutUint64(b, uint64(p))
	return b[8-width:]
}

func pseudonymUUID(k *mask.Key, scope string, format int, v []byte) []byte {
	raw := v
	if format != 1 {
		var err error
		if raw, err = hex.DecodeString(strings.ReplaceAll(string(v), "-", "")); err != nil {
			return nil
		}
	}
	if len(raw) != 16 {
		return nil
	}
	u := k.PseudonymUUID(scope, raw)
	if format == 1 {
		return u[:]
	}
	h := hex.EncodeToString(u[:])
	return []byte(h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:])
}

// replaceSpans treats what a detector found in a text-like cell. Edits are of
// this one cell, in order, and do not overlap.
func replaceSpans(k *mask.Key, t mask.Treatment, scope string, ty typeInfo, format int, v []byte, edits []gate.Edit) []byte {
	if t.Action == mask.Null || t.Action == mask.Deny {
		return nil
	}
	inJSON := ty.family == familyJSON || ty.family == familyJSONB
	if inJSON && t.Action != mask.Hash && t.Action != mask.Replace {
		t.Action = mask.Redact // what is kept of a span could end inside an escape
	}
	out := make([]byte, 0, len(v))
	at, given := 0, false
	if n := len(edits); n > 0 && (ty.family == familyArray || ty.family == familyOther) && (edits[0].From == 0 || int(edits[n-1].To) == len(v)) {
		return placeholder(ty, format) // such values begin and end with a sign of their type's
	}
	for i := range edits {
		e := &edits[i]
		out = append(out, v[at:e.From]...)
		if t.Action == mask.Replace && e.Replacement != nil {
			out, given = append(out, e.Replacement...), true
		} else {
			out, _ = k.AppendText(out, t, scope, v[e.From:e.To])
		}
		at = int(e.To)
	}
	out = append(out, v[at:]...)
	if given && !holds(ty, out) || inJSON && !validJSON(ty, format, out) {
		return placeholder(ty, format)
	}
	return out
}

// holds says whether a type takes what a plugin has written into its cell: an
// array, say, or a composite type has a syntax of its own.
func holds(ty typeInfo, v []byte) bool {
	switch ty.family {
	case familyText, familyJSON, familyJSONB:
		return utf8.Valid(v) && bytes.IndexByte(v, 0) < 0
	}
	return false
}

func validJSON(ty typeInfo, format int, v []byte) bool {
	if ty.family == familyJSONB && format == 1 {
		if len(v) == 0 || v[0] != 1 { // jsonb_send's version
			return false
		}
		v = v[1:]
	}
	return json.Valid(v)
}
