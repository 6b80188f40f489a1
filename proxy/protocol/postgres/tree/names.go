package tree

import "maps"

// Tag is the kind of a node.
type Tag uint16

// Tags that something here or in the lineage room asks about; the others are
// OtherTag.
const (
	OtherTag Tag = iota
	TagQuery
	TagRangeTblEntry
	TagRangeTblFunction
	TagRangeTblRef
	TagFromExpr
	TagJoinExpr
	TagTargetEntry
	TagVar
	TagConst
	TagParam
	TagFuncExpr
	TagOpExpr
	TagDistinctExpr
	TagNullIfExpr
	TagScalarArrayOpExpr
	TagBoolExpr
	TagAggref
	TagWindowFunc
	TagSubLink
	TagSubscriptingRef
	TagFieldSelect
	TagFieldStore
	TagRelabelType
	TagCoerceViaIO
	TagArrayCoerceExpr
	TagConvertRowtypeExpr
	TagCollateExpr
	TagCaseExpr
	TagCaseWhen
	TagCaseTestExpr
	TagArrayExpr
	TagRowExpr
	TagRowCompareExpr
	TagCoalesceExpr
	TagMinMaxExpr
	TagSQLValueFunction
	TagXMLExpr
	TagNullTest
	TagBooleanTest
	TagCoerceToDomain
	TagCoerceToDomainValue
	TagSetToDefault
	TagCurrentOfExpr
	TagNextValueExpr
	TagInferenceElem
	TagGroupingFunc
	TagTableFunc
	TagTableSample
	TagOnConflict
	TagMergeAction
	TagSetOperation
	TagSortGroupClause
	TagGroupingSet
	TagWindowClause
	TagRowMarkClause
	TagWithCheckOption
	TagCommonTableExpr
	TagAlias
	TagPermission
	TagNamedArg
	TagReturningExpr
	TagMergeSupportFunc
	TagJSONFormat
	TagJSONReturning
	TagJSONValueExpr
	TagJSONConstructor
	TagJSONIsPredicate
	TagJSONBehavior
	TagJSONExpr
	TagJSONTablePath
	TagJSONTablePathScan
	TagJSONTableSibling
	TagCTESearch
	TagCTECycle
)

