package postgres

import (
	"github.com/jackc/pgx/v5/pgtype"
)

// paramTypes decodes what drivers bind in binary. It is only read.
var paramTypes = pgtype.NewMap()

// shown is a bound value in binary form as text, for approvers, records and
// plugins; "" when its type is not known or the bytes are not of it.
func shown(oid uint32, v []byte) (text string) {
	t, ok := paramTypes.TypeForOID(oid)
	if !ok || len(v) > 1<<16 {
		return ""
	}
	defer func() {
		if recover() != nil { // a decoder that trusts its input
			text = ""
		}
	}()
	value, err := t.Codec.DecodeValue(paramTypes, oid, pgtype.BinaryFormatCode, v)
	if err != nil {
		return ""
	}
	b, err := paramTypes.Encode(oid, pgtype.TextFormatCode, value, nil)
	if err != nil {
		return ""
	}
	return string(b)
}

// readParameterDescription reads the types that the server gave a statement's
// parameters.
func readParameterDescription(body []byte) []uint32 {
	if len(body) < 2 {
		return nil
	}
	n := int(body[0])<<8 | int(body[1])
	if len(body) != 2+4*n {
		return nil
	}
	out := make([]uint32, n)
	for i := range out {
		b := body[2+4*i:]
		out[i] = uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	}
	return out
}

// typeOfParam is the type of parameter i: the server's word, else what Parse
// declared; 0 when nobody said.
func (st *statement) typeOfParam(i int) uint32 {
	if i < len(st.described) {
		return st.described[i]
	}
	if i < len(st.types) {
		return st.types[i]
	}
	return 0
}
