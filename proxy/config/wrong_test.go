package config_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"sluice.dev/proxy/config"
)

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
		{"protocol to come", base + `listener "ssh" "r" {}`, `listener "ssh" is not available yet`},
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
		{"lineage", connection(`postgres { lineage = "guess" }`), `"guess" is not one of`},
		{"driver", connection(`postgres { driver = "fast" }`), `"fast" is not one of`},
		{"pool", connection(`pool { size = 0 }`), "want 1 to 10000"},
		{"no user", strings.Replace(base, `user     = "crew_app"`, "", 1), "Missing user: user is needed"},
		{"unpinned", plugin(""), "Unpinned plugin"},
		{"two pins", plugin("pin = \"none\"\nsigned_by = \"x\""), "one of sha256, signed_by and pin"},
		{"short digest", plugin(`sha256 = "9f86"`), "want 64 hex digits"},
		{"pin none", plugin(`pin = "none"`), "development = true"},
		{"settings", plugin("pin = \"none\"\nsettings = 7"), "Invalid settings"},
		{"little fuel", plugin("pin = \"none\"\nlimits {\n fuel = 5\n}"), "Invalid fuel: 5: want 100000 to 1000000000"},
		{"no fuel", plugin("pin = \"none\"\nlimits { fuel = 0 }"), "Invalid fuel"},
		{"start fuel", plugin("pin = \"none\"\nlimits { start_fuel = 60000000000 }"), "Invalid start_fuel"},
		{"much memory", plugin("pin = \"none\"\nlimits { memory = \"2GiB\" }"), "want 64KiB to 1GiB"},
		{"odd memory", plugin("pin = \"none\"\nlimits { memory = 100000 }"), "in pages of 64KiB"},
		{"call depth", plugin("pin = \"none\"\nlimits { call_depth = 1000000 }"), "want 100 to 20000"},
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
		{"mask replace", mask("action = \"replace\"\ncolumns = [\"a.b.c\"]"), "columns have no plugin"},
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

func TestManyErrors(t *testing.T) {
	_, err := parse(t, strings.Repeat("nonsense {}\n", 20000))
	var ce *config.Error
	if !errors.As(err, &ce) || len(ce.Diagnostics()) != 51 || ce.Diagnostics()[50].Summary != "19950 more errors" {
		t.Errorf("error: %v", err)
	}
}