var tagNames = [...]string{
	TagQuery: "QUERY", TagRangeTblEntry: "RANGETBLENTRY", TagRangeTblFunction: "RANGETBLFUNCTION",
	TagRangeTblRef: "RANGETBLREF", TagFromExpr: "FROMEXPR", TagJoinExpr: "JOINEXPR", TagTargetEntry: "TARGETENTRY",
	TagVar: "VAR", TagConst: "CONST", TagParam: "PARAM", TagFuncExpr: "FUNCEXPR", TagOpExpr: "OPEXPR",
	TagDistinctExpr: "DISTINCTEXPR", TagNullIfExpr: "NULLIFEXPR", TagScalarArrayOpExpr: "SCALARARRAYOPEXPR",
	TagBoolExpr: "BOOLEXPR", TagAggref: "AGGREF", TagWindowFunc: "WINDOWFUNC", TagSubLink: "SUBLINK",
	TagSubscriptingRef: "SUBSCRIPTINGREF", TagFieldSelect: "FIELDSELECT", TagFieldStore: "FIELDSTORE",
	TagRelabelType: "RELABELTYPE", TagCoerceViaIO: "COERCEVIAIO", TagArrayCoerceExpr: "ARRAYCOERCEEXPR",
	TagConvertRowtypeExpr: "CONVERTROWTYPEEXPR", TagCollateExpr: "COLLATEEXPR", TagCaseExpr: "CASEEXPR",
	TagCaseWhen: "CASEWHEN", TagCaseTestExpr: "CASETESTEXPR", TagArrayExpr: "ARRAYEXPR", TagRowExpr: "ROWEXPR",
	TagRowCompareExpr: "ROWCOMPAREEXPR", TagCoalesceExpr: "COALESCEEXPR", TagMinMaxExpr: "MINMAXEXPR",
	TagSQLValueFunction: "SQLVALUEFUNCTION", TagXMLExpr: "XMLEXPR", TagNullTest: "NULLTEST",
	TagBooleanTest: "BOOLEANTEST", TagCoerceToDomain: "COERCETODOMAIN", TagCoerceToDomainValue: "COERCETODOMAINVALUE",
	TagSetToDefault: "SETTODEFAULT", TagCurrentOfExpr: "CURRENTOFEXPR", TagNextValueExpr: "NEXTVALUEEXPR",
	TagInferenceElem: "INFERENCEELEM", TagGroupingFunc: "GROUPINGFUNC", TagTableFunc: "TABLEFUNC",
	TagTableSample: "TABLESAMPLECLAUSE", TagOnConflict: "ONCONFLICTEXPR", TagMergeAction: "MERGEACTION",
	TagSetOperation: "SETOPERATIONSTMT", TagSortGroupClause: "SORTGROUPCLAUSE", TagGroupingSet: "GROUPINGSET",
	TagWindowClause: "WINDOWCLAUSE", TagRowMarkClause: "ROWMARKCLAUSE", TagWithCheckOption: "WITHCHECKOPTION",
	TagCommonTableExpr: "COMMONTABLEEXPR", TagAlias: "ALIAS", TagPermission: "RTEPERMISSIONINFO",
	TagNamedArg: "NAMEDARGEXPR", TagReturningExpr: "RETURNINGEXPR", TagMergeSupportFunc: "MERGESUPPORTFUNC",
	TagJSONFormat: "JSONFORMAT", TagJSONReturning: "JSONRETURNING", TagJSONValueExpr: "JSONVALUEEXPR",
	TagJSONConstructor: "JSONCONSTRUCTOREXPR", TagJSONIsPredicate: "JSONISPREDICATE", TagJSONBehavior: "JSONBEHAVIOR",
	TagJSONExpr: "JSONEXPR", TagJSONTablePath: "JSONTABLEPATH", TagJSONTablePathScan: "JSONTABLEPATHSCAN",
	TagJSONTableSibling: "JSONTABLESIBLINGJOIN", TagCTESearch: "CTESEARCHCLAUSE", TagCTECycle: "CTECYCLECLAUSE",
}

// Field is the name of a field.
type Field uint16

// Fields that are asked for by name; the others are OtherField. Each is the
// printed name with a capital.
const (
	OtherField Field = iota
	CommandType
	CanSetTag
	ResultRelation
	HasAggs
	HasRecursive
	Rtable
	Jointree
	MergeActionList
	MergeTargetRelation
	MergeJoinCondition
	TargetList
	OnConflict
	ReturningList
	GroupClause
	GroupingSets
	HavingQual
	WindowClause
	DistinctClause
	SortClause
	LimitOffset
	LimitCount
	SetOperations
	WithCheckOptions
	CteList
	Ctename
	Ctequery
	Ctelevelsup
	Cterecursive
	SelfReference
	SearchClause
	CycleClause
	Rtekind
	Relid
	Relkind
	Inh
	Tablesample
	Subquery
	Joinaliasvars
	Functions
	Funcexpr
	Funccolcount
	Funccoltypes
	Funcordinality
	Tablefunc
	ValuesLists
	SecurityQuals
	Groupexprs
	Rtindex
	Fromlist
	Quals
	Larg
	Rarg
	Op
	All
	GroupClauses
	Expr
	Resno
	Resname
	Ressortgroupref
	Resorigtbl
	Resorigcol
	Resjunk
	Varno
	Varattno
	Varlevelsup
	Varreturningtype
	Vartype
	Constvalue
	Consttype
	Constisnull
	Location
	Paramkind
	Paramtype
	Paramid
	Funcid
	Funcresulttype
	Funcretset
	Funcvariadic
	Opno
	Opfuncid
	Hashfuncid
	Negfuncid
	Opnos
	Opresulttype
	Opretset
	UseOr
	Boolop
	Args
	Aggfnoid
	Aggtype
	Aggorder
	Aggdistinct
	Aggfilter
	Aggdirectargs
	Aggkind
	Aggstar
	Agglevelsup
	Winfnoid
	Wintype
	Winref
	Winagg
	SubLinkType
	Testexpr
	Subselect
	Arg
	Fieldnum
	Resulttype
	Elemexpr
	Multidims
	ArrayTypeid
	ElementTypeid
	RowTypeid
	Casetype
	Defresult
	Result
	Elements
	Minmaxtype
	Coalescetype
	Nulltesttype
	PartitionClause
	OrderClause
	StartOffset
	EndOffset
	StartInRangeFunc
	EndInRangeFunc
	TleSortGroupRef
	Sortop
	Eqop
	ArbiterElems
	ArbiterWhere
	OnConflictSet
	OnConflictWhere
	Constraint
	Qual
	Tsmhandler
	Seqid
	TypeID
	Type
	Refexpr
	Refupperindexpr
	Reflowerindexpr
	Refassgnexpr
	Refrestype
	Refcontainertype
	Refelemtype
	Newvals
	Cvarno
	Docexpr
	Rowexpr
	Ordinalitycol
	Coldefexprs
	Colexprs
	Coltypes
	Colvalexprs
	Passingvalexprs
	Functype
	Polname
	Targetlist
	FormattedExpr
	Func
	Coercion
	RawExpr
	UseIoCoercion
	UseJSONCoercion
	OmitQuotes
	Wrapper
	Path
	PathSpec
	PassingNames
	PassingValues
	OnEmpty
	OnError
	Behaviour
	Eref
	Colnames
	Perminfoindex
	Typid
	Funcformat
)

