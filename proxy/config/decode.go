package config

import (
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// decoder collects what is wrong while blocks are decoded; it goes on after an
// error, so that one run shows all of them.
type decoder struct {
	diags hcl.Diagnostics
}

func (d *decoder) fail(at hcl.Range, summary, format string, args ...any) {
	d.diags = append(d.diags, &hcl.Diagnostic{Severity: hcl.DiagError, Summary: summary, Detail: fmt.Sprintf(format, args...), Subject: at.Ptr()})
}

func (d *decoder) warn(at hcl.Range, summary, format string, args ...any) {
	d.diags = append(d.diags, &hcl.Diagnostic{Severity: hcl.DiagWarning, Summary: summary, Detail: fmt.Sprintf(format, args...), Subject: at.Ptr()})
}

// body decodes one block by its layout.
func (d *decoder) body(body hcl.Body, at hcl.Range, l *layout) {
	*l.pos = posOf(at)
	schema := &hcl.BodySchema{}
	for _, f := range l.fields {
		schema.Attributes = append(schema.Attributes, hcl.AttributeSchema{Name: f.name})
	}
	for _, b := range l.blocks {
		schema.Blocks = append(schema.Blocks, hcl.BlockHeaderSchema{Type: b.name})
	}
	content, diags := body.Content(schema)
	d.diags = append(d.diags, diags...)
	if content == nil {
		return
	}
	before := len(d.diags)
	for i := range l.fields {
		f := &l.fields[i]
		attr := content.Attributes[f.name]
		if attr == nil {
			if f.must {
				d.fail(at, "Missing "+f.name, "%s is needed: %s.", f.name, f.why)
			}
			continue
		}
		f.at, f.expr = posOf(attr.Range), attr.Expr
		d.attribute(attr, f)
	}
	seen := map[string]hcl.Range{}
	for _, b := range content.Blocks {
		if first, ok := seen[b.Type]; ok {
			d.fail(b.DefRange, "Duplicate "+b.Type+" block", "The first one is at %s.", posOf(first))
			continue
		}
		seen[b.Type] = b.DefRange
		i := slices.IndexFunc(l.blocks, func(s sub) bool { return s.name == b.Type })
		d.body(b.Body, b.DefRange, l.blocks[i].open())
	}
	// Checks look at relations between values: on values that did not decode they
	// would only repeat the error.
	if l.check != nil && len(d.diags) == before {
		l.check(d, l)
	}
}

func (d *decoder) attribute(attr *hcl.Attribute, f *field) {
	if ref, ok := f.into.(**SecretRef); ok {
		*ref = d.secret(attr)
		return
	}
	v, diags := attr.Expr.Value(plain)
	if diags.HasErrors() {
		d.diags = append(d.diags, diags...)
		return
	}
	at := attr.Expr.Range()
	if v.IsMarked() || !v.IsWhollyKnown() || v.IsNull() {
		d.fail(at, "Empty "+attr.Name, "%s has no value: write one, or leave the attribute out.", attr.Name)
		return
	}
	if err := assign(f, v, at); err != nil {
		d.fail(at, "Invalid "+attr.Name, "%s: %s.", attr.Name, err)
	}
}

// assign converts strictly: a number is no string, since a database named 1 and
// a port "5432" are more often slips than wishes.
func assign(f *field, v cty.Value, at hcl.Range) error {
	switch into := f.into.(type) {
	case *string:
		s, err := text(v)
		if err != nil {
			return err
		}
		if f.oneOf != nil && !slices.Contains(f.oneOf, s) {
			return fmt.Errorf("%q is not one of %s", s, strings.Trim(strings.Join(f.oneOf, ", "), ", "))
		}
		*into = s
	case *bool:
		if v.Type() != cty.Bool {
			return fmt.Errorf("want true or false, got a %s", v.Type().FriendlyName())
		}
		*into = v.True()
	case *int:
		n, err := integer(v)
		*into = n
		return err
	case *time.Duration:
		s, err := text(v)
		if err != nil {
			return fmt.Errorf(`want a time like "20s", got a %s`, v.Type().FriendlyName())
		}
		t, err := time.ParseDuration(s)
		if err != nil || t <= 0 {
			return fmt.Errorf(`%q is no time: want one like "20s", "15m" or "8h"`, s)
		}
		*into = t
	case *Size:
		if v.Type() == cty.Number {
			n, err := integer(v)
			if err != nil || n < 1 {
				return fmt.Errorf(`want a size like "64MiB"`)
			}
			*into = Size(n)
			return nil
		}
		s, err := text(v)
		if err != nil {
			return err
		}
		*into, err = ParseSize(s)
		return err
	case *Path:
		s, err := text(v)
		if err != nil {
			return err
		}
		if s == "" {
			return fmt.Errorf("a path is empty")
		}
		abs, err := resolve(s, at.Filename)
		if err != nil {
			return err
		}
		*into = Path{Given: s, Abs: abs, Pos: posOf(at)}
	case *[]string:
		list, err := texts(v)
		if err != nil {
			return err
		}
		*into = list
	case *map[string]string:
		m, err := textMap(v)
		if err != nil {
			return err
		}
		*into = m
	case *cty.Value:
		*into = v
	default:
		panic(fmt.Sprintf("config: attribute %s of type %T", f.name, into)) // a slip in this package, found by its tests
	}
	return nil
}

func text(v cty.Value) (string, error) {
	if v.IsNull() || v.Type() != cty.String {
		return "", fmt.Errorf("want a string in quotes, got %s", friendly(v))
	}
	return v.AsString(), nil
}

func friendly(v cty.Value) string {
	if v.IsNull() {
		return "nothing"
	}
	return "a " + v.Type().FriendlyName()
}

func integer(v cty.Value) (int, error) {
	if v.Type() != cty.Number {
		return 0, fmt.Errorf("want a number, got %s", friendly(v))
	}
	n, acc := v.AsBigFloat().Int64()
	if acc != big.Exact || int64(int(n)) != n {
		return 0, fmt.Errorf("want a whole number")
	}
	return int(n), nil
}

func texts(v cty.Value) ([]string, error) {
	if t := v.Type(); !t.IsTupleType() && !t.IsListType() && !t.IsSetType() {
		return nil, fmt.Errorf(`want a list of strings like ["a", "b"], got %s`, friendly(v))
	}
	out := make([]string, 0, v.LengthInt())
	for it := v.ElementIterator(); it.Next(); {
		_, e := it.Element()
		s, err := text(e)
		if err != nil {
			return nil, fmt.Errorf("in the list: %w", err)
		}
		if s == "" {
			return nil, fmt.Errorf("in the list: an empty string")
		}
		if slices.Contains(out, s) {
			return nil, fmt.Errorf("%q is in the list twice", s)
		}
		out = append(out, s)
	}
	return out, nil
}

func textMap(v cty.Value) (map[string]string, error) {
	if t := v.Type(); !t.IsObjectType() && !t.IsMapType() {
		return nil, fmt.Errorf(`want a map like { environment = "production" }, got %s`, friendly(v))
	}
	out := make(map[string]string, v.LengthInt())
	for it := v.ElementIterator(); it.Next(); {
		k, e := it.Element()
		s, err := text(e)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", k.AsString(), err)
		}
		out[k.AsString()] = s
	}
	return out, nil
}

