package lineage

import (
	"strings"

	"sluice.dev/proxy/protocol/postgres/catalog"
	"sluice.dev/proxy/protocol/postgres/tree"
)

// quiet are built-in functions, those behind operators included, that raise no
// error whatever their arguments' values are. What is not listed here or in
// quietFirst may raise one for some values: then the row where a statement
// fails is an answer (masking.md 9), and rows wait until it has succeeded.
// Memory that runs out (1 GB values) is not counted.
var quiet = wordSet(`
 texteq textne text_lt text_le text_gt text_ge textcat textanycat anytextcat text_starts_with starts_with
 bpchareq bpcharne bpcharlt bpcharle bpchargt bpcharge nameeq namene namelt namele namegt namege
 nameeqtext nametextne namenetext texteqname textnename citext_eq citext_ne
 int2eq int2ne int2lt int2le int2gt int2ge int4eq int4ne int4lt int4le int4gt int4ge int8eq int8ne int8lt int8le int8gt int8ge
 int24eq int24ne int24lt int24le int24gt int24ge int42eq int42ne int42lt int42le int42gt int42ge
 int28eq int28ne int28lt int28le int28gt int28ge int82eq int82ne int82lt int82le int82gt int82ge
 int48eq int48ne int48lt int48le int48gt int48ge int84eq int84ne int84lt int84le int84gt int84ge
 float4eq float4ne float4lt float4le float4gt float4ge float8eq float8ne float8lt float8le float8gt float8ge
 float48eq float48ne float48lt float48le float48gt float48ge float84eq float84ne float84lt float84le float84gt float84ge
 numeric_eq numeric_ne numeric_lt numeric_le numeric_gt numeric_ge
 booleq boolne boollt boolle boolgt boolge oideq oidne oidlt oidle oidgt oidge chareq charne
 uuid_eq uuid_ne uuid_lt uuid_le uuid_gt uuid_ge byteaeq byteane bytealt byteale byteagt byteage
 date_eq date_ne date_lt date_le date_gt date_ge time_eq time_ne time_lt time_le time_gt time_ge
 timestamp_eq timestamp_ne timestamp_lt timestamp_le timestamp_gt timestamp_ge
 timestamptz_eq timestamptz_ne timestamptz_lt timestamptz_le timestamptz_gt timestamptz_ge
 interval_eq interval_ne interval_lt interval_le interval_gt interval_ge enum_eq enum_ne enum_lt enum_le enum_gt enum_ge
 network_eq network_ne network_lt network_le network_gt network_ge macaddr_eq macaddr_ne
 upper lower initcap reverse md5 length char_length character_length octet_length bit_length textlen bpcharlen
 btrim ltrim rtrim ascii strpos position replace translate concat concat_ws quote_literal quote_nullable quote_ident
 left right to_json to_jsonb row_to_json array_to_json jsonb_build_array json_build_array
 array_append array_prepend array_remove array_position cardinality array_length array_ndims array_to_string
 sha224 sha256 sha384 sha512 hashtext hashtextextended encode
 count min max string_agg array_agg json_agg jsonb_agg bool_and bool_or every
 row_number rank dense_rank percent_rank cume_dist lag lead first_value last_value
 text bpchar name i4toi8 int48 int4_numeric int8 float8 numeric int8_numeric int2_numeric
 jsonb_object_field jsonb_object_field_text json_object_field json_object_field_text jsonb_exists jsonb_contains
 jsonb_array_element jsonb_array_element_text json_array_element json_array_element_text jsonb_eq jsonb_ne
 boolean_eq hstore tsmatch_vq tsmatch_qv similarity`)

// quietFirst raise no error for the values of their first argument, but may for
// the others, such as a pattern.
var quietFirst = wordSet(`
 like notlike textlike textnlike texticlike texticnlike bpcharlike bpcharnlike bpchariclike bpcharicnlike namelike namenlike nameiclike
 textregexeq textregexne texticregexeq texticregexne bpcharregexeq bpcharregexne bpcharicregexeq bpcharicregexne
 nameregexeq nameregexne regexp_replace regexp_match regexp_matches regexp_count regexp_instr regexp_like regexp_substr
 substr substring split_part lpad rpad varchar to_tsvector to_char date_trunc
 regexp_split_to_array regexp_split_to_table string_to_array string_to_table similar_to_escape left right unnest`)

func wordSet(s string) map[string]bool {
	m := make(map[string]bool)
	for _, w := range strings.Fields(s) {
		m[w] = true
	}
	return m
}

// raises says whether a node may raise an error for some values of its tainted
// parts.
func (w *walker) raises(n *tree.Node, q *scopeOf) bool {
	switch n.Tag {
	case tree.TagBoolExpr, tree.TagCaseExpr, tree.TagCaseWhen, tree.TagCoalesceExpr, tree.TagArrayExpr, tree.TagRowExpr,
		tree.TagNullTest, tree.TagBooleanTest, tree.TagTargetEntry, tree.TagMinMaxExpr, tree.TagFromExpr, tree.TagJoinExpr,
		tree.TagFieldSelect, tree.TagRowCompareExpr, tree.TagOnConflict, tree.TagMergeAction, tree.TagRangeTblFunction,
		tree.TagSortGroupClause, tree.TagRelabelType, tree.TagInferenceElem:
		return false
	case tree.TagFuncExpr, tree.TagOpExpr, tree.TagDistinctExpr, tree.TagNullIfExpr, tree.TagScalarArrayOpExpr, tree.TagAggref,
		tree.TagWindowFunc:
		return !w.quietCall(n, q)
	case tree.TagCoerceViaIO: // printing raises nothing, reading does
		switch n.OID(tree.Resulttype) {
		case 25, 1043, 1042, 19, 705:
			return false
		}
	}
	return true
}

func (w *walker) quietCall(n *tree.Node, q *scopeOf) bool {
	f := w.callee(n)
	if f == nil || w.p.Class(f.OID) != catalog.Pure || !f.FromSystem() {
		return false
	}
	if quiet[f.Name] {
		return true
	}
	if !quietFirst[f.Name] {
		return false
	}
	for i, a := range n.List(tree.Args) {
		if i > 0 && w.expr(w.t.Node(a), q).tainted() {
			return false
		}
	}
	return true
}

// callee is the function that a call of any spelling calls.
func (w *walker) callee(n *tree.Node) *catalog.Function {
	var oid uint32
	switch n.Tag {
	case tree.TagFuncExpr:
		oid = n.OID(tree.Funcid)
	case tree.TagAggref:
		oid = n.OID(tree.Aggfnoid)
	case tree.TagWindowFunc:
		oid = n.OID(tree.Winfnoid)
	default:
		_, oid, _ = w.s.Operator(n.OID(tree.Opno))
	}
	f, ok := w.s.Function(oid)
	if !ok {
		return nil
	}
	return f
}
