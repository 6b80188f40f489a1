package config_test

import (
	"encoding/json"
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
		c.Reload.Watch, c.Audit.Checkpoint, c.Audit.RedactLiterals, x.Address, x.Database, x.TLS.Mode, x.Postgres.Lineage, x.Postgres.ServerLog,
		c.Identities[0].Skew, c.Policies[0].Shadow, c.Policies[0].Path.Abs, c.Console == nil, x.Pool == nil, x.Password.Kind, x.Password.Args[0],
	}
	want := []any{
		"sluice", "/etc/sluice/data", "/etc/sluice/data/state.db", config.Size(1 << 20), config.Size(64 << 20), 8, 8 * time.Hour, 5 * time.Minute,
		true, time.Second, "protected", "db.internal:5432", "orders", "verify-full", "strict", "silent",
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

func TestWrong(t *testing.T) {
	plugin := func(attrs string) string {
		return base + "plugin \"pii\" {\n  module = \"pii.wasm\"\n" + attrs + "\n}\n"
	}
	mask := func(attrs string) string { return base + "mask \"contact\" {\n" + attrs + "\n}\n" }
	approval := func(attrs string) string { return base + "approval \"change\" {\n" + attrs + "\n}\n" }
	connection := func(attrs string) string {
		return strings.Replace(base, `user     = "crew_app"`, "user = \"crew_app\"\n"+attrs, 1)
	}
	cases := []struct{ name, text, want string }{
		{"syntax", "gateway {\n  name = \n}\n", "sluice.hcl:2: Invalid expression"},
		{"unclosed", "gateway {\n  name = \"x\"\n", "Unclosed configuration block"},
		{"unknown block", base + "gatway {}", "sluice.hcl:21: Unsupported block type: Blocks of type \"gatway\" are not expected here. Did you mean \"gateway\"?"},
		{"unknown attribute", base + "gateway {\n  nam = \"x\"\n}", "sluice.hcl:22: Unsupported argument"},
		{"attribute twice", "gateway {\n name = \"a\"\n name = \"b\"\n}", "Attribute redefined"},
		{"labels", "connection \"orders\" {}", "Missing name for connection"},
		{"nested twice", strings.Replace(base, "tls { insecure = true }", "tls { insecure = true }\n  tls { insecure = true }", 1), "Duplicate tls block: The first one is at /etc/sluice/sluice.hcl:4"},
		{"variable", base + `gateway { name = hostname }`, "Variables not allowed"},
		{"number for a string", base + `gateway { name = 7 }`, "name: want a string in quotes, got a number"},
		{"null", base + `gateway { name = null }`, "Empty name"},
		{"gateway name", base + `gateway { name = "The Demo" }`, "Invalid name"},
		{"bool", base + `gateway { development = "yes" }`, "want true or false, got a string"},
		{"duration", base + `limits { session = "8 hours" }`, `"8 hours" is no time`},
		{"negative duration", base + `limits { session = "-8h" }`, `"-8h" is no time`},
		{"size", base + `limits { statement = "1 GB or so" }`, `is no size`},
		{"huge size", base + `limits { message = "9999999999GiB" }`, `is no size`},
		{"message", base + `limits { message = "2GiB" }`, `at most 1GiB`},
		{"fraction", base + `limits { holds_per_session = 1.5 }`, "want a whole number"},
		{"no holds", base + `limits { holds_per_session = 0 }`, "want 1 to 1024"},
		{"statement over message", base + `limits { message = "1KiB" }`, "does not fit a message"},
		{"env elsewhere", base + `gateway { name = env("NAME") }`, "env() is for secrets alone"},
		{"file elsewhere", base + `gateway { name = file("NAME") }`, "file() is for secrets alone"},
		{"unknown function", base + `gateway { name = upper("x") }`, "Call to unknown function"},
		{"vault", connection(`labels2 = {}`) + "", "Unsupported argument"},
		{"listener off loopback", strings.Replace(base, "127.0.0.1:6432", "0.0.0.0:6432", 1), "insecure = true is accepted on loopback only"},
		{"listener without host", strings.Replace(base, "127.0.0.1:6432", ":6432", 1), "insecure = true is accepted on loopback only"},
		{"listener without tls", base + "listener \"postgres\" \"b\" {\n address = \"127.0.0.1:1\"\n}", "tls needs cert_file and key_file"},
		{"listener with both", strings.Replace(base, "{ insecure = true }", "{\n insecure = true\n cert_file = \"x\"\n}", 1), "Contradicting tls"},
		{"listener address", strings.Replace(base, "127.0.0.1:6432", "127.0.0.1", 1), "want host:port"},
		{"listener port", strings.Replace(base, "127.0.0.1:6432", "127.0.0.1:70000", 1), "want host:port"},
		{"same address", strings.Replace(base, "8443", "6432", 1), `listener "main" at /etc/sluice/sluice.hcl:2 has the address`},
		{"listener's connection", strings.Replace(base, "tls {", "connection = \"none\"\n  tls {", 1), `names the connection "none", which does not exist`},
		{"protocol to come", base + `listener "redis" "r" {}`, `listener "redis" is not available yet`},
		{"no protocol", base + `listener "gopher" "r" {}`, `There is no listener "gopher"`},
		{"saml", base + `identity "saml" "x" {}`, "not available yet"},
		{"notify", base + `notify "slack" "oncall" {}`, "not available yet"},
		{"sink", base + `sink "s3" "evidence" {}`, "not available yet"},
		{"redis state", base + `state "redis" {}`, "not available yet"},
		{"issuer", strings.Replace(base, "https://idp", "http://idp", 1), "http is accepted on loopback only"},
		{"audiences", strings.Replace(base, `["sluice"]`, `[]`, 1), "any token of the issuer would be taken"},
		{"kinds", strings.Replace(base, "audiences", "kinds = { a = \"b\" }\n  audiences", 1), "which is not set"},
		{"connection name", strings.Replace(base, `"orders" {`, `"orders/prod" {`, 1), "want lower-case letters"},
		{"connection plain", connection("tls {\n mode = \"disable\"\n}"), `sluice.hcl:17: Plain text off loopback`},
		{"connection mode", connection(`tls { mode = "prefer" }`), `"prefer" is not one of verify-full, verify-ca, require, disable`},
		{"connection key", connection(`tls { key_file = "x" }`), "belong together"},
		{"connection require", connection("tls {\n mode = \"require\"\n ca_file = \"x\"\n}"), "does not look at the certificate"},
		{"lineage server", connection(`postgres { lineage = "server" }`), `lineage = "server" is not available yet: use "strict"`},
		{"pool", connection(`pool { size = 0 }`), "want 1 to 10000"},
		{"no user", strings.Replace(base, `user     = "crew_app"`, "", 1), "Missing user: user is needed"},
		{"unpinned", plugin(""), "Unpinned plugin"},
		{"two pins", plugin("pin = \"none\"\nsigned_by = \"x\""), "one of sha256, signed_by and pin"},
		{"signed", plugin(`signed_by = "x"`), "not available yet"},
		{"short digest", plugin(`sha256 = "9f86"`), "want 64 hex digits"},
		{"pin none", plugin(`pin = "none"`), "development = true"},
		{"settings", plugin("pin = \"none\"\nsettings = 7"), "Invalid settings"},
		{"policy name", base + `policy "my-agents" { path = "x" }`, "evaluates data.my-agents"},
		{"policy word", base + `policy "input" { path = "x" }`, "no word of Rego"},
		{"policy mode", base + `policy "x" { mode = "dry" }`, `"dry" is not one of enforce, shadow`},
		{"mask nothing", mask(`action = "redact"`), "says nothing to mask"},
		{"mask both", mask("action = \"redact\"\ncolumns = [\"a.b.c\"]\nplugin = \"pii\""), "not both"},
		{"mask action", mask("action = \"hide\"\ncolumns = [\"a.b.c\"]"), `"hide" is not one of deny, null, redact`},
		{"mask tokenize", mask("action = \"tokenize\"\ncolumns = [\"a.b.c\"]"), "needs a token store"},
		{"mask column", mask("action = \"redact\"\ncolumns = [\"customers.email\"]"), "want schema.table.column"},
		{"mask star", mask("action = \"redact\"\ncolumns = [\"public.customers.*\"]"), "want schema.table.column"},
		{"mask column twice", mask("action = \"redact\"\ncolumns = [\"a.b.c\", \"a.b.c\"]"), "in the list twice"},
		{"mask scope", mask("action = \"redact\"\nscope = \"gateway\"\ncolumns = [\"a.b.c\"]"), "scope is for pseudonym"},
		{"mask plugin", mask("action = \"redact\"\nplugin = \"pii\""), `names the plugin "pii", which does not exist`},
		{"approvers", approval(`approvers = []`), "nobody could decide"},
		{"approvers missing", approval(``), "Missing approvers"},
		{"self", approval("approvers = [\"dba\"]\nself = \"allow\""), `"allow" is not one of deny, human`},
		{"required", approval("approvers = [\"dba\"]\nrequired = 0"), "want 1 to 16"},
		{"wait", approval("approvers = [\"dba\"]\nwait = \"1h\""), "expires after 15m"},
		{"ticket wait", approval("approvers = [\"dba\"]\nmode = \"ticket\"\nwait = \"1s\""), "nobody waits"},
		{"literals", base + `audit { redact_literals = "some" }`, "is not one of protected, all"},
		{"console url", base + "console {\n url = \"http://gw.example.com\"\n identity = \"corp\"\n client_id = \"c\"\n}", "Invalid url"},
		{"console identity", base + "console {\n url = \"https://gw.example.com\"\n identity = \"none\"\n client_id = \"c\"\n}", `names the identity "none"`},
		{"reload", base + `reload { require_approval = 2 }`, "not available yet"},
		{"deep", "x = " + strings.Repeat("[", 100), "Nested too deeply"},
		{"long", strings.Repeat("#\n", 1<<20), "File too large"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := parse(t, c.text)
			if !mentions(err, c.want) || got != nil {
				t.Errorf("no %q in:\n%v", c.want, err)
			}
		})
	}
}

