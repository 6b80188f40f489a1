package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/json"
	"github.com/zclconf/go-cty/cty"
)

// Bounds of what Load reads.
const (
	maxFile  = 1 << 20 // bytes of one file
	maxFiles = 256
	// maxErrors that are shown: nobody reads more at once.
	maxErrors = 50
)

const defaultPoolIdle = 5 * time.Minute

// Source is one file's text under the name that errors show.
type Source struct {
	Name string
	Data []byte
}

// Load reads files, and directories of *.hcl and *.hcl.json, and merges them
// into one checked configuration. Its error is an *Error with everything that is
// wrong, not only the first thing. Load reads nothing but the HCL: whether the
// files that it names are there, the stage that opens them finds out.
func Load(paths ...string) (*Config, error) {
	var list []Source
	var dirs []string
	for _, path := range paths {
		found, isDir, err := read(path)
		if err != nil {
			return nil, Join(err)
		}
		list = append(list, found...)
		if isDir {
			dirs = append(dirs, path)
		}
		if len(list) > maxFiles {
			return nil, Join(fmt.Errorf("config: more than %d files: put less into one gateway", maxFiles))
		}
	}
	if len(list) == 0 {
		return nil, Join(fmt.Errorf("config: no *.hcl or *.hcl.json in %s", strings.Join(paths, ", ")))
	}
	c, err := Parse(list...)
	if err != nil {
		return nil, err
	}
	c.sources.dirs = dirs
	return c, nil
}

func read(path string) (list []Source, isDir bool, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, false, fmt.Errorf("config: %w: name a file or a directory with --config", err)
	}
	names := []string{path}
	if info.IsDir() {
		names = nil
		entries, err := os.ReadDir(path)
		if err != nil {
			return nil, false, fmt.Errorf("config: %w", err)
		}
		for _, e := range entries {
			n := e.Name()
			if !strings.HasPrefix(n, ".") && (strings.HasSuffix(n, ".hcl") || strings.HasSuffix(n, ".hcl.json")) {
				names = append(names, filepath.Join(path, n))
			}
		}
	}
	if len(names) > maxFiles {
		return nil, false, fmt.Errorf("config: more than %d files in %s: put less into one gateway", maxFiles, path)
	}
	for _, n := range names {
		data, err := readFile(n)
		if err != nil {
			return nil, false, err
		}
		list = append(list, Source{n, data})
	}
	return list, info.IsDir(), nil
}

func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("config: read %s: %w", name, err)
	}
	return data, nil
}

// Parse is Load for texts in memory; relative paths are taken from the directory
// of each Name.
func Parse(list ...Source) (*Config, error) {
	if len(list) == 0 {
		return nil, Join(errors.New("config: nothing to read"))
	}
	d := &decoder{}
	src := &sources{files: map[string]*hcl.File{}}
	var bodies []hcl.Body
	for _, s := range list {
		if slices.Contains(src.names, s.Name) {
			return nil, Join(fmt.Errorf("config: %s is named twice", s.Name))
		}
		src.names = append(src.names, s.Name)
		if f := d.parse(s); f != nil {
			bodies = append(bodies, f.Body)
			src.files[s.Name] = &hcl.File{Body: f.Body, Nav: f.Nav, Bytes: censor(s)}
		} else {
			src.files[s.Name] = &hcl.File{Bytes: censor(s)}
		}
	}
	c := newConfig(list[0].Name)
	c.sources = src
	// A syntax error hides blocks: what is said about those would be noise.
	if !d.diags.HasErrors() {
		for _, b := range bodies {
			d.top(c, b)
		}
		d.cross(c)
	}
	slices.SortStableFunc(d.diags, func(a, b *hcl.Diagnostic) int { return src.compare(a.Subject, b.Subject) })
	if d.diags.HasErrors() {
		diags := slices.DeleteFunc(d.diags, func(d *hcl.Diagnostic) bool { return d.Severity != hcl.DiagError })
		if n := len(diags); n > maxErrors {
			diags = append(diags[:maxErrors:maxErrors], &hcl.Diagnostic{Severity: hcl.DiagError, Summary: fmt.Sprintf("%d more errors", n-maxErrors)})
		}
		return nil, &Error{diags: diags, sources: src}
	}
	c.Warnings = src.export(d.diags)
	return c, nil
}

func (s *sources) compare(a, b *hcl.Range) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return -1
	case b == nil:
		return 1
	}
	if i, j := slices.Index(s.names, a.Filename), slices.Index(s.names, b.Filename); i != j {
		return i - j
	}
	return a.Start.Byte - b.Start.Byte
}

