package config_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice.dev/proxy/config"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// base is the least configuration that is complete.
const base = `
listener "postgres" "main" {
  address = "127.0.0.1:6432"
  tls { insecure = true }
}
listener "https" "web" {
  address = "127.0.0.1:8443"
  tls { insecure = true }
}
identity "oidc" "corp" {
  issuer    = "https://idp.example.com"
  audiences = ["sluice"]
}
connection "postgres" "orders" {
  address  = "db.internal"
  user     = "crew_app"
  password = env("ORDERS_PASSWORD")
  labels   = { environment = "production" }
}
policy "agents" { path = "policies/agents" }
`

func parse(t *testing.T, text string) (*config.Config, error) {
	t.Helper()
	return config.Parse(config.Source{Name: "/etc/sluice/sluice.hcl", Data: []byte(text)})
}

func load(t *testing.T, text string) *config.Config {
	t.Helper()
	c, err := parse(t, text)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestContract loads the example of CONTRACT 2, without what is not available
// yet, and shows the whole of what it came to.
func TestContract(t *testing.T) {
	c, err := config.Load("testdata/contract.hcl")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "contract.plan", c.Redacted())
	if len(c.Warnings) > 0 {
		t.Errorf("warnings: %v", c.Warnings)
	}
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, f := range c.Files() {
		rel, err := filepath.Rel(filepath.Join(wd, "testdata"), f)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, rel)
	}
	want := []string{"audit.key", "ca.pem", "contract.hcl", "gw.crt", "gw.key", "mask.key", "plugins/pii.wasm", "policies/agents"}
	if diff := cmp.Diff(want, files); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if p := c.Plugins[0]; string(p.Settings) != `{"detectors":["email","card"]}` || p.Pos.Line == 0 || !strings.HasSuffix(p.Module.Abs, "/config/testdata/plugins/pii.wasm") {
		t.Errorf("plugin: %+v", p)
	}
}

func TestDefaults(t *testing.T) {
	c := load(t, base)
	x := c.Connections[0]
	got := []any{
		c.Gateway.Name, c.Gateway.DataDir.Abs, c.State.Path.Abs, c.Limits.Statement, c.Limits.Message, c.Limits.HoldsPerSession, c.Limits.Session, c.Limits.Transaction,
		c.Reload.Watch, c.Audit.Checkpoint, c.Audit.RedactLiterals, x.Address, x.Database, x.TLS.Mode, x.Postgres.Lineage, x.Postgres.ServerLog, x.Postgres.Driver,
		c.Identities[0].Skew, c.Policies[0].Shadow, c.Policies[0].Path.Abs, c.Console == nil, x.Pool == nil, x.Password.Kind, x.Password.Args[0],
	}
	want := []any{
		"sluice", "/etc/sluice/data", "/etc/sluice/data/state.db", config.Size(1 << 20), config.Size(64 << 20), 8, 8 * time.Hour, 5 * time.Minute,
		true, time.Second, "protected", "db.internal:5432", "orders", "verify-full", "server", "silent", "plain",
		30 * time.Second, false, "/etc/sluice/policies/agents", true, true, "env", "ORDERS_PASSWORD",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("defaults (-want +got):\n%s", diff)
	}
}

func TestDirectory(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("a.hcl", base)
	write("b.hcl.json", `{"//": "a remark", "approval": {"change": {"approvers": ["dba"], "wait": "20s"}},
		"connection": {"postgres": {"stock": {"address": "127.0.0.1:5433", "user": "u", "password": "${file(\"stock.pw\")}", "tls": {"mode": "disable"}}}}}`)
	write(".hidden.hcl", "nonsense")
	write("note.txt", "nonsense")
	write("sub/c.hcl", "nonsense")
	c, err := config.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(c.Files(), dir) {
		t.Error("a watch must see a new file in the directory")
	}
	x := c.Connections[1]
	if x.Name != "stock" || x.Password.Kind != "file" || x.Password.Args[0] != filepath.Join(dir, "stock.pw") || c.Approvals[0].Wait != 20*time.Second {
		t.Errorf("connection %+v approval %+v", x, c.Approvals[0])
	}
	if x.Pos.File != filepath.Join(dir, "b.hcl.json") || x.Pos.Line != 2 {
		t.Errorf("place: %s", x.Pos)
	}
	write("c.hcl", "gateway {\n}\nconnection \"postgres\" \"orders\" {\n}\napproval \"change\" { approvers = [\"x\"] }\n")
	write("d.hcl", "gateway {\n}")
	_, err = config.Load(dir)
	for _, want := range []string{
		`c.hcl:3: Duplicate connection: There is a connection "orders" already, at ` + dir + `/a.hcl:14`,
		`c.hcl:5: Duplicate approval: There is a approval "change" already, at ` + dir + `/b.hcl.json:1`,
		`d.hcl:1: Duplicate gateway block: There is one gateway in a configuration; the first is at ` + dir + `/c.hcl:1`,
	} {
		if !mentions(err, want) {
			t.Errorf("no %q in\n%s", want, all(err))
		}
	}
	for _, bad := range []string{filepath.Join(dir, "none.hcl"), filepath.Join(dir, "sub", "none"), t.TempDir()} {
		if _, err := config.Load(bad); err == nil || strings.Count(err.Error(), "config:") != 1 {
			t.Errorf("load %s: %v", bad, err)
		}
	}
	if _, err := config.Load(filepath.Join(dir, "a.hcl"), dir); err == nil || !strings.Contains(err.Error(), "named twice") {
		t.Errorf("a file twice: %v", err)
	}
}