// TestSecretsWrittenOut shows that a secret in the wrong place is refused, and
// never repeated by the refusal.
func TestSecretsWrittenOut(t *testing.T) {
	const secret = "hunter2-is-mine"
	native := func(v string) config.Source {
		return config.Source{Name: "/etc/sluice/s.hcl", Data: []byte(strings.Replace(base, `env("ORDERS_PASSWORD")`, v, 1))}
	}
	for name, s := range map[string]config.Source{
		"literal":   native(`"` + secret + `"`),
		"heredoc":   native("<<E\n" + secret + "\nE"),
		"template":  native(`"x${"` + secret + `"}"`),
		"list":      native(`["` + secret + `"]`),
		"sum":       native(`1 + "` + secret + `"`),
		"unclosed":  native(`"` + secret),
		"vault":     native(`vault("kv/orders")`),
		"unknown":   native(`secret("x")`),
		"no args":   native(`env()`),
		"two args":  native(`env("A", "B")`),
		"nothing":   native(`exec()`),
		"empty":     native(`file("")`),
		"number":    native(`file(7)`),
		"nested":    native(`env(env("A"))`),
		"json":      {Name: "/etc/s.json", Data: []byte(`{"connection":{"postgres":{"orders":{"address":"a:1","user":"u","password":"` + secret + `"}}}}`)},
		"json bad":  {Name: "/etc/s.json", Data: []byte("{\"connection\":{\"postgres\":{\"orders\":{\"password\" : \"" + secret + "\n")},
		"json list": {Name: "/etc/s.json", Data: []byte(`{"connection":{"postgres":{"orders":{"password":["` + secret + `"],}}}}`)},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := config.Parse(s)
			var ce *config.Error
			if !errors.As(err, &ce) {
				t.Fatalf("taken: %v", err)
			}
			var out strings.Builder
			if err := ce.Print(&out, 0, true); err != nil {
				t.Fatal(err)
			}
			data, err := json.Marshal(ce.Diagnostics())
			if err != nil {
				t.Fatal(err)
			}
			if shown := out.String() + string(data) + ce.Error(); strings.Contains(shown, secret) {
				t.Errorf("the error shows the secret:\n%s", shown)
			}
		})
	}
}

