package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"sluice.dev/proxy/audit"
	"sluice.dev/proxy/gate/recorded"
	"sluice.dev/proxy/server/servertest"
)

// TestReplay asks the log of a real gateway what a plugin said, and runs the
// module of then again: from the record where it is enough, from the input that
// an auditor has where the record is redacted, and never on another input.
func TestReplay(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts a PostgreSQL server: not with -short")
	}
	g := servertest.Start(t, servertest.Options{Plugins: map[string]string{"sqlrisk": "", "secrets": ""}})
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, g.DSN(g.Agent()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	const hidden = "UPDATE customers SET email = 'new@example.com' WHERE id = 2"
	for _, sql := range []string{"DELETE FROM orders", hidden} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			t.Fatal(err)
		}
	}
	// A binary value that is read, NULL, and one of a type that nobody reads.
	if _, err := conn.Exec(ctx, "DELETE FROM orders WHERE id > $1 AND item <> $2", 10000, nil); err != nil {
		t.Fatal(err)
	}
	r := conn.PgConn().ExecParams(ctx, "SELECT $1::point::text", [][]byte{make([]byte, 16)}, []uint32{600}, []int16{1}, nil).Read()
	if r.Err != nil {
		t.Fatal(r.Err)
	}
	conn.Close(ctx) //nolint:errcheck // it has served
	g.Stop()
	ids := map[string]string{}
	for _, rec := range g.Records(audit.CommandIntent) {
		ids[rec.Action.Text] = rec.Command
		if len(rec.Action.Plugins) != 2 && rec.Action.Class != "session" && rec.Action.Text != "" {
			t.Errorf("%s: %+v", rec.Action.Text, rec.Action.Plugins)
		}
	}
	id := func(begins string) string {
		t.Helper()
		for text, id := range ids {
			if strings.HasPrefix(text, begins) {
				return id
			}
		}
		t.Fatalf("no record of %s in %v", begins, ids)
		return ""
	}
	say := func(code int, args ...string) string {
		t.Helper()
		var out, errs bytes.Buffer
		if got := run(ctx, append([]string{"--config", g.Config, "plugin", "replay"}, args...), &out, &errs); got != code {
			t.Fatalf("plugin replay %v: exit %d, want %d\n%s%s", args, got, code, out.String(), errs.String())
		}
		return out.String() + errs.String()
	}
	input := func(text string) string {
		file := filepath.Join(t.TempDir(), "input.json")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	text := say(0, ids["DELETE FROM orders"])
	for _, want := range []string{"plugin sqlrisk: the same", "plugin secrets: the same", "mass-change", "input     proven"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	say(0, id("DELETE FROM orders WHERE id >"))
	say(0, id("SELECT $1::point"), "--input", input(`{"text": "SELECT $1::point::text", "params": ["(0,0)"]}`))

	redacted := id("UPDATE customers SET email = ‹")
	if text := say(3, redacted); !strings.Contains(text, "give it with --input") || strings.Contains(text, "the same") {
		t.Error(text)
	}
	say(0, redacted, "--input", input(`{"text": "`+hidden+`", "params": []}`))
	if text := say(1, redacted, "--input", input(`{"text": "`+strings.Replace(hidden, "new@", "old@", 1)+`"}`)); !strings.Contains(text, "not the one that the record names") {
		t.Error(text)
	}
	say(2, redacted, "--input", input(`{"txt": ""}`))
	say(1, redacted, "--plugin", "pii")

	var list []recorded.Replay
	if err := json.Unmarshal([]byte(say(0, "-o", "json", ids["DELETE FROM orders"], "--plugin", "sqlrisk")), &list); err != nil || len(list) != 1 || !list[0].Same || !list[0].Proven || list[0].Now.Risk == 0 {
		t.Errorf("%+v, %v", list, err)
	}

	// A module that is no longer what it was cannot be taken for it.
	object := filepath.Join(g.Dir, "data", "audit", "objects", "sha256", strings.TrimPrefix(list[0].Module, "sha256:"))
	b, err := os.ReadFile(object)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-1] ^= 1
	if err := os.Chmod(object, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(object, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if text := say(3, ids["DELETE FROM orders"]); !strings.Contains(text, "is damaged") {
		t.Error(text)
	}
}
