package policy

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
)

type pair = [2]*ast.Term

func kv(key string, value *ast.Term) pair { return pair{ast.InternedTerm(key), value} }

// Value is the document as Rego sees it. An error names what in Command.Own
// or in the claims is no JSON value.
func (in *Input) Value() (ast.Value, error) { return in.value(true) }

// value leaves the command and the time out when whole is false: partial
// evaluation takes them as unknown.
func (in *Input) value(whole bool) (ast.Value, error) {
	who := in.principal()
	claims, err := anyTerm(who.Claims)
	if err != nil {
		return nil, fmt.Errorf("policy: input: principal.claims: %w", err)
	}
	hops := make([]*ast.Term, len(who.Chain))
	for i, h := range who.Chain {
		hops[i] = ast.ObjectTerm(
			kv("subject", ast.StringTerm(h.Subject)), kv("issuer", ast.StringTerm(h.Issuer)),
			kv("kind", ast.StringTerm(h.Kind)), kv("proof", ast.StringTerm(h.Proof)),
			kv("groups", stringsTerm(h.Groups)))
	}
	labels := make([]pair, 0, len(in.Connection.Labels))
	for k, v := range in.Connection.Labels {
		labels = append(labels, pair{ast.StringTerm(k), ast.StringTerm(v)})
	}
	doc := ast.NewObject(
		kv("principal", ast.ObjectTerm(
			kv("subject", ast.StringTerm(who.Subject)), kv("issuer", ast.StringTerm(who.Issuer)),
			kv("groups", stringsTerm(who.Groups)), kv("kinds", stringsTerm(who.Kinds)),
			kv("chain", ast.ArrayTerm(hops...)), kv("claims", claims))),
		kv("connection", ast.ObjectTerm(
			kv("name", ast.StringTerm(in.Connection.Name)), kv("protocol", ast.StringTerm(in.Connection.Protocol)),
			kv("labels", ast.ObjectTerm(labels...)))),
		kv("session", ast.ObjectTerm(
			kv("id", ast.StringTerm(in.Session.ID)),
			kv("client", ast.ObjectTerm(
				kv("address", ast.StringTerm(in.Session.Client.Address)),
				kv("application", ast.StringTerm(in.Session.Client.Application)),
				kv("user", ast.StringTerm(in.Session.Client.User)))),
			kv("in_transaction", ast.InternedTerm(in.Session.InTransaction)))),
		kv("generation", ast.StringTerm(in.Generation)),
	)
	if !whole {
		return doc, nil
	}
	command, err := in.Command.term()
	if err != nil {
		return nil, err
	}
	doc.Insert(ast.InternedTerm("command"), command)
	doc.Insert(ast.InternedTerm("time"), ast.StringTerm(in.Time.UTC().Format(time.RFC3339Nano)))
	return doc, nil
}

func (c *Command) term() (*ast.Term, error) {
	s := loadSchema()
	flags := make([]pair, 0, len(s.flags)+len(c.Flags))
	for _, name := range s.flags {
		if _, ok := c.Flags[name]; !ok {
			flags = append(flags, kv(name, ast.InternedTerm(false)))
		}
	}
	for name, set := range c.Flags {
		flags = append(flags, kv(name, ast.InternedTerm(set)))
	}
	pairs := []pair{
		kv("protocol", ast.StringTerm(c.Protocol)),
		kv("digest", ast.StringTerm(c.Digest)),
		kv("fingerprint", ast.StringTerm(c.Fingerprint)),
		kv("complete", ast.InternedTerm(c.Complete)),
		kv("resolved", ast.StringTerm(c.Resolved)),
		kv("operations", stringsTerm(c.Operations)),
		kv("reads", stringsTerm(c.Reads)),
		kv("writes", stringsTerm(c.Writes)),
		kv("columns", stringsTerm(c.Columns)),
		kv("filters", stringsTerm(c.Filters)),
		kv("functions", stringsTerm(c.Functions)),
		kv("flags", ast.ObjectTerm(flags...)),
		kv("parameters", ast.InternedTerm(c.Parameters)),
		kv("parameter_digests", stringsTerm(c.ParameterDigests)),
		kv("labels", stringsTerm(c.Labels)),
		kv("risk", ast.InternedTerm(c.Risk)),
	}
	if c.ownKey() {
		own := make([]pair, 0, len(c.Own))
		for _, name := range s.facts[c.Protocol] {
			if _, ok := c.Own[name]; !ok {
				own = append(own, kv(name, ast.InternedTerm(true)))
			}
		}
		for name, v := range c.Own {
			t, err := anyTerm(v)
			if err != nil {
				return nil, fmt.Errorf("policy: input: command.%s.%s: %w", c.Protocol, name, err)
			}
			own = append(own, kv(name, t))
		}
		pairs = append(pairs, kv(c.Protocol, ast.ObjectTerm(own...)))
	}
	return ast.ObjectTerm(pairs...), nil
}

// ownKey says whether the document has a key by the protocol's name.
func (c *Command) ownKey() bool {
	return c.Protocol != "" && (c.Own != nil || len(loadSchema().facts[c.Protocol]) > 0)
}

func stringsTerm(in []string) *ast.Term {
	terms := make([]*ast.Term, len(in))
	for i, s := range in {
		terms[i] = ast.StringTerm(s)
	}
	return ast.ArrayTerm(terms...)
}

func anyTerm(v any) (*ast.Term, error) {
	switch v := v.(type) {
	case nil:
		return ast.NullTerm(), nil
	case bool:
		return ast.InternedTerm(v), nil
	case string:
		return ast.StringTerm(v), nil
	case int:
		return ast.InternedTerm(v), nil
	case int64:
		return ast.IntNumberTerm(int(v)), nil
	case float64:
		return ast.FloatNumberTerm(v), nil
	case json.Number:
		return ast.NumberTerm(v), nil
	case []string:
		return stringsTerm(v), nil
	case []any:
		terms := make([]*ast.Term, len(v))
		for i, e := range v {
			t, err := anyTerm(e)
			if err != nil {
				return nil, err
			}
			terms[i] = t
		}
		return ast.ArrayTerm(terms...), nil
	case map[string]any:
		pairs := make([]pair, 0, len(v))
		for k, e := range v {
			t, err := anyTerm(e)
			if err != nil {
				return nil, err
			}
			pairs = append(pairs, pair{ast.StringTerm(k), t})
		}
		return ast.ObjectTerm(pairs...), nil
	}
	return nil, fmt.Errorf("a %T is no JSON value", v)
}
