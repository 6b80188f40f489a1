package lineage

import (
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
	pgquery "github.com/wasilibs/go-pgquery"
	"google.golang.org/protobuf/proto"

	"sluice.dev/proxy/protocol/postgres/catalog"
)

// CopyPlan says how to mask the rows of a COPY … TO STDOUT, which come without
// a RowDescription.
type CopyPlan struct {
	// Columns by position, each with the origin that RowDescription would
	// report as far as the text shows it.
	Columns []CopyColumn
	// Query is the text of the inner query, "" for a table. Describing it
	// gives the server's own word on the origins; take the stricter.
	Query string

	Format    string // text, csv or binary
	Header    bool
	Delimiter byte
	Quote     byte // csv
	Escape    byte // csv
	Null      string
}

// CopyColumn is one field of each row.
type CopyColumn struct {
	Name    string
	Attr    catalog.Attr // zero: computed
	Pass    bool         // goes out as it is, by masking.md 0 to the letter
	Proven  bool         // Pass, or computed from unprotected columns alone
	Origins []string     // configured columns whose masks apply otherwise
	Level   Level        // as the server's tree has it; Clean in strict mode
}

// newCopyPlan has the defaults of COPY's options.
func newCopyPlan() *CopyPlan {
	return &CopyPlan{Format: "text", Null: `\N`, Delimiter: '\t', Quote: '"', Escape: '"'}
}

// copyForm is the plan of a COPY … TO STDOUT whose columns nobody looked up;
// nil for anything else.
func copyForm(m proto.Message) *CopyPlan {
	x, ok := m.(*pg.CopyStmt)
	if !ok || x.IsFrom || x.IsProgram || x.Filename != "" {
		return nil
	}
	plan := newCopyPlan()
	(&analysis{}).copyOptions(x.Options, plan)
	return plan
}

// copy judges COPY. Files and programs of the server's machine are out of
// reach of every mask.
func (a *analysis) copy(x *pg.CopyStmt) {
	if x.IsProgram || x.Filename != "" {
		a.refuse("Use COPY … TO STDOUT or FROM STDIN.", "COPY with a file or program on the server")
		return
	}
	if x.IsFrom {
		a.copyIn(x)
		return
	}
	plan := newCopyPlan()
	var cols []column
	switch {
	case x.Query != nil:
		m := inner(x.Query)
		if m == nil {
			a.refuse(otherHint, "the query of a COPY is not understood")
			return
		}
		var open bool
		if cols, open = a.result(m); open && a.v.Touches {
			a.refuse(otherHint, "the columns of this COPY are not known; list them")
		}
		plan.Query = deparse(x.Query)
	case x.Relation != nil:
		cols = a.copyTable(x)
	}
	a.copyOptions(x.Options, plan)
	for _, c := range cols {
		out := CopyColumn{Name: c.name, Attr: c.attr, Origins: c.origins}
		if out.Pass = !a.v.Touches; !out.Pass && !a.v.MaskAll {
			out.Pass = c.attr.Relation != 0 && !c.murky && a.p.Passes(c.attr.Relation, c.attr.Number)
			out.Proven = out.Pass || c.attr.Relation == 0 && a.v.Proven != nil && !c.guard && !c.murky
			out.Pass = out.Pass || out.Proven && !a.hard
		}
		plan.Columns = append(plan.Columns, out)
	}
	a.v.Copy = plan
}

// copyTable is COPY table [(columns)] TO STDOUT. Generated columns are left
// out unless they are named (PostgreSQL COPY).
func (a *analysis) copyTable(x *pg.CopyStmt) (cols []column) {
	rel, ok := a.relation(x.Relation)
	if !ok {
		return nil
	}
	it := a.relationItem(rel, nil)
	for i, n := range rel.Live() {
		if len(x.Attlist) == 0 && !rel.Columns[n-1].Generated {
			cols = append(cols, it.cols[i])
		}
	}
	for _, n := range x.Attlist {
		name := n.GetString_().GetSval()
		c, ok := it.column(name)
		if !ok {
			a.unresolved("column", name)
		}
		cols = append(cols, c)
	}
	a.v.Proven = make([]bool, len(cols))
	for i, c := range cols {
		a.sees(c)
		a.v.Facts.ReturnsProtected = a.v.Facts.ReturnsProtected || c.guard
		a.v.Proven[i] = !c.guard && !c.murky
	}
	return cols
}

func (a *analysis) copyIn(x *pg.CopyStmt) {
	_, it, ok := a.writes(x.Relation, catalog.Insert)
	if !ok {
		return
	}
	for _, n := range x.Attlist {
		name := n.GetString_().GetSval()
		c, ok := it.column(name)
		if !ok {
			a.unresolved("column", name)
		}
		a.sees(c)
	}
	if len(x.Attlist) == 0 {
		for _, c := range it.cols {
			a.sees(c)
		}
	}
	a.filter(x.WhereClause, &scope{items: []*item{it}})
}

// copyOptions reads what the decoder of the rows must know, and refuses what
// it would not.
func (a *analysis) copyOptions(list []*pg.Node, plan *CopyPlan) {
	null, delimiter := false, false
	for _, n := range list {
		d := n.GetDefElem()
		value := optionText(d.GetArg())
		switch strings.ToLower(d.GetDefname()) {
		case "format":
			plan.Format = strings.ToLower(value)
		case "header":
			plan.Header = value == "" || value == "1" || isTrue(value)
			if strings.EqualFold(value, "match") {
				a.refuseCopy("HEADER MATCH")
			}
		case "delimiter":
			delimiter = true
			plan.Delimiter = a.single(value, "DELIMITER")
		case "null":
			null, plan.Null = true, value
		case "quote":
			plan.Quote = a.single(value, "QUOTE")
			if !hasOption(list, "escape") {
				plan.Escape = plan.Quote
			}
		case "escape":
			plan.Escape = a.single(value, "ESCAPE")
		case "force_quote":
		default:
			a.refuseCopy(strings.ToUpper(d.GetDefname()))
		}
	}
	switch plan.Format {
	case "text", "binary":
	case "csv":
		if !null {
			plan.Null = ""
		}
		if !delimiter {
			plan.Delimiter = ','
		}
	default:
		a.refuseCopy("FORMAT " + plan.Format)
	}
}

func hasOption(list []*pg.Node, name string) bool {
	for _, n := range list {
		if strings.EqualFold(n.GetDefElem().GetDefname(), name) {
			return true
		}
	}
	return false
}

func (a *analysis) refuseCopy(option string) {
	if a.v.Touches {
		a.refuse("Leave the option out.", "COPY with option %s of protected relations", option)
	}
}

func (a *analysis) single(value, option string) byte {
	if len(value) != 1 {
		a.refuseCopy(option)
		return 0
	}
	return value[0]
}

func isTrue(s string) bool {
	switch strings.ToLower(s) {
	case "true", "on", "t", "yes":
		return true
	}
	return false
}

// optionText is an option's value as text, "" for none.
func optionText(n *pg.Node) string {
	switch x := n.GetNode().(type) {
	case *pg.Node_String_:
		return x.String_.Sval
	case *pg.Node_Boolean:
		if x.Boolean.Boolval {
			return "true"
		}
		return "false"
	case *pg.Node_Integer:
		return itoa(int(x.Integer.Ival))
	}
	return ""
}

// deparse is a statement's text, made from the tree that was judged.
func deparse(n *pg.Node) string {
	s, err := pgquery.Deparse(&pg.ParseResult{Stmts: []*pg.RawStmt{{Stmt: n}}})
	if err != nil {
		return ""
	}
	return s
}
