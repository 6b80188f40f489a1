// Package policy decides commands by Rego policies (OPA). Each policy is the
// package data.<name>; its rules allow, deny, hold, mask and limit make a
// Decision, composed as CONTRACT 3 has it. Policies are checked when they are
// loaded: types of the input against the published schema, no builtin that
// reaches out, nothing that plugins say in an allow, masks by literal names.
// Decisions are cached on exactly the parts of the input that the policies
// read.
package policy

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"
)

// Source is one policy as it is loaded.
type Source struct {
	// Name is the policy block's: the policy is the package data.<Name> and
	// the packages below it.
	Name string
	// Root is the folder that Files are in. Data files are mounted under
	// data.<Name> by their path below it, see Compile.
	Root string
	// Files are .rego, .json, .yaml and .yml; those that end in _test.rego
	// are left out of a Set.
	Files []File
	// Shadow: the policy is evaluated and reported, and decides nothing.
	Shadow bool
}

// File is one file of a Source.
type File struct {
	Path string // as errors name it
	Data []byte
}

// Options of Compile. The zero value is of use.
type Options struct {
	// Approvals are the known names that a hold may ask for. Nil: names are
	// not checked. Empty: every hold is an error.
	Approvals []string
	// MaskBlocks are the known mask blocks; nil: not checked.
	MaskBlocks []string
	// EvalTimeout bounds one evaluation, 100 ms by default. There is no limit
	// of steps in OPA.
	EvalTimeout time.Duration
	// CacheEntries bounds the decision cache that all views share, 8192 by
	// default; negative: no cache.
	CacheEntries int
	// CacheBytes bounds its keys, 16 MiB by default.
	CacheBytes int
}

func (o Options) withDefaults() Options {
	if o.EvalTimeout <= 0 {
		o.EvalTimeout = 100 * time.Millisecond
	}
	if o.CacheEntries == 0 {
		o.CacheEntries = 8192
	}
	if o.CacheBytes <= 0 {
		o.CacheBytes = 16 << 20
	}
	return o
}

// Set is policies that decide together. It is immutable and safe for use by
// many goroutines.
type Set struct {
	lib     *library
	id      uint32
	names   []string // in the order of the sources
	digest  string
	enforce group
	shadow  []group // one for each shadow policy
	// allowKey is what the answer of SessionAllowed depends on.
	allowKey  []keyFunc
	key       []keyFunc
	reads     readSet
	cacheable bool
}

// library is what all views of one Compile share.
type library struct {
	opts     Options
	compiler *ast.Compiler
	store    storage.Store
	policies []*policyRules    // in the order of the sources
	owner    map[string]string // file → policy
	sources  map[string][]byte // file → its text, for explanations
	digest   string
	cache    *cache[*Decision]
	sessions *cache[[]string]

	mu    sync.Mutex
	views map[string]*Set
}

// Compile loads the policies and checks them. Its error is a *LoadError where
// a file is at fault.
//
// Of a Source, data.json (or .yaml, .yml) is mounted where its folder is
// below Root, under data.<Name>, as in OPA's bundles; any other data file
// adds its own name without the ending to that path.
func Compile(ctx context.Context, sources []Source, opts Options) (*Set, error) {
	lib, err := load(ctx, sources, opts.withDefaults())
	if err != nil {
		return nil, err
	}
	return lib.view(slices.Clone(lib.names()))
}

// For is a view of the set: the policies of these names alone. It shares the
// compiled modules and the cache, and costs little.
func (s *Set) For(names []string) (*Set, error) {
	var in []string
	for _, name := range s.names {
		if slices.Contains(names, name) {
			in = append(in, name)
		}
	}
	for _, name := range names {
		if !slices.Contains(s.names, name) {
			return nil, fmt.Errorf("policy: no policy %q in this set: it has %s", name, strings.Join(s.names, ", "))
		}
	}
	return s.lib.view(in)
}

// Names are the policies', in the order of the sources.
func (s *Set) Names() []string { return slices.Clone(s.names) }

// Digest names the policies, their data and this view of them: "sha256:…".
func (s *Set) Digest() string { return s.digest }

// Cacheable says whether decisions are cached: they are not where a policy
// reads the time, all of the input, or what is not deterministic.
func (s *Set) Cacheable() bool { return s.cacheable }

// Reads are the parts of the input that decisions depend on, dotted, sorted.
func (s *Set) Reads() []string {
	var all readSet
	all.add(operationsPath, nil)
	for _, p := range s.policies() {
		all.merge(&p.reads)
	}
	return all.dotted()
}

// DependsOn says whether a decision may depend on what is at the path of the
// input; without a path, on anything.
func (s *Set) DependsOn(path ...string) bool {
	if s.reads.uncertain != nil {
		return true
	}
	_, touched := s.reads.touches(path...)
	return touched
}

// MaskColumns are the columns and the mask blocks that the enforced policies
// can name in a mask: they belong to the protected set of a connection.
func (s *Set) MaskColumns() (columns, blocks []string) {
	for _, p := range s.policies() {
		if !p.shadow {
			columns = append(columns, p.maskColumns...)
			blocks = append(blocks, p.maskBlocks...)
		}
	}
	slices.Sort(columns)
	slices.Sort(blocks)
	return slices.Compact(columns), slices.Compact(blocks)
}

func (s *Set) policies() []*policyRules {
	var out []*policyRules
	for _, p := range s.lib.policies {
		if slices.Contains(s.names, p.name) {
			out = append(out, p)
		}
	}
	return out
}
