package postgres_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"sluice.dev/proxy/server/servertest"
)

const replaceSchema = `
CREATE DOMAIN public.card_number AS text;
CREATE TYPE public.pair AS (card text, n int);
CREATE TABLE public.people (id integer PRIMARY KEY, card text, dom card_number, cards text[], two pair, doc jsonb, plain json, note text);
INSERT INTO public.people VALUES
 (1, '4111 1111 1111 1111', '4111 1111 1111 1111', ARRAY['4111 1111 1111 1111'], ('4111 1111 1111 1111', 1), '{"ssn": 123456789, "name": "Ada", "keep": [1, 2]}', '{"ssn": {"a": "123-45"}, "x": 1}', 'call 123'),
 (2, '4111 1111 1111 1111', NULL, NULL, NULL, '{"ssn": "123-45-6789"}', '{"ssn": true}', '{"ssn": 987654321}'),
 (3, 'short', 'x', '{}', NULL, '7', '"only"', NULL),
 (4, NULL, NULL, NULL, NULL, NULL, NULL, E'{"ssn": 5,\n\t"tab": "\\\\"}');
ALTER TABLE public.people OWNER TO crew_app;
CREATE FUNCTION public.say(t text) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE '%', t; RAISE EXCEPTION '%', t USING DETAIL = t; END $$;
`

// shipped is a plugin block of a shipped plugin, and a mask block that leaves
// the choice to it.
func shipped(t testing.TB, module, block, attributes string) string {
	t.Helper()
	path := servertest.Plugin(t, module)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b)
	return fmt.Sprintf("plugin %q {\n  module = %q\n  sha256 = %q\n  %s\n}\nmask %q {\n  plugin = %q\n  action = \"replace\"\n  scope = \"gateway\"\n}\n",
		block, path, hex.EncodeToString(sum[:]), attributes, block, block)
}

const (
	tokens = "grants = [\"pseudonym\"]\n  settings = { columns = [\"public.people.card\", \"dom\", \"cards\", \"two\"], keep_first = 4 }"
	paths  = "settings = { paths = [\"$.ssn\"] }"
)