// parse reads the syntax of one file. HCL's parser recurses, and a stack that
// overflows ends the process: nesting is bounded before it sees the text.
func (d *decoder) parse(s Source) *hcl.File {
	top := hcl.Range{Filename: s.Name, Start: hcl.InitialPos, End: hcl.InitialPos}
	if len(s.Data) > maxFile {
		d.fail(top, "File too large", "A configuration file has at most %s.", Size(maxFile))
		return nil
	}
	if strings.HasSuffix(s.Name, ".json") {
		if deepJSON(s.Data) {
			d.fail(top, "Nested too deeply", "At most %d levels.", maxDepth)
			return nil
		}
		f, diags := json.Parse(s.Data, s.Name)
		d.diags = append(d.diags, diags...)
		return f
	}
	if at, deep := deepHCL(s); deep {
		d.fail(at, "Nested too deeply", "At most %d levels.", maxDepth)
		return nil
	}
	f, diags := hclsyntax.ParseConfig(s.Data, s.Name, hcl.InitialPos)
	d.diags = append(d.diags, diags...)
	return f
}

// newConfig has the defaults of what is not written.
func newConfig(first string) *Config {
	c := &Config{
		Gateway: Gateway{Name: "sluice"},
		Audit:   Audit{Checkpoint: time.Second, RedactLiterals: "protected"},
		State:   State{Kind: "file"},
		Limits:  Limits{Statement: 1 << 20, Message: 64 << 20, HoldsPerSession: 8, Session: 8 * time.Hour, Transaction: 5 * time.Minute},
		Reload:  Reload{Watch: true},
	}
	abs, err := resolve("./data", first)
	if err != nil {
		abs = "" // no working directory: check asks for an absolute path
	}
	c.Gateway.DataDir = Path{Given: "./data", Abs: abs}
	return c
}

var topSchema = &hcl.BodySchema{Blocks: []hcl.BlockHeaderSchema{
	{Type: "gateway"}, {Type: "audit"}, {Type: "console"}, {Type: "limits"}, {Type: "reload"},
	{Type: "state", LabelNames: []string{"kind"}},
	{Type: "plugin", LabelNames: []string{"name"}}, {Type: "policy", LabelNames: []string{"name"}},
	{Type: "mask", LabelNames: []string{"name"}}, {Type: "approval", LabelNames: []string{"name"}},
	{Type: "listener", LabelNames: []string{"protocol", "name"}}, {Type: "identity", LabelNames: []string{"kind", "name"}},
	{Type: "connection", LabelNames: []string{"protocol", "name"}},
	{Type: "notify", LabelNames: []string{"kind", "name"}}, {Type: "sink", LabelNames: []string{"kind", "name"}},
}}

func (d *decoder) top(c *Config, body hcl.Body) {
	content, diags := body.Content(topSchema)
	d.diags = append(d.diags, diags...)
	if content == nil {
		return
	}
	for _, b := range content.Blocks {
		if l := d.block(c, b); l != nil {
			d.body(b.Body, b.DefRange, l.layout())
		}
	}
}

// block makes the value that a block decodes into, with its defaults, and puts
// it into the configuration; nil when the block may not be there.
func (d *decoder) block(c *Config, b *hcl.Block) layouter {
	single := func(first Pos) bool {
		if first.Line > 0 {
			d.fail(b.DefRange, "Duplicate "+b.Type+" block", "There is one %s in a configuration; the first is at %s.", b.Type, first)
		}
		return first.Line == 0
	}
	switch b.Type {
	case "gateway":
		if single(c.Gateway.Pos) {
			return &c.Gateway
		}
	case "audit":
		if single(c.Audit.Pos) {
			return &c.Audit
		}
	case "limits":
		if single(c.Limits.Pos) {
			return &c.Limits
		}
	case "reload":
		if single(c.Reload.Pos) {
			return &c.Reload
		}
	case "state":
		if d.known(b, "file", "redis") && single(c.State.Pos) {
			return &c.State
		}
	case "console":
		if c.Console == nil {
			c.Console = &Console{}
			return c.Console
		}
		single(c.Console.Pos)
	case "notify":
		d.known(b, "", "slack", "webhook", "smtp", "teams")
	case "sink":
		d.known(b, "", "s3", "syslog", "http", "otlp", "file")
	default:
		return d.labelled(c, b)
	}
	return nil
}

