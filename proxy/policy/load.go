package policy

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/util"
)

var (
	nameShape = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,62}$`)
	// Names that OPA, or the tests' support, use under data.
	reservedNames = []string{"system", "partial", "sluice", "input", "data"}
)

// load parses, checks and compiles.
func load(ctx context.Context, sources []Source, opts Options) (*library, error) {
	p, err := parse(sources, false, opts)
	if err != nil {
		return nil, err
	}
	lib := &library{opts: opts, policies: p.policies, digest: digest(sources, opts), views: map[string]*Set{}, owner: map[string]string{}, sources: map[string][]byte{}}
	for file, src := range p.faults.files {
		lib.owner[file], lib.sources[file] = src.policy, src.data
	}
	lib.cache = newCache[*Decision](opts.CacheEntries, opts.CacheBytes)
	lib.sessions = newCache[[]string](min(opts.CacheEntries, 1024), opts.CacheBytes/4)
	lib.store = inmem.NewFromObjectWithOpts(p.data, inmem.OptRoundTripOnWrite(false), inmem.OptReturnASTValuesOnRead(true))
	lib.compiler, err = compile(ctx, p, lib.store, newCompiler())
	if err != nil {
		return nil, err
	}
	for _, pol := range lib.policies {
		pol.analyse(lib.compiler)
		pol.checkAllow(p.faults)
	}
	return lib, p.faults.err()
}

// newCompiler is OPA's, with the language and the schema that policies have
// everywhere: in a gateway, in tests, on the command line.
func newCompiler() *ast.Compiler {
	return ast.NewCompiler().
		WithCapabilities(capabilities()).
		WithSchemas(loadSchema().set).
		WithDefaultRegoVersion(ast.RegoV1).
		SetErrorLimit(maxDiagnostics)
}

func compile(ctx context.Context, p *parsed, store storage.Store, c *ast.Compiler) (*ast.Compiler, error) {
	txn, err := store.NewTransaction(ctx)
	if err != nil {
		return nil, fmt.Errorf("policy: data store: %w", err)
	}
	defer store.Abort(ctx, txn)
	c.WithPathConflictsCheck(storage.NonEmpty(ctx, store, txn))
	if c.Compile(p.modules); c.Failed() {
		p.faults.rego("", c.Errors)
		return nil, p.faults.err()
	}
	return c, nil
}

// parsed is the sources before they are compiled.
type parsed struct {
	policies []*policyRules
	modules  map[string]*ast.Module
	data     map[string]any
	faults   *faults
}

func parse(sources []Source, withTests bool, opts Options) (*parsed, error) {
	out := &parsed{modules: map[string]*ast.Module{}, data: map[string]any{}, faults: &faults{files: map[string]sourceFile{}}}
	caps := capabilities()
	for _, src := range sources {
		if !nameShape.MatchString(src.Name) || slices.Contains(reservedNames, src.Name) {
			return nil, fmt.Errorf("policy: name %q: use a letter and then letters, digits and _, and none of %s", src.Name, strings.Join(reservedNames, ", "))
		}
		if slices.ContainsFunc(out.policies, func(p *policyRules) bool { return p.name == src.Name }) {
			return nil, fmt.Errorf("policy: two policies have the name %q: each is its own package", src.Name)
		}
		p := &policyRules{name: src.Name, shadow: src.Shadow}
		out.policies = append(out.policies, p)
		for _, file := range src.Files {
			if other, twice := out.faults.files[file.Path]; twice {
				return nil, fmt.Errorf("policy: %s is given twice, to %s and to %s: a policy has its own files", file.Path, other.policy, src.Name)
			}
			out.faults.files[file.Path] = sourceFile{policy: src.Name, data: file.Data}
			switch ext := path.Ext(filepath.ToSlash(file.Path)); {
			case ext == ".rego":
				test := strings.HasSuffix(file.Path, "_test.rego")
				if test && !withTests {
					continue
				}
				m, err := ast.ParseModuleWithOpts(file.Path, string(file.Data), ast.ParserOptions{Capabilities: caps, RegoVersion: ast.RegoV1, ProcessAnnotation: true})
				if err != nil {
					out.faults.rego(file.Path, err)
					continue
				}
				if m == nil {
					out.faults.add(Diagnostic{File: file.Path, Message: "the file is empty: begin with `package " + src.Name + "`"})
					continue
				}
				out.modules[file.Path] = m
				if !test {
					p.checkModule(m, opts, out.faults)
				}
			case isData(ext):
				if err := mount(out.data, src, file); err != nil {
					out.faults.add(Diagnostic{File: file.Path, Message: err.Error()})
				}
			default:
				out.faults.add(Diagnostic{File: file.Path, Message: "a policy is made of .rego, .json and .yaml files"})
			}
		}
		if len(p.has) == 0 && len(out.faults.list) == 0 {
			where := src.Root
			if where == "" {
				where = src.Name
			}
			out.faults.add(Diagnostic{Policy: src.Name, File: where, Message: fmt.Sprintf("package %s has none of the rules %s", src.Name, strings.Join(decisionRules, ", "))})
		}
	}
	return out, out.faults.err()
}

func isData(ext string) bool { return ext == ".json" || ext == ".yaml" || ext == ".yml" }

// mount puts a data file where its path says, see Compile.
func mount(root map[string]any, src Source, file File) error {
	var value any
	if err := util.Unmarshal(file.Data, &value); err != nil {
		return fmt.Errorf("cannot be read: %w", err)
	}
	rel := filepath.Base(file.Path)
	if src.Root != "" {
		if r, err := filepath.Rel(src.Root, file.Path); err == nil && filepath.IsLocal(r) {
			rel = r
		}
	}
	rel = filepath.ToSlash(rel)
	at := []string{src.Name}
	if dir := path.Dir(rel); dir != "." {
		at = append(at, strings.Split(dir, "/")...)
	}
	if stem := strings.TrimSuffix(path.Base(rel), path.Ext(rel)); stem != "data" {
		at = append(at, stem)
	}
	node := root
	for _, key := range at[:len(at)-1] {
		next, ok := node[key].(map[string]any)
		if !ok {
			if _, taken := node[key]; taken {
				return fmt.Errorf("data.%s is no object in another file", strings.Join(at, "."))
			}
			next = map[string]any{}
			node[key] = next
		}
		node = next
	}
	return merge(node, at[len(at)-1], value, at)
}

func merge(node map[string]any, key string, value any, at []string) error {
	old, taken := node[key]
	if !taken {
		if _, isMap := value.(map[string]any); !isMap && len(at) == 1 {
			return fmt.Errorf("data.%s is an object", key)
		}
		node[key] = value
		return nil
	}
	a, aok := old.(map[string]any)
	b, bok := value.(map[string]any)
	if !aok || !bok {
		return fmt.Errorf("data.%s is in two files", strings.Join(at, "."))
	}
	for k, v := range b {
		if err := merge(a, k, v, append(slices.Clone(at), k)); err != nil {
			return err
		}
	}
	return nil
}

// analyse finds what the policy reads.
func (p *policyRules) analyse(c *ast.Compiler) {
	all := newAnalysis(c)
	for _, name := range p.has {
		all.rules(p.rules(c, name))
	}
	p.reads = all.out
	allow := newAnalysis(c)
	rules := p.rules(c, ruleAllow)
	allow.rules(rules)
	p.allowReads = allow.out
	p.defaultOnly = !slices.ContainsFunc(rules, func(r *ast.Rule) bool { return !r.Default })
}

func (p *policyRules) ref(rule string) ast.Ref {
	return ast.DefaultRootRef.Append(ast.StringTerm(p.name)).Append(ast.StringTerm(rule))
}

func (p *policyRules) rules(c *ast.Compiler, rule string) []*ast.Rule {
	return c.GetRulesExact(p.ref(rule))
}

func digest(sources []Source, opts Options) string {
	h := sha256.New()
	field := func(s string) { fmt.Fprintf(h, "%d:%s,", len(s), s) }
	for _, src := range sources {
		field(src.Name)
		field(fmt.Sprint(src.Shadow))
		for _, f := range src.Files {
			if strings.HasSuffix(f.Path, "_test.rego") {
				continue
			}
			rel := f.Path
			if r, err := filepath.Rel(src.Root, f.Path); src.Root != "" && err == nil {
				rel = r
			}
			field(filepath.ToSlash(rel))
			field(string(f.Data))
		}
	}
	field(opts.EvalTimeout.String())
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

func (l *library) names() []string {
	out := make([]string, len(l.policies))
	for i, p := range l.policies {
		out[i] = p.name
	}
	return out
}
