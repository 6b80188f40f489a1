package facts

import (
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/proto"
)

// statement walks a statement of any kind.
func (w *walker) statement(n *pg.Node) {
	switch v := inside(n).(type) {
	case *pg.SelectStmt, *pg.InsertStmt, *pg.UpdateStmt, *pg.DeleteStmt, *pg.MergeStmt:
		w.topQuery(v)
	case *pg.TransactionStmt:
		w.transaction(v)
	case *pg.VariableSetStmt:
		w.variableSet(v)
	case *pg.VariableShowStmt:
		w.op("session")
		w.verb, w.targets = "SHOW", []string{v.GetName()}
	case *pg.DiscardStmt:
		w.discard(v)
	case *pg.DeallocateStmt:
		w.op("session")
		w.verb, w.f.Exempt = "DEALLOCATE", true
		w.f.Inner = append(w.f.Inner, Inner{Kind: "deallocate", Name: v.GetName()})
	case *pg.ClosePortalStmt:
		w.op("session")
		w.verb, w.f.Exempt = "CLOSE", true
		w.f.Inner = append(w.f.Inner, Inner{Kind: "close", Name: v.GetPortalname()})
	case *pg.PrepareStmt:
		w.op("prepare")
		w.f.Inner = append(w.f.Inner, Inner{Kind: "prepare", Name: v.GetName()})
		for _, t := range v.GetArgtypes() {
			w.expr(t, nil)
		}
		w.wraps("PREPARE "+v.GetName()+" AS", v.GetQuery())
	case *pg.ExecuteStmt:
		w.op("execute")
		w.verb, w.targets = "EXECUTE", []string{v.GetName()}
		in := Inner{Kind: "execute", Name: v.GetName()}
		for _, arg := range v.GetParams() {
			in.args = append(in.args, w.expr(arg, nil).flat().literals)
		}
		w.runs(in)
	case *pg.DeclareCursorStmt:
		w.op("declare")
		w.f.Inner = append(w.f.Inner, Inner{Kind: "declare", Name: v.GetPortalname()})
		w.wraps("DECLARE "+v.GetPortalname()+" FOR", v.GetQuery())
	case *pg.FetchStmt:
		w.op("fetch")
		w.f.literalMatters = true
		w.verb, w.targets = "FETCH", []string{v.GetPortalname()}
		w.runs(Inner{Kind: "fetch", Name: v.GetPortalname()})
	case *pg.ExplainStmt:
		w.explain(v)
	case *pg.CopyStmt:
		w.copy(v)
	case *pg.CallStmt:
		w.op("call")
		w.impure = true
		w.message(v.GetFunccall(), nil)
		w.verb, w.targets = "CALL", []string{dotted(names(v.GetFunccall().GetFuncname()))}
	case *pg.DoStmt:
		w.op("do")
		w.verb, w.impure, w.f.Flags.Dynamic = "DO", true, true
		w.code(w.allLiterals())
		w.mayChangeAll()
		w.unsure("DO runs code given as text")
	case *pg.CreateTableAsStmt:
		w.createTableAs(v)
	case *pg.TruncateStmt:
		w.truncate(v)
	case *pg.LockStmt:
		w.lockTables(v)
	case *pg.ListenStmt:
		w.op("listen")
		w.verb, w.targets = "LISTEN", []string{v.GetConditionname()}
	case *pg.UnlistenStmt:
		w.op("session")
		w.verb, w.targets = "UNLISTEN", []string{v.GetConditionname()}
	case *pg.NotifyStmt:
		w.op("notify")
		w.verb, w.targets = "NOTIFY", []string{v.GetConditionname()}
	case *pg.ConstraintsSetStmt:
		w.op("set")
		w.impure = true
		w.verb = "SET CONSTRAINTS"
		if !v.GetDeferred() {
			w.unsure("SET CONSTRAINTS IMMEDIATE runs deferred triggers")
		}
	case nil:
		w.op("other")
		w.unsure("an empty statement")
	default:
		w.definition(v)
	}
}

// topQuery is a query that stands alone, or in a wrapper that runs it.
func (w *walker) topQuery(m proto.Message) {
	w.query(m, nil)
	sel, ok := m.(*pg.SelectStmt)
	if !ok || len(w.where) > 0 {
		return
	}
	var leaves func(q *pg.SelectStmt)
	leaves = func(q *pg.SelectStmt) {
		if q.GetLarg() != nil {
			leaves(q.GetLarg())
			leaves(q.GetRarg())
		} else if len(q.GetFromClause()) > 0 {
			w.where = append(w.where, narrows(q.GetWhereClause()))
		}
	}
	leaves(sel)
	w.f.Flags.Limit = inside(sel.GetLimitCount()) != nil && !sel.GetLimitCount().GetAConst().GetIsnull()
}

// runs: what happens is what was prepared or declared; WithInner adds it.
func (w *walker) runs(in Inner) {
	w.f.Inner = append(w.f.Inner, in)
	w.f.Flags.Dynamic = in.Kind == "execute"
	w.unsure(unsureInner)
}

// mayChangeAll: code that is not known ran.
func (w *walker) mayChangeAll() {
	w.f.ChangesCatalog, w.f.ChangesTemp = true, true
	w.anySetting()
}