var fieldNames = [...]string{
	CommandType: "commandType", CanSetTag: "canSetTag", ResultRelation: "resultRelation", HasAggs: "hasAggs",
	HasRecursive: "hasRecursive", Rtable: "rtable", Jointree: "jointree", MergeActionList: "mergeActionList",
	MergeTargetRelation: "mergeTargetRelation", MergeJoinCondition: "mergeJoinCondition", TargetList: "targetList",
	OnConflict: "onConflict", ReturningList: "returningList", GroupClause: "groupClause", GroupingSets: "groupingSets",
	HavingQual: "havingQual", WindowClause: "windowClause", DistinctClause: "distinctClause", SortClause: "sortClause",
	LimitOffset: "limitOffset", LimitCount: "limitCount", SetOperations: "setOperations",
	WithCheckOptions: "withCheckOptions", CteList: "cteList", Ctename: "ctename", Ctequery: "ctequery",
	Ctelevelsup: "ctelevelsup", Cterecursive: "cterecursive", SelfReference: "self_reference",
	SearchClause: "search_clause", CycleClause: "cycle_clause", Rtekind: "rtekind", Relid: "relid", Relkind: "relkind",
	Inh: "inh", Tablesample: "tablesample", Subquery: "subquery", Joinaliasvars: "joinaliasvars", Functions: "functions",
	Funcexpr: "funcexpr", Funccolcount: "funccolcount", Funccoltypes: "funccoltypes", Funcordinality: "funcordinality", Tablefunc: "tablefunc",
	ValuesLists: "values_lists", SecurityQuals: "securityQuals", Groupexprs: "groupexprs", Rtindex: "rtindex",
	Fromlist: "fromlist", Quals: "quals", Larg: "larg", Rarg: "rarg", Op: "op", All: "all", GroupClauses: "groupClauses",
	Expr: "expr", Resno: "resno", Resname: "resname", Ressortgroupref: "ressortgroupref", Resorigtbl: "resorigtbl",
	Resorigcol: "resorigcol", Resjunk: "resjunk", Varno: "varno", Varattno: "varattno", Varlevelsup: "varlevelsup",
	Varreturningtype: "varreturningtype", Vartype: "vartype", Constvalue: "constvalue", Consttype: "consttype",
	Constisnull: "constisnull", Location: "location", Paramkind: "paramkind", Paramtype: "paramtype", Paramid: "paramid",
	Funcid: "funcid", Funcresulttype: "funcresulttype", Funcretset: "funcretset", Funcvariadic: "funcvariadic",
	Opno: "opno", Opfuncid: "opfuncid", Hashfuncid: "hashfuncid", Negfuncid: "negfuncid", Opnos: "opnos",
	Opresulttype: "opresulttype", Opretset: "opretset", UseOr: "useOr", Boolop: "boolop", Args: "args", Aggfnoid: "aggfnoid", Aggtype: "aggtype",
	Aggorder: "aggorder", Aggdistinct: "aggdistinct", Aggfilter: "aggfilter", Aggdirectargs: "aggdirectargs",
	Aggkind: "aggkind", Aggstar: "aggstar", Agglevelsup: "agglevelsup", Winfnoid: "winfnoid", Wintype: "wintype",
	Winref: "winref", Winagg: "winagg", SubLinkType: "subLinkType", Testexpr: "testexpr", Subselect: "subselect",
	Arg: "arg", Fieldnum: "fieldnum", Resulttype: "resulttype", Elemexpr: "elemexpr", Multidims: "multidims",
	ArrayTypeid: "array_typeid", ElementTypeid: "element_typeid", RowTypeid: "row_typeid", Casetype: "casetype",
	Defresult: "defresult", Result: "result", Elements: "elements", Minmaxtype: "minmaxtype", Coalescetype: "coalescetype",
	Nulltesttype: "nulltesttype", PartitionClause: "partitionClause", OrderClause: "orderClause",
	StartOffset: "startOffset", EndOffset: "endOffset", StartInRangeFunc: "startInRangeFunc",
	EndInRangeFunc: "endInRangeFunc", TleSortGroupRef: "tleSortGroupRef", Sortop: "sortop", Eqop: "eqop",
	ArbiterElems: "arbiterElems", ArbiterWhere: "arbiterWhere", OnConflictSet: "onConflictSet",
	OnConflictWhere: "onConflictWhere", Constraint: "constraint", Qual: "qual", Tsmhandler: "tsmhandler", Seqid: "seqid",
	TypeID: "typeId", Type: "type", Refexpr: "refexpr", Refupperindexpr: "refupperindexpr",
	Reflowerindexpr: "reflowerindexpr", Refassgnexpr: "refassgnexpr", Refrestype: "refrestype",
	Refcontainertype: "refcontainertype", Refelemtype: "refelemtype", Newvals: "newvals", Cvarno: "cvarno",
	Docexpr: "docexpr", Rowexpr: "rowexpr", Ordinalitycol: "ordinalitycol", Coldefexprs: "coldefexprs",
	Colexprs: "colexprs", Coltypes: "coltypes", Colvalexprs: "colvalexprs", Passingvalexprs: "passingvalexprs",
	Functype: "functype", Polname: "polname", Targetlist: "targetlist", FormattedExpr: "formatted_expr", Func: "func",
	Coercion: "coercion", RawExpr: "raw_expr", UseIoCoercion: "use_io_coercion", UseJSONCoercion: "use_json_coercion",
	OmitQuotes: "omit_quotes", Wrapper: "wrapper", Path: "path", PathSpec: "path_spec", PassingNames: "passing_names",
	PassingValues: "passing_values", OnEmpty: "on_empty", OnError: "on_error", Behaviour: "behavior", Eref: "eref",
	Colnames: "colnames", Perminfoindex: "perminfoindex", Typid: "typid", Funcformat: "funcformat",
}

// oldTags are names that version 15 made those of the nodes' structures.
var oldTags = map[string]Tag{
	"RTE": TagRangeTblEntry, "ARRAY": TagArrayExpr, "CASE": TagCaseExpr, "WHEN": TagCaseWhen, "ROW": TagRowExpr,
	"ROWCOMPARE": TagRowCompareExpr, "COALESCE": TagCoalesceExpr, "MINMAX": TagMinMaxExpr, "COLLATE": TagCollateExpr,
}

var (
	tags   = allTags()
	labels = index[Field](fieldNames[:])
)

func index[T ~uint16](names []string) map[string]T {
	m := make(map[string]T, len(names))
	for i, n := range names {
		if n != "" {
			m[n] = T(i) //nolint:gosec // a few hundred
		}
	}
	return m
}

func allTags() map[string]Tag {
	m := index[Tag](tagNames[:])
	maps.Copy(m, oldTags)
	return m
}
