package catalog

import (
	"slices"
	"strconv"
)

// tree is what a stored expression or query (pg_node_tree) refers to. It is
// read from the text that PostgreSQL prints: field names and numbers between
// blanks and brackets (nodes/outfuncs.c). Constants are printed as byte
// numbers, and blanks within identifiers are escaped, so no user's text can
// pass for a field; what looks like one by accident only adds to the set.
type tree struct {
	relations []uint32
	functions []uint32
	types     []uint32
	columns   []int16 // varattno, whatever the relation
}

// add joins another tree into this one.
func (t *tree) add(o tree) {
	t.relations = append(t.relations, o.relations...)
	t.functions = append(t.functions, o.functions...)
	t.types = append(t.types, o.types...)
	t.columns = append(t.columns, o.columns...)
}

func (t *tree) compact() {
	slices.Sort(t.relations)
	t.relations = slices.Compact(t.relations)
	slices.Sort(t.functions)
	t.functions = slices.Compact(t.functions)
	slices.Sort(t.types)
	t.types = slices.Compact(t.types)
	slices.Sort(t.columns)
	t.columns = slices.Compact(t.columns)
}

// lists are the fields whose value is a list of OIDs, "(o 25 23)".
var lists = map[string]bool{":opnos": true, ":coltypes": true, ":funccoltypes": true}

// readTree scans a node tree. operator maps an operator to its function.
func readTree(text []byte, operator func(uint32) uint32) tree {
	var t tree
	field := ""
	list := false // within a list of OIDs
	for len(text) > 0 {
		var tok []byte
		tok, text = nextToken(text)
		if len(tok) == 0 {
			continue
		}
		if tok[0] == ')' {
			list = false
			continue
		}
		if tok[0] == ':' {
			field = string(tok)
			list = lists[field]
			continue
		}
		n, err := strconv.ParseInt(string(tok), 10, 64)
		if err != nil {
			continue
		}
		t.number(field, n, operator)
		if !list {
			field = ""
		}
	}
	t.compact()
	return t
}

func (t *tree) number(field string, n int64, operator func(uint32) uint32) {
	if field == ":varattno" {
		if n >= 0 && n <= 1600 {
			t.columns = append(t.columns, int16(n))
		}
		return
	}
	if n <= 0 || n > 1<<32-1 {
		return
	}
	oid := uint32(n)
	switch field {
	case ":relid":
		t.relations = append(t.relations, oid)
	case ":funcid", ":opfuncid", ":hashfuncid", ":negfuncid", ":aggfnoid", ":winfnoid", ":startInRangeFunc", ":endInRangeFunc":
		t.functions = append(t.functions, oid)
	case ":opno", ":opnos", ":eqop", ":sortop":
		if f := operator(oid); f != 0 {
			t.functions = append(t.functions, f)
		}
	case ":coltypes", ":funccoltypes", ":typid", ":coalescetype", ":minmaxtype", ":array_typeid", ":type",
		":resulttype", ":consttype", ":vartype", ":funcresulttype", ":typeId", ":element_typeid", ":coerceformat", ":row_typeid", ":casetype":
		t.types = append(t.types, oid)
	}
}

// nextToken splits at blanks and brackets; a closing bracket is a token of its
// own, the others are skipped. A backslash keeps the next byte.
func nextToken(b []byte) (tok, rest []byte) {
	i := 0
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '(' || b[i] == '{' || b[i] == '}') {
		i++
	}
	b = b[i:]
	if len(b) == 0 {
		return nil, nil
	}
	if b[0] == ')' {
		return b[:1], b[1:]
	}
	for i = 0; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
			continue
		case ' ', '\n', '\t', '(', ')', '{', '}':
			return b[:i], b[i:]
		}
	}
	return b, nil
}
