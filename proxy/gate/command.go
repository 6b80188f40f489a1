// Package gate owns the one data path: a protocol hands it a Command, it
// classifies, decides, holds, records the intent, and hands back a Verdict;
// when the command has ended the protocol hands it the Outcome. It knows no
// protocol.
package gate

import (
	"encoding/json"
	"reflect"

	"sluice.dev/proxy/audit"
)

// Facts is what a protocol's parser knows of a command. The keys are CONTRACT
// 3's.
type Facts struct {
	Complete   bool
	Resolved   string // server, catalog or none
	Operations []string
	Reads      []string
	Writes     []string
	Columns    []string
	Filters    []string
	Functions  []string
	Flags      map[string]bool
	// ReadOnly says that the facts prove the command free of effects: it may
	// leave before its intent is durable, and only its answer waits.
	ReadOnly bool
	// Session says that the command is one of those that every driver sends
	// before it works (operation "session").
	Session bool
	// Exempt says that the command ends something (COMMIT, ROLLBACK, DISCARD,
	// CLOSE): no policy, plugin or limit stops it.
	Exempt      bool
	Fingerprint string
	Description string // for people: "DELETE on public.customers"
	// Extra is the protocol's own object, under its own name.
	Extra map[string]any
	// ExtraNames are those of Extra, besides its booleans, that hold names
	// alone and no value of a command's: records keep them.
	ExtraNames []string
	// JSON is the whole as a plugin reads it, made by Encode once for cached
	// facts.
	JSON   []byte
	digest string // of JSON, as the log keeps it
}

// Encode makes JSON, the facts as plugins read them (sdk/ABI.md 4): Extra goes
// under name. What is false or empty is left out: plugins read the whole with
// each command, inside the sandbox, and it is most of it.
func (f *Facts) Encode(name string, parameters int) {
	doc := map[string]any{"complete": f.Complete, "resolved": f.Resolved, "operations": f.Operations, "reads": f.Reads, "writes": f.Writes,
		"columns": f.Columns, "filters": f.Filters, "functions": f.Functions, "flags": f.Flags, "parameters": parameters, name: f.Extra}
	f.JSON = []byte("{}")
	if what := said(doc); what != nil {
		if b, err := json.Marshal(what); err == nil { // else a plugin knows nothing, which a policy still does
			f.JSON = b
		}
	}
	f.digest = audit.ObjectDigest(f.JSON)
}

// said is v without what is false or empty.
func said(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, x := range v {
			if x = said(x); x != nil {
				out[k] = x
			}
		}
		if len(out) > 0 {
			return out
		}
	case map[string]bool:
		out := make(map[string]bool, len(v))
		for k, x := range v {
			if x {
				out[k] = true
			}
		}
		if len(out) > 0 {
			return out
		}
	case []string:
		if len(v) > 0 {
			return v
		}
	case []any:
		if len(v) > 0 {
			return v
		}
	default:
		if v != nil && !reflect.ValueOf(v).IsZero() {
			return v
		}
	}
	return nil
}

// Literal is a constant in a command's text: its bytes, and the columns that it
// is compared with or written to, if known.
type Literal struct {
	From, To int
	Columns  []string // schema.table.column
	Secret   bool     // a password clause and the like: hidden whatever the rules
}

// Param is one bound value.
type Param struct {
	Value   []byte
	Text    string // of a binary value, for people; "" when it is not known
	Null    bool
	Binary  bool
	Columns []string // as Literal.Columns
}

// Command is the unit of decision.
type Command struct {
	// Conn is the generation's view that the facts were made under, from
	// Acquire; nil takes the newest.
	Conn      *Connection
	ID        string // given by Decide
	Facts     *Facts
	Text      []byte
	Unparsed  bool // Text could not be parsed: it is kept as digest and length only
	Literals  []Literal
	Params    []Param
	Canonical []byte // equal for equal actions, comments and spelling apart
	Database  string
	Role      string // the effective one at the resource
	Path      string // how names are resolved: search_path and the like
	// InTransaction says that the session holds a transaction open, with locks.
	InTransaction bool
	// Refuse is the parser's own objection. It stands unless a policy has
	// already denied for a reason of its own, or each column in RefuseColumns
	// is lifted for this principal.
	Refuse        *Refusal
	RefuseColumns []string

	size     int64 // bytes of a text that was not kept whole
	redacted *redacted
}

// release gives back the generation of a command that came to nothing.
func (c *Command) release() {
	if c.Conn != nil {
		c.Conn.Generation.Release()
		c.Conn = nil
	}
}

// Outcome is how a command ended.
type Outcome struct {
	Result   string // ok, error, cancelled, skipped or unknown
	Code     string // the protocol's own: an SQLSTATE, an HTTP status
	Rows     int64
	BytesIn  int64
	BytesOut int64
	Masked   int64  // cells changed
	Effect   string // committed, rolled back, unknown or ""
}