// A mask block with action "replace" leaves the choice to the plugin: what it
// gives reaches the client, in rows and COPY, in text and binary, and every cell
// stays one of its type; where it gives nothing, the value is redacted.
func TestReplacementsReachTheClient(t *testing.T) {
	g := startSuite(t, servertest.Options{Init: []string{servertest.Schema, replaceSchema},
		More: shipped(t, "fpe", "tokens", tokens) + shipped(t, "jsonmask", "documents", paths)})
	ctx := context.Background()
	token := ""
	for name, mode := range modes {
		t.Run(name, func(t *testing.T) {
			conn := connect(t, g.DSN(g.Agent()), mode)
			rows, err := conn.Query(ctx, "SELECT card, dom, cards, two::text AS two, doc::text AS doc, doc AS document, plain, note FROM people ORDER BY id")
			if err != nil {
				t.Fatal(err)
			}
			type person struct {
				Card, Dom       *string
				Cards           []string
				Both, Doc       *string
				Document, Plain json.RawMessage
				Note            *string
			}
			got, err := pgx.CollectRows(rows, pgx.RowToStructByPos[person])
			if err != nil {
				t.Fatal(err)
			}
			first := got[0]
			if !regexp.MustCompile(`^4111 \d{4} \d{4} \d{4}$`).MatchString(*first.Card) || *first.Card == "4111 1111 1111 1111" {
				t.Fatalf("the token is %q", *first.Card)
			}
			if token == "" {
				token = *first.Card
			}
			for what, c := range map[string][2]string{
				"the same in every session":      {*first.Card, token},
				"equal values, equal tokens":     {*got[1].Card, token},
				"a domain over text":             {*first.Dom, token},
				"no token fits, so it is hidden": {*got[2].Card, "***"},
				"a domain, likewise":             {*got[2].Dom, "***"},
				"a number in JSON":               {*first.Doc, `{"ssn": null, "keep": [1, 2], "name": "Ada"}`},
				"in jsonb":                       {string(first.Document), `{"ssn": null, "keep": [1, 2], "name": "Ada"}`},
				"an object in JSON":              {string(first.Plain), `{"ssn": null, "x": 1}`},
				"a string in JSON":               {string(got[1].Document), `{"ssn": "***"}`},
				"a word in JSON":                 {string(got[1].Plain), `{"ssn": null}`},
				"JSON in text":                   {*got[1].Note, `{"ssn": null}`},
				"JSON without the path":          {string(got[2].Document), "7"},
				"what stays":                     {*first.Note, "call 123"},
				"white space and escapes":        {*got[3].Note, "{\"ssn\": null,\n\t\"tab\": \"\\\\\"}"},
			} {
				if c[0] != c[1] {
					t.Errorf("%s: %q, want %q", what, c[0], c[1])
				}
			}
			// In the binary format detectors look into no array (MASKING.md).
			if cards := fmt.Sprint(first.Cards); cards != "[]" && mode != pgx.QueryExecModeCacheStatement && mode != pgx.QueryExecModeCacheDescribe {
				t.Errorf("an array has a syntax of its own: %s", cards)
			}
			if !regexp.MustCompile(`^\("4111 \d{4} \d{4} \d{4}",\d\)$`).MatchString(*first.Both) || strings.Contains(*first.Both, "1111 1111") {
				t.Errorf("text of a composite: %q", *first.Both)
			}
			if got[3].Card != nil || got[1].Dom != nil || got[3].Document != nil {
				t.Error("a NULL is none any more")
			}
		})
	}
	t.Run("a composite type", func(t *testing.T) {
		r := login(t, g, g.Agent())
		out := r.must("SELECT two, id FROM people ORDER BY id LIMIT 1")
		if got := rows(out); got != "NULL|1" {
			t.Errorf("%q", got)
		}
	})
	t.Run("COPY", func(t *testing.T) {
		r := login(t, g, g.Agent())
		for options, want := range map[string]string{
			"":             "1\t" + token + "\t{\"ssn\": null, \"keep\": [1, 2], \"name\": \"Ada\"}\tcall 123\n2\t" + token + "\t{\"ssn\": \"***\"}\t{\"ssn\": null}\n3\t***\t7\t\\N\n4\t\\N\t\\N\t{\"ssn\": null,\\n\\t\"tab\": \"\\\\\\\\\"}\n",
			"(FORMAT csv)": "1," + token + ",\"{\"\"ssn\"\": null, \"\"keep\"\": [1, 2], \"\"name\"\": \"\"Ada\"\"}\",call 123\n2," + token + ",\"{\"\"ssn\"\": \"\"***\"\"}\",\"{\"\"ssn\"\": null}\"\n3,***,7,\n4,,,\"{\"\"ssn\"\": null,\n\t\"\"tab\"\": \"\"\\\\\"\"}\"\n",
		} {
			if got := string(copied(r.must("COPY people (id, card, doc, note) TO STDOUT " + options))); got != want {
				t.Errorf("%s:\n%q, want\n%q", options, got, want)
			}
		}
		got := string(copied(r.must("COPY people (id, card, doc) TO STDOUT (FORMAT binary)")))
		if !strings.Contains(got, token) || !strings.Contains(got, "\x01{\"ssn\": null, \"keep\"") || strings.Contains(got, "1111") || strings.Contains(got, "123") {
			t.Errorf("binary: %q", got)
		}
	})
	t.Run("errors and notices", func(t *testing.T) {
		r := login(t, g, g.Agent())
		out := r.query(`SELECT say('{"ssn": 123456789}')`)
		seen := 0
		for _, m := range out {
			if m.typ == 'N' || m.typ == 'E' {
				seen++
				if f := m.fields(); f['M'] != `{"ssn": null}` || m.typ == 'E' && f['D'] != `{"ssn": null}` {
					t.Errorf("%c: %v", m.typ, f)
				}
			}
		}
		if seen != 2 {
			t.Errorf("%v", out)
		}
	})
}

// A stricter mask on the same cell wins, whatever a plugin gives.
func TestStricterThanReplace(t *testing.T) {
	pii := strings.NewReplacer("replace", "redact", "  scope = \"gateway\"\n", "").Replace(shipped(t, "pii", "pii", "settings = { detectors = [\"card\"] }"))
	g := startSuite(t, servertest.Options{Init: []string{servertest.Schema, replaceSchema},
		Masks: "mask \"docs\" {\n  columns = [\"public.people.doc\"]\n  action = \"redact\"\n}\n",
		More:  shipped(t, "fpe", "tokens", tokens) + shipped(t, "jsonmask", "documents", paths) + pii})
	r := login(t, g, g.Agent())
	if got := rows(r.must("SELECT card, doc, plain FROM people WHERE id = 1")); got != `***|"***"|{"ssn": null, "x": 1}` {
		t.Errorf("got %q", got)
	}
	g.Stop()
	for _, rec := range g.Records("cmd.intent") {
		if masks := strings.Join(rec.Decision.Masks, " "); strings.Contains(masks, "plugin pii=redact") {
			if !strings.HasSuffix(masks, "plugin pii=redact plugin tokens=replace plugin documents=replace") {
				t.Errorf("in the record: %s", masks)
			}
			return
		}
	}
	t.Error("no record of the masks")
}
