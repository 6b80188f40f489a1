package recorded

import (
	"encoding/json"
	"fmt"
	"strings"

	"sluice.dev/proxy/policy"
)

// Since is one value that a rule turned on, as people read it.
type Since struct {
	Path  string // connection.labels.environment
	Words string // what the path means: "the connection's environment"
	Value string // "production"
}

// words are what the paths of the input mean. A path that is longer by one
// name has that name put in.
var words = map[string]string{
	"principal.subject":      "who asks",
	"principal.issuer":       "who vouches",
	"principal.groups":       "groups",
	"principal.kinds":        "kind",
	"principal.chain":        "acts for",
	"principal.claims":       "claims",
	"principal.claims.*":     "claim %s",
	"connection.name":        "connection",
	"connection.protocol":    "protocol",
	"connection.labels":      "the connection's labels",
	"connection.labels.*":    "the connection's %s",
	"session.in_transaction": "inside a transaction",
	"session.client.user":    "user that the client claims",
	"session.client.*":       "the client's %s",
	"command.operations":     "does",
	"command.reads":          "reads",
	"command.writes":         "writes",
	"command.columns":        "reads the columns",
	"command.filters":        "filters by",
	"command.functions":      "calls",
	"command.complete":       "fully understood",
	"command.resolved":       "names resolved by",
	"command.flags.where":    "has a WHERE",
	"command.flags.*":        "is %s",
	"command.labels":         "labels of plugins",
	"command.risk":           "risk of 100",
	"command.parameters":     "bound values",
	"time":                   "time",
}

// SinceOf are the values that a rule turned on, as people read them.
func SinceOf(b policy.Because) []Since {
	out := make([]Since, 0, len(b.Values))
	for _, v := range b.Values {
		path := strings.TrimPrefix(v.Path, "input.")
		s := Since{Path: path, Words: meaning(path), Value: valueText(v.Value)}
		switch {
		case v.Unknown:
			s.Value = "not recorded"
		case v.Value == nil:
			s.Value = "not there"
		}
		out = append(out, s)
	}
	return out
}

func meaning(path string) string {
	if w := words[path]; w != "" {
		return w
	}
	if i := strings.LastIndexByte(path, '.'); i > 0 {
		if w := words[path[:i]+".*"]; w != "" {
			return fmt.Sprintf(w, strings.ReplaceAll(path[i+1:], "_", " "))
		}
	}
	if of, name, ok := strings.Cut(strings.TrimPrefix(path, "command."), "."); ok && of+"."+name != path && !strings.Contains(name, ".") {
		return strings.ReplaceAll(name, "_", " ") // of the protocol's own object
	}
	return path
}

// valueText is a value without JSON's signs where it needs none.
func valueText(v any) string {
	switch x := v.(type) {
	case bool:
		if x {
			return "yes"
		}
		return "no"
	case string:
		if x == "" {
			return "empty"
		}
		return x
	case []any:
		if len(x) == 0 {
			return "none"
		}
		parts := make([]string, len(x))
		for i, e := range x {
			parts[i] = valueText(e)
		}
		return strings.Join(parts, ", ")
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}

// Place is where a rule stands, short enough for a page: the policy's folder,
// its file and the line.
func Place(b policy.Because) string {
	file := b.File
	if i := strings.LastIndexByte(file, '/'); i > 0 {
		if j := strings.LastIndexByte(file[:i], '/'); j >= 0 {
			file = file[j+1:]
		}
	}
	return fmt.Sprintf("%s:%d", file, b.Line)
}