func all(err error) string {
	var ce *config.Error
	if !errors.As(err, &ce) {
		return "no *config.Error: " + err.Error()
	}
	var b strings.Builder
	for _, d := range ce.Diagnostics() {
		b.WriteString(d.String() + "\n")
	}
	return b.String()
}

func mentions(err error, want string) bool { return err != nil && strings.Contains(all(err), want) }

func TestWarnings(t *testing.T) {
	c := load(t, strings.Replace(base, `policy "agents" { path = "policies/agents" }`, `
policy "agents" {
  path = "p"
  mode = "shadow"
}
policy "other" {
  path       = "p"
  applies_to = { environment = "prodution" }
}
mask "contact" {
  applies_to = { data = "customer" }
  columns    = ["public.\"Cust.omers\".email"]
  action     = "redact"
}`, 1))
	var got []string
	for _, w := range c.Warnings {
		got = append(got, w.Summary)
	}
	want := []string{"Nothing allowed", "Policy without effect", "Mask without effect"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}

func TestCompare(t *testing.T) {
	old := load(t, base+"mask \"gone\" {\n columns = [\"a.b.c\"]\n action = \"null\"\n}\n")
	next := load(t, strings.NewReplacer(
		`env("ORDERS_PASSWORD")`, `file("pw")`,
		`labels   = { environment = "production" }`, `labels = { environment = "test" }`+"\n  pool {}",
		`"policies/agents"`, `"policies/agents2"`,
	).Replace(base)+"approval \"change\" { approvers = [\"dba\"] }\n")
	changes := config.Compare(old, next)
	var b strings.Builder
	for _, c := range changes {
		b.WriteString(c.String() + "\n")
	}
	golden(t, "compare.txt", b.String()+config.Summary(changes)+"\n")
	if same := config.Compare(next, next); len(same) > 0 || config.Summary(same) != "no changes" {
		t.Errorf("a configuration differs from itself: %v", same)
	}
	if got := config.Summary(config.Compare(nil, old)); got != "11 to add, 0 to change, 0 to remove" {
		t.Error(got)
	}
}

func TestFormat(t *testing.T) {
	out, err := config.Format("x.hcl", []byte("gateway {\nname=\"x\"\n    data_dir   =   \"d\"\n}"))
	if want := "gateway {\n  name     = \"x\"\n  data_dir = \"d\"\n}\n"; err != nil || string(out) != want {
		t.Errorf("%q, %v", out, err)
	}
	if _, err := config.Format("x.hcl", []byte("gateway {")); !mentions(err, "x.hcl:1: Unclosed configuration block") {
		t.Errorf("bad HCL: %v", err)
	}
}

func TestAppliesTo(t *testing.T) {
	have := map[string]string{"environment": "production", "data": "customer"}
	for _, c := range []struct {
		want map[string]string
		is   bool
	}{{nil, true}, {map[string]string{"data": "customer"}, true}, {have, true}, {map[string]string{"data": "x"}, false}, {map[string]string{"region": ""}, false}} {
		if config.AppliesTo(c.want, have) != c.is {
			t.Errorf("%v: not %v", c.want, c.is)
		}
	}
}

func TestSize(t *testing.T) {
	for in, want := range map[string]config.Size{"1": 1, "10B": 10, "1KiB": 1024, "64 MiB": 64 << 20, "1kB": 1000, "2GB": 2e9} {
		if got, err := config.ParseSize(in); err != nil || got != want {
			t.Errorf("%q: %d, %v", in, got, err)
		}
	}
	for _, bad := range []string{"", "0", "-1", "MiB", "1.5MiB", "1TiB", "8589934592GiB"} {
		if got, err := config.ParseSize(bad); err == nil {
			t.Errorf("%q: %d", bad, got)
		}
	}
}

// FuzzParse: no text makes Parse panic, hang or show a written-out secret, and
// what it takes can be printed and compared.
func FuzzParse(f *testing.F) {
	contract, err := os.ReadFile("testdata/contract.hcl")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(contract, false)
	f.Add([]byte(base), false)
	f.Add([]byte(`{"approval": {"change": {"approvers": ["dba"], "wait": "20s"}}}`), true)
	f.Add([]byte("gateway {\n  mask_key = \"hunter2\"\n"), false)
	f.Add([]byte(`x = "${-${"a"}}" ? [1][0] : {a=1}.a`), false)
	f.Fuzz(func(t *testing.T, data []byte, isJSON bool) {
		name := "/f/x.hcl"
		if isJSON {
			name += ".json"
		}
		c, err := config.Parse(config.Source{Name: name, Data: data})
		if err != nil {
			var ce *config.Error
			if !errors.As(err, &ce) || len(ce.Diagnostics()) == 0 {
				t.Fatalf("error without diagnostics: %v", err)
			}
			if err := ce.Print(&strings.Builder{}, 78, true); err != nil {
				t.Fatal(err)
			}
			return
		}
		if c.Redacted() == "" || len(config.Compare(c, c)) > 0 || len(c.Files()) == 0 {
			t.Fatal("cannot print what was taken")
		}
	})
}
