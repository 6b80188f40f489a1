package tree

import "testing"

func TestNormal(t *testing.T) {
	const tree = `({QUERY :canSetTag true :targetList ({TARGETENTRY :expr {CONST :consttype 25 :constvalue 5 [ 20 0 0 0 97 ] :location 7} :resname a}) :stmt_location 0 :stmt_len 11})`
	for name, other := range map[string]string{
		"another constant":    `({QUERY :canSetTag true :targetList ({TARGETENTRY :expr {CONST :consttype 25 :constvalue 6 [ 24 0 0 0 97 98 ] :location 7} :resname a}) :stmt_location 0 :stmt_len 11})`,
		"other line ends":     "({QUERY :canSetTag true :targetList\n({TARGETENTRY :expr {CONST :consttype 25 :constvalue 5 [ 20 0\n0 0 97 ] :location 7} :resname a}) :stmt_location 0 :stmt_len 11})",
		"another statement's": `({QUERY :canSetTag true :targetList ({TARGETENTRY :expr {CONST :consttype 25 :constvalue 5 [ 20 0 0 0 97 ] :location 7} :resname a}) :stmt_location 40 :stmt_len 11})`,
	} {
		if Normal(tree) != Normal(other) {
			t.Errorf("%s: not the same", name)
		}
	}
	for name, other := range map[string]string{
		"a constant that is NULL": `({QUERY :canSetTag true :targetList ({TARGETENTRY :expr {CONST :consttype 25 :constvalue <> :location 7} :resname a}) :stmt_location 0 :stmt_len 11})`,
		"another type":            `({QUERY :canSetTag true :targetList ({TARGETENTRY :expr {CONST :consttype 26 :constvalue 5 [ 20 0 0 0 97 ] :location 7} :resname a}) :stmt_location 0 :stmt_len 11})`,
		"a name like a field":     `({QUERY :canSetTag true :targetList ({TARGETENTRY :expr {CONST :consttype 25 :constvalue 5 [ 20 0 0 0 97 ] :location 7} :resname :constvalue}) :stmt_location 0 :stmt_len 11})`,
		"blanks in a name":        `({QUERY :canSetTag true :targetList ({TARGETENTRY :expr {CONST :consttype 25 :constvalue 5 [ 20 0 0 0 97 ] :location 7} :resname :constvalue\ 1\ [\ }) :stmt_location 0 :stmt_len 11})`,
		"a column":                `({QUERY :canSetTag true :targetList ({TARGETENTRY :expr {VAR :varno 1} :resname a}) :stmt_location 0 :stmt_len 11})`,
	} {
		if Normal(tree) == Normal(other) {
			t.Errorf("%s: the same", name)
		}
	}
}