// plain is the context of every attribute that is no secret: there are no
// variables, and the functions that fetch secrets say where they belong.
var plain = &hcl.EvalContext{Functions: map[string]function.Function{
	"env": secretOnly("env"), "file": secretOnly("file"), "exec": secretOnly("exec"), "vault": secretOnly("vault"),
}}

func secretOnly(name string) function.Function {
	return function.New(&function.Spec{
		VarParam: &function.Parameter{Name: "args", Type: cty.DynamicPseudoType, AllowNull: true},
		Type: func([]cty.Value) (cty.Type, error) {
			return cty.NilType, fmt.Errorf("%s() is for secrets alone (passwords and keys); write the value itself here", name)
		},
		Impl: func([]cty.Value, cty.Type) (cty.Value, error) { return cty.NilVal, nil },
	})
}

// secret reads a reference like env("NAME"). A secret written out is refused: it
// would be in backups, in version control and in everybody's editor.
func (d *decoder) secret(attr *hcl.Attribute) *SecretRef {
	at := attr.Expr.Range()
	call, diags := hcl.ExprCall(unwrap(attr.Expr))
	if diags.HasErrors() {
		d.fail(attr.NameRange, "Secret written out", `%s must not hold the secret itself: write env("NAME"), file("path") or exec("command").`, attr.Name)
		return nil
	}
	args := make([]string, 0, len(call.Arguments))
	for _, e := range call.Arguments {
		v, diags := e.Value(nil)
		if diags.HasErrors() {
			d.diags = append(d.diags, diags...)
			return nil
		}
		s, err := text(v)
		if err != nil || s == "" || strings.ContainsRune(s, 0) {
			d.fail(e.Range(), "Invalid "+attr.Name, "%s(): want strings in quotes.", call.Name)
			return nil
		}
		args = append(args, s)
	}
	ref := &SecretRef{Kind: call.Name, Args: args, Pos: posOf(attr.Range)}
	switch call.Name {
	case SecretEnv, SecretFile:
		if len(args) != 1 {
			d.fail(at, "Invalid "+attr.Name, "%s() takes one string, has %d.", call.Name, len(args))
			return nil
		}
		if call.Name == SecretFile {
			abs, err := resolve(args[0], at.Filename)
			if err != nil {
				d.fail(at, "Invalid "+attr.Name, "file(): %s.", err)
				return nil
			}
			ref.Given, ref.Args = args[0], []string{abs}
		}
	case SecretExec:
		if len(args) == 0 {
			d.fail(at, "Invalid "+attr.Name, "exec() takes a command and its arguments.")
			return nil
		}
		// A name without a slash is looked up in PATH when it runs.
		if strings.ContainsRune(args[0], '/') {
			abs, err := resolve(args[0], at.Filename)
			if err != nil {
				d.fail(at, "Invalid "+attr.Name, "exec(): %s.", err)
				return nil
			}
			ref.Args[0] = abs
		}
	case "vault":
		d.fail(at, "Not available yet", `vault() is not available yet: use exec("vault", "kv", "get", …) or file().`)
		return nil
	default:
		d.fail(at, "Unknown source of a secret", "%s() is unknown: write env(), file() or exec().", call.Name)
		return nil
	}
	return ref
}

// unwrap takes the marks of a template off a JSON string like "${env(\"NAME\")}",
// which hcl.ExprCall leaves on.
func unwrap(e hcl.Expression) hcl.Expression {
	if !strings.HasSuffix(e.Range().Filename, ".json") {
		return e
	}
	v, diags := e.Value(nil) // without a context JSON strings come as they are
	if diags.HasErrors() {
		return e
	}
	s, err := text(v)
	if inner, ok := strings.CutPrefix(s, "${"); err == nil && ok && strings.HasSuffix(inner, "}") {
		if call, diags := hclsyntax.ParseExpression([]byte(strings.TrimSuffix(inner, "}")), e.Range().Filename, e.Range().Start); !diags.HasErrors() {
			return call
		}
	}
	return e
}