func (d *decoder) labelled(c *Config, b *hcl.Block) layouter {
	name := b.Labels[len(b.Labels)-1]
	switch b.Type {
	case "listener":
		if d.known(b, "postgres redis https", "ssh", "mysql", "registry") && unique(d, c.Listeners, b, func(l *Listener) (string, Pos) { return l.Name, l.Pos }) {
			return add(&c.Listeners, &Listener{Protocol: b.Labels[0], Name: name})
		}
	case "identity":
		if d.known(b, "oidc", "saml") && unique(d, c.Identities, b, func(i *Identity) (string, Pos) { return i.Name, i.Pos }) {
			return add(&c.Identities, &Identity{Kind: b.Labels[0], Name: name, SubjectClaim: "sub", GroupsClaim: "groups", DisplayClaim: "name", ActorClaim: "act", Skew: 30 * time.Second})
		}
	case "connection":
		if d.known(b, "postgres redis", "ssh", "kubernetes", "llm", "mcp", "http", "registry", "mysql") && unique(d, c.Connections, b, func(x *Connection) (string, Pos) { return x.Name, x.Pos }) {
			database := name
			if b.Labels[0] == "redis" {
				database = "0"
			}
			return add(&c.Connections, &Connection{Protocol: b.Labels[0], Name: name, Database: database,
				TLS: ConnectionTLS{Mode: "verify-full"}, Postgres: Postgres{Lineage: "server", ServerLog: "silent", Driver: "plain"}})
		}
	case "plugin":
		if unique(d, c.Plugins, b, func(p *Plugin) (string, Pos) { return p.Name, p.Pos }) {
			return add(&c.Plugins, &Plugin{Name: name, settings: cty.EmptyObjectVal})
		}
	case "policy":
		if unique(d, c.Policies, b, func(p *Policy) (string, Pos) { return p.Name, p.Pos }) {
			return add(&c.Policies, &Policy{Name: name, mode: "enforce"})
		}
	case "mask":
		if unique(d, c.Masks, b, func(m *Mask) (string, Pos) { return m.Name, m.Pos }) {
			return add(&c.Masks, &Mask{Name: name, Scope: "session"})
		}
	case "approval":
		if unique(d, c.Approvals, b, func(a *Approval) (string, Pos) { return a.Name, a.Pos }) {
			return add(&c.Approvals, &Approval{Name: name, Required: 1, Self: "deny", Mode: "wait-then-ticket", Expires: 15 * time.Minute, TxWait: 10 * time.Second})
		}
	}
	return nil
}

func add[T layouter](list *[]T, v T) T {
	*list = append(*list, v)
	return v
}

func unique[T any](d *decoder, list []T, b *hcl.Block, of func(T) (string, Pos)) bool {
	for _, v := range list {
		if name, pos := of(v); name == b.Labels[len(b.Labels)-1] {
			d.fail(b.DefRange, "Duplicate "+b.Type, "There is a %s %q already, at %s.", b.Type, name, pos)
			return false
		}
	}
	return true
}

// known refuses a block's first label unless it is one of ready (words). Those
// in later are designed and not built: saying so beats a silent gap.
func (d *decoder) known(b *hcl.Block, ready string, later ...string) bool {
	kind, words := b.Labels[0], strings.Fields(ready)
	switch {
	case slices.Contains(words, kind):
		return true
	case slices.Contains(later, kind):
		d.fail(b.DefRange, "Not available yet", "%s %q is not available yet: take it out.", b.Type, kind)
	default:
		d.fail(b.LabelRanges[0], "Unknown "+b.Type, "There is no %s %q; there is %s.", b.Type, kind, strings.Join(slices.Concat(words, later), ", "))
	}
	return false
}

// Format lays out HCL as `sluice fmt` does. It refuses what is no HCL.
func Format(name string, src []byte) ([]byte, error) {
	if strings.HasSuffix(name, ".json") {
		return nil, Join(errors.New("config: " + name + ": JSON is not formatted"))
	}
	d := &decoder{}
	s := Source{name, src}
	d.parse(s)
	if d.diags.HasErrors() {
		return nil, &Error{diags: d.diags, sources: &sources{files: map[string]*hcl.File{name: {Bytes: censor(s)}}}}
	}
	out := format(src)
	if len(out) > 0 && !bytes.HasSuffix(out, []byte("\n")) {
		out = append(out, '\n')
	}
	return out, nil
}
