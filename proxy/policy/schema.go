package policy

import (
	"encoding/json"
	"slices"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"

	"sluice.dev/policies"
)

// schema is what the loader and the documents need of input.json.
type schema struct {
	set        *ast.SchemaSet
	operations []string
	flags      []string            // of every command
	protocols  []string            // that have an object of their own
	facts      map[string][]string // protocol → keys that its own object always has
	own        map[string][]string // protocol → all keys of its own object that the schema names
	command    map[string]*schemaNode
	keys       map[string][]string // a key → where it is: input.command.flags.drop
}

type schemaNode struct {
	Type       string                 `json:"type"`
	Properties map[string]*schemaNode `json:"properties"`
	Items      *schemaNode            `json:"items"`
	Required   []string               `json:"required"`
	Enum       []string               `json:"enum"`
}

// loadSchema reads the embedded schema once. It is compiled in and tested, so
// that a fault in it is a fault of the build.
var loadSchema = sync.OnceValue(func() *schema {
	var raw any
	if err := json.Unmarshal(policies.InputSchema, &raw); err != nil {
		panic("policy: policies/schema/input.json: " + err.Error())
	}
	var root schemaNode
	if err := json.Unmarshal(policies.InputSchema, &root); err != nil {
		panic("policy: policies/schema/input.json: " + err.Error())
	}
	s := &schema{set: ast.NewSchemaSet(), facts: map[string][]string{}, own: map[string][]string{}, keys: map[string][]string{}}
	root.walk("input", s.keys)
	s.set.Put(ast.SchemaRootRef, raw)
	command := root.Properties["command"]
	s.command = command.Properties
	s.operations = command.Properties["operations"].Items.Enum
	for name := range command.Properties["flags"].Properties {
		s.flags = append(s.flags, name)
	}
	slices.Sort(s.flags)
	for _, name := range sortedKeys(command.Properties) {
		node := command.Properties[name]
		if name != "flags" && node.Type == "object" {
			s.protocols = append(s.protocols, name)
			s.own[name] = sortedKeys(node.Properties)
		}
		if len(node.Required) > 0 {
			s.facts[name] = slices.Sorted(slices.Values(node.Required))
		}
	}
	return s
})

// OwnFacts are a protocol's own facts as a command has them of which nothing
// is so: false, and empty lists. It is nil for a protocol that has none in the
// schema.
func OwnFacts(protocol string) map[string]any {
	s := loadSchema()
	node := s.command[protocol]
	if node == nil || node.Type != "object" {
		return nil
	}
	out := make(map[string]any, len(node.Properties))
	for name, n := range node.Properties {
		switch n.Type {
		case "boolean":
			out[name] = false
		case "array":
			out[name] = []string{}
		}
	}
	return out
}

// walk notes where each key is, the nearest to the root first.
func (n *schemaNode) walk(at string, into map[string][]string) {
	for _, name := range sortedKeys(n.Properties) {
		into[name] = append(into[name], at+"."+name)
	}
	for _, name := range sortedKeys(n.Properties) {
		n.Properties[name].walk(at+"."+name, into)
	}
}
