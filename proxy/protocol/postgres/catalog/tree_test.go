package catalog

import (
	"slices"
	"testing"
)

func TestReadTree(t *testing.T) {
	const text = `({QUERY :commandType 1 :rtable ({RTE :alias {ALIAS :aliasname :relid :colnames (":funcid\ 99" "b")} :rtekind 0 :relid 16400 :relkind r}` +
		` {RTE :relid 16401}) :targetList ({TARGETENTRY :expr {FUNCEXPR :funcid 870 :funcresulttype 25 :args ({VAR :varno 1 :varattno 3 :vartype 16500})}}` +
		` {TARGETENTRY :expr {OPEXPR :opno 98 :opfuncid 67 :opresulttype 16}} {TARGETENTRY :expr {CONST :consttype 25 :constvalue 8 [ 32 0 0 0 58 114 101 108 ]}}` +
		` {ROWCOMPAREEXPR :opnos (o 96 98) :x 98} {AGGREF :aggfnoid 2147}))`
	tr := readTree([]byte(text), func(o uint32) uint32 { return o + 10000 })
	check := func(what string, got, want any, equal bool) {
		if !equal {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	check("relations", tr.relations, nil, slices.Equal(tr.relations, []uint32{16400, 16401}))
	check("functions", tr.functions, nil, slices.Equal(tr.functions, []uint32{67, 870, 2147, 10096, 10098}))
	check("types", tr.types, nil, slices.Equal(tr.types, []uint32{25, 16500}))
	check("columns", tr.columns, nil, slices.Equal(tr.columns, []int16{3}))
}

// FuzzReadTree: no panic, and always an end.
func FuzzReadTree(f *testing.F) {
	f.Add([]byte(`({QUERY :relid 16400 :opnos (o 1 2) \`))
	f.Add([]byte(`:varattno -1 :varattno 99999 :relid 99999999999999999999`))
	f.Fuzz(func(t *testing.T, b []byte) {
		tr := readTree(b, func(o uint32) uint32 { return o })
		for _, r := range tr.relations {
			if r == 0 {
				t.Error("relation 0")
			}
		}
	})
}