func TestSecretReferences(t *testing.T) {
	c := load(t, base+`
gateway { mask_key = file("../keys/mask.key") }
audit { signing_key = exec("./sign.sh", "--key", "k-1") }
console {
  url           = "http://localhost:8443"
  identity      = "corp"
  client_id     = "c"
  client_secret = exec("pass", "show", "sluice")
}
`)
	if got := c.Gateway.MaskKey; got.Args[0] != "/etc/keys/mask.key" || got.Source() != `file("../keys/mask.key")` {
		t.Errorf("mask key %#v: %s", got.Args, got.Source())
	}
	if got := c.Audit.SigningKey; got.Args[0] != "/etc/sluice/sign.sh" || len(got.Args) != 3 || strings.Contains(got.Source(), "k-1") {
		t.Errorf("signing key %q: %s", got.Args, got.Source())
	}
	if got := c.Console.ClientSecret; got.Args[0] != "pass" || got.String() != "‹secret›" {
		t.Errorf("client secret %q: %s", got.Args, got)
	}
	if !slices.Contains(c.Files(), "/etc/keys/mask.key") {
		t.Error("a watch must cover the files of secrets")
	}
}

func TestErrorOutput(t *testing.T) {
	_, err := parse(t, base+"mask \"contact\" {\n  columns = [\"public.customers.email\"]\n  action  = \"hide\"\n}\nplugin \"pii\" {\n  module = \"pii.wasm\"\n}\n")
	var ce *config.Error
	if !errors.As(err, &ce) {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := ce.Print(&out, 78, false); err != nil {
		t.Fatal(err)
	}
	data, err := json.MarshalIndent(ce.Diagnostics(), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "errors.txt", ce.Error()+"\n\n"+out.String()+string(data)+"\n")
}

func TestFail(t *testing.T) {
	c := load(t, base)
	cause := errors.New("no such folder")
	err := config.Join(nil, c.Fail(c.Policies[0].Path.Pos, cause, `policy "agents"`, "no such folder"), errors.New("config: the rest"))
	if !errors.Is(err, cause) || !strings.HasPrefix(err.Error(), `config: /etc/sluice/sluice.hcl:20: policy "agents": no such folder (and 1 more)`) {
		t.Errorf("error: %v", err)
	}
	var ce *config.Error
	if !errors.As(err, &ce) || !strings.Contains(ce.Diagnostics()[0].Snippet, "policies/agents") {
		t.Errorf("no source line: %+v", ce.Diagnostics())
	}
	if config.Join(nil, nil) != nil {
		t.Error("nothing is no error")
	}
}

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