func (w *walker) discard(v *pg.DiscardStmt) {
	w.op("session")
	w.verb, w.f.Exempt, w.impure = "DISCARD", true, true
	switch v.GetTarget() {
	case pg.DiscardMode_DISCARD_ALL:
		w.anySetting()
		w.f.ChangesTemp = true
		w.f.Inner = append(w.f.Inner, Inner{Kind: "deallocate", Name: ""}, Inner{Kind: "close", Name: ""})
	case pg.DiscardMode_DISCARD_TEMP:
		w.f.ChangesTemp = true
	}
}

func (w *walker) explain(v *pg.ExplainStmt) {
	w.op("explain")
	analyze := false
	for _, n := range v.GetOptions() {
		d := n.GetDefElem()
		if d.GetDefname() != "analyze" {
			continue
		}
		analyze = true
		if value, ok := optionValue(d.GetArg()); ok {
			analyze = value != "false" && value != "off" && value != "0"
		}
	}
	w.f.literalMatters = w.f.literalMatters || len(v.GetOptions()) > 0
	before := w.impure
	verb := "EXPLAIN"
	if analyze {
		verb = "EXPLAIN ANALYZE"
	}
	w.wraps(verb, v.GetQuery())
	if !analyze {
		// Planned, not run; but the planner calls immutable functions and,
		// for estimates, stable ones, which are not known to be honest.
		w.f.Flags.Into = false
		if w.f.Complete {
			w.impure = before
		}
	} else if !w.onlyReads() {
		w.impure = true
	}
}

// wraps walks the statement that another one contains.
func (w *walker) wraps(prefix string, n *pg.Node) {
	w.prefix += prefix + " "
	w.wrapped.add(w.operations.sorted()...)
	w.statement(n)
}

// optionValue is a DefElem's argument as text.
func optionValue(n *pg.Node) (string, bool) {
	switch v := inside(n).(type) {
	case *pg.String:
		return strings.ToLower(v.GetSval()), true
	case *pg.Integer:
		return itoa(int(v.GetIval())), true
	case *pg.Float:
		return v.GetFval(), true
	case *pg.Boolean:
		if v.GetBoolval() {
			return "true", true
		}
		return "false", true
	}
	return "", false
}

func (w *walker) copy(v *pg.CopyStmt) {
	w.f.literalMatters = true
	server := v.GetFilename() != "" || v.GetIsProgram()
	w.f.Flags.File = server
	if server {
		w.impure = true
		w.unsure("COPY with a file or program of the server")
	}
	if v.GetIsFrom() {
		w.op("copy_in")
		rel, target := w.written(v.GetRelation(), "insert")
		if rel != nil && rel.Kind == 'v' {
			w.unsure("COPY into a view")
		}
		columns := names(v.GetAttlist())
		if len(columns) == 0 && rel != nil {
			columns = rel.Columns
		}
		w.assign(rel, columns, nil)
		target.readsOnUse = false
		w.condition(v.GetWhereClause(), &scope{sources: []*source{target}})
		w.verb = "COPY FROM"
		return
	}
	w.op("copy_out")
	w.verb = "COPY TO"
	if q := inside(v.GetQuery()); q != nil {
		w.topQuery(q)
		w.verb = "COPY TO from"
		return
	}
	rel, ok := w.relation(v.GetRelation())
	if !ok {
		w.target(asWritten(v.GetRelation()))
		w.sessionOnly = false
		return
	}
	w.target(rel.ID())
	w.readFrom(rel, false) // COPY table TO does not read its children
	columns := names(v.GetAttlist())
	if len(columns) == 0 {
		columns = rel.Columns
	}
	w.assign(rel, columns, nil)
}

func (w *walker) truncate(v *pg.TruncateStmt) {
	w.op("truncate")
	w.f.Flags.Drop = true
	cascade := v.GetBehavior() == pg.DropBehavior_DROP_CASCADE
	w.f.Flags.Cascade = cascade
	for _, n := range v.GetRelations() {
		rel, _ := w.written(n.GetRangeVar(), "truncate")
		if cascade && rel != nil {
			w.writes.add(rel.Cascade...)
		}
	}
	if v.GetRestartSeqs() {
		w.unsure("TRUNCATE RESTART IDENTITY resets sequences")
	}
}

func (w *walker) lockTables(v *pg.LockStmt) {
	w.op("lock")
	w.verb, w.f.Flags.Lock = "LOCK", true
	for _, n := range v.GetRelations() {
		rv := n.GetRangeVar()
		rel, ok := w.relation(rv)
		if !ok {
			w.target(asWritten(rv))
			continue
		}
		w.target(rel.ID())
		w.reads.add(rel.ID())
		w.reads.add(rel.Underlying...)
		if rv.GetInh() {
			w.reads.add(rel.Children...)
		}
	}
}

func (w *walker) createTableAs(v *pg.CreateTableAsStmt) {
	w.op("create")
	w.ddl()
	w.f.Flags.Into = true
	w.statement(v.GetQuery())
	w.targets = nil
	w.creates(v.GetInto().GetRel())
	w.verb = "CREATE TABLE AS"
	if v.GetObjtype() == pg.ObjectType_OBJECT_MATVIEW {
		w.verb = "CREATE MATERIALIZED VIEW"
	}
}
