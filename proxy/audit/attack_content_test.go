package audit

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// TestAttackForeignRecord is the second half of attack 8: a record of another
// node's log, put in by somebody who has the key.
func TestAttackForeignRecord(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, testOptions())
	fill(t, l, 0, 3)
	foreign := rawRecord(t, "test/log/n2", resultRecord(0))
	s := appendRaw(t, l, foreign)
	fill(t, l, 3, 3)
	l.Close()
	r := verify(t, dir, l.VKey())
	if r.OK || r.First().Record != int64(s-1) || !strings.Contains(r.First().What, `"test/log/n2"`) {
		t.Errorf("want record %d of another log:\n%s", s-1, r)
	}
}

func rawRecord(t *testing.T, origin string, r *Record) []byte {
	t.Helper()
	b, err := appendRecord(nil, r, &stamp{origin: origin, now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// appendRaw puts bytes into the log as they are, which only somebody with the
// gateway's own means could.
func appendRaw(t *testing.T, l *Log, raw []byte) Seq {
	t.Helper()
	e := &entry{buf: append([]byte{0}, raw...), leaf: tlog.RecordHash(raw), event: "raw"}
	l.mu.Lock()
	l.queue = append(l.queue, e)
	l.bytes += e.size()
	l.next++
	s := Seq(l.next)
	l.urgent++
	l.mu.Unlock()
	l.kick <- struct{}{}
	if err := l.Wait(context.Background(), s); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestAttackNotCanonical is attack 9.
func TestAttackNotCanonical(t *testing.T) {
	plain := string(rawRecord(t, testOrigin, &Record{Event: "test.event", Session: "01S", Detail: map[string]string{"a": "é\u2028", "n": "1"}}))
	for name, raw := range map[string]string{
		"space":         strings.Replace(plain, `,"v":1`, `, "v":1`, 1),
		"duplicate key": strings.Replace(plain, `"v":1`, `"v":1,"v":1`, 1),
		"key order":     strings.Replace(plain, `"session":"01S",`, ``, 1)[:len(plain)-len(`"session":"01S",`)-1] + `,"session":"01S"}`,
		"float":         strings.Replace(plain, `"v":1`, `"v":1.0`, 1),
		"exponent":      strings.Replace(plain, `"v":1`, `"v":1e0`, 1),
		"leading zero":  strings.Replace(plain, `"v":1`, `"v":01`, 1),
		"escaped":       strings.Replace(plain, `01S`, `\u0030\u0031S`, 1),
		"escaped 2028":  strings.Replace(plain, "\u2028", `\u2028`, 1),
		"solidus":       strings.Replace(plain, `01S`, `01S\/`, 1),
		"not UTF-8":     strings.Replace(plain, `01S`, "01\xff", 1),
		"bytes after":   plain + " ",
		"newline":       strings.Replace(plain, `01S`, "01\n", 1),
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			l := open(t, dir, testOptions())
			fill(t, l, 0, 2)
			s := appendRaw(t, l, []byte(raw))
			fill(t, l, 2, 2)
			l.Close()
			r := verify(t, dir, l.VKey())
			if r.OK || r.First().Record != int64(s-1) || !strings.Contains(r.First().What, "not canonical") {
				t.Errorf("want record %d, not canonical:\n%s\n%s", s-1, raw, r)
			}
		})
	}
	t.Run("NFC is another text", func(t *testing.T) {
		a := rawRecord(t, testOrigin, &Record{Event: "e", Session: "\u00e9", Time: time.Unix(0, 1)})
		b := rawRecord(t, testOrigin, &Record{Event: "e", Session: "e\u0301", Time: time.Unix(0, 1)})
		if bytes.Equal(a, b) {
			t.Error("two spellings became one record")
		}
	})
	for _, origin := range []string{"a\nb", "a b", "a+b", "", "a\x00b", "a\u2028b", "\xff", strings.Repeat("a", 256)} {
		if l, err := Open(t.TempDir(), Options{Origin: origin}); err == nil {
			l.Close()
			t.Errorf("origin %q was taken", origin)
		}
	}
}

// TestAttackApprovals is attack 11.
func TestAttackApprovals(t *testing.T) {
	requester := Principal{Subject: "agent-7", Issuer: "https://idp", Kinds: []string{"agent"}, Chain: []Hop{{Subject: "analyst-3", Issuer: "https://idp", Kind: "human", Proof: "token"}}}
	dba := func(n string) Principal { return Principal{Subject: "dba-" + n, Issuer: "https://idp"} }
	soon, gone := time.Now().Add(time.Hour), time.Now().Add(-time.Hour)
	ask := func(change ...func(*Record)) *Record {
		r := &Record{Event: ApprovalRequest, Principal: requester, Approval: Approval{Ticket: "HX4K-2Q", Name: "change", ActionDigest: "hmac:a", Required: 1, Expires: soon}}
		for _, c := range change {
			c(r)
		}
		return r
	}
	grant := func(who Principal, digest string) *Record {
		return &Record{Event: ApprovalGrant, Approval: Approval{Ticket: "HX4K-2Q", Name: "change", ActionDigest: digest, Approver: who}}
	}
	consume := &Record{Event: ApprovalConsume, Approval: Approval{Ticket: "HX4K-2Q", ActionDigest: "hmac:a"}}
	n := 0
	run := func(digest string) *Record {
		n++
		return &Record{Event: CommandIntent, Command: fmt.Sprintf("01C%d", n), Principal: requester, Action: Action{Class: "write", Digest: digest}, Decision: Decision{Verdict: Allow, Ticket: "HX4K-2Q"}}
	}
	for name, test := range map[string]struct {
		want    string // "" is fine
		at      int    // which of the records it names
		records []*Record
	}{
		"as it should be":        {"", 0, []*Record{ask(), grant(dba("1"), "hmac:a"), consume, run("hmac:a")}},
		"reused by an intent":    {"a second command ran", 4, []*Record{ask(), grant(dba("1"), "hmac:a"), consume, run("hmac:a"), run("hmac:a")}},
		"consumed twice":         {"a second time", 4, []*Record{ask(), grant(dba("1"), "hmac:a"), consume, run("hmac:a"), consume}},
		"another action":         {"not the action that was approved", 3, []*Record{ask(), grant(dba("1"), "hmac:a"), consume, run("hmac:b")}},
		"no digest":              {"not the action that was approved", 3, []*Record{ask(), grant(dba("1"), "hmac:a"), consume, run("")}},
		"granted for another":    {"another action than was asked", 1, []*Record{ask(), grant(dba("1"), "hmac:b"), consume, run("hmac:a")}},
		"by the agent itself":    {"own chain", 1, []*Record{ask(), grant(Principal{Subject: "agent-7", Issuer: "https://idp"}, "hmac:a"), consume, run("hmac:a")}},
		"by its human":           {"own chain", 1, []*Record{ask(), grant(Principal{Subject: "analyst-3", Issuer: "https://idp"}, "hmac:a"), consume, run("hmac:a")}},
		"by its human, allowed":  {"", 0, []*Record{ask(func(r *Record) { r.Approval.Self = "human" }), grant(Principal{Subject: "analyst-3", Issuer: "https://idp"}, "hmac:a"), consume, run("hmac:a")}},
		"by the agent, human":    {"own chain", 1, []*Record{ask(func(r *Record) { r.Approval.Self = "human" }), grant(Principal{Subject: "agent-7", Issuer: "https://idp"}, "hmac:a"), consume, run("hmac:a")}},
		"same name, other realm": {"", 0, []*Record{ask(), grant(Principal{Subject: "agent-7", Issuer: "https://other"}, "hmac:a"), consume, run("hmac:a")}},
		"expired":                {"after it had expired", 1, []*Record{ask(func(r *Record) { r.Approval.Expires = gone }), grant(dba("1"), "hmac:a"), consume, run("hmac:a")}},
		"never granted":          {"0 of 1 approvals", 1, []*Record{ask(), consume, run("hmac:a")}},
		"never consumed":         {"not approved and consumed", 2, []*Record{ask(), grant(dba("1"), "hmac:a"), run("hmac:a")}},
		"never asked for":        {"which nobody asked for", 0, []*Record{grant(dba("1"), "hmac:a")}},
		"one of two":             {"1 of 2 approvals", 3, []*Record{ask(func(r *Record) { r.Approval.Required = 2 }), grant(dba("1"), "hmac:a"), grant(dba("1"), "hmac:a"), consume, run("hmac:a")}},
		"two of two":             {"", 0, []*Record{ask(func(r *Record) { r.Approval.Required = 2 }), grant(dba("1"), "hmac:a"), grant(dba("2"), "hmac:a"), consume, run("hmac:a")}},
		"one part of the ticket": {"0 of 1 approvals of \"security\"", 3, []*Record{ask(), ask(func(r *Record) { r.Approval.Name = "security" }), grant(dba("1"), "hmac:a"), consume, run("hmac:a")}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			l := open(t, dir, testOptions())
			for _, r := range test.records {
				mustAppend(t, l, r)
			}
			l.Close()
			r := verify(t, dir, l.VKey())
			if test.want == "" {
				if !r.OK {
					t.Errorf("%s", r)
				}
				return
			}
			if r.OK || r.First().Record != int64(1+test.at) || !strings.Contains(r.First().What, test.want) {
				t.Errorf("want record %d, %q:\n%s", 1+test.at, test.want, r)
			}
		})
	}
}

// TestContentFindings are the other things that only the records say.
func TestContentFindings(t *testing.T) {
	now := time.Now()
	intent := func(command string, seq uint64, at time.Time) *Record {
		return &Record{Event: CommandIntent, Command: command, Session: "01S", SessionSeq: seq, Time: at, Action: Action{Class: "read"}, Decision: Decision{Verdict: Allow}}
	}
	for name, test := range map[string]struct {
		want    string
		at      int
		records []*Record
	}{
		"a gap in a session":     {"number 3 of session 01S follows on number 1", 1, []*Record{intent("a", 1, now), intent("b", 3, now)}},
		"a session without head": {"number 2 of session 01S follows on number 0", 0, []*Record{intent("a", 2, now)}},
		"the clock goes back":    {"before that of an earlier record", 1, []*Record{intent("a", 1, now), intent("b", 2, now.Add(-2*maxClockBack))}},
		"one command twice":      {"a second intent", 1, []*Record{intent("a", 1, now), intent("a", 2, now)}},
		"an object is missing":   {"it names an object", 0, []*Record{{Event: ConfigLoad, Config: Config{Objects: map[string]string{"x": "sha256:" + strings.Repeat("0", 64)}}}}},
		"an object out of place": {"is not the digest of an object", 0, []*Record{{Event: ConfigLoad, Config: Config{Objects: map[string]string{"x": "sha256:../../../etc/passwd"}}}}},
		"a chunk is missing":     {"chunk 1 is missing", 0, []*Record{{Event: RecordingChunk, Recording: Recording{ID: "01S", Chunk: 1, SHA256: "00", Bytes: 3}}}},
		"a chunk out of place":   {"out of the folder", 0, []*Record{{Event: RecordingChunk, Recording: Recording{ID: "../..", Chunk: 1, SHA256: "00", Bytes: 3}}}},
		"chunks are missing":     {"ends with 2 chunks, the log has 0", 0, []*Record{{Event: RecordingClose, Recording: Recording{ID: "01S", Chunk: 2}}}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			l := open(t, dir, testOptions())
			for _, r := range test.records {
				mustAppend(t, l, r)
			}
			l.Close()
			r := verify(t, dir, l.VKey())
			if r.OK || r.First().Record != int64(1+test.at) || !strings.Contains(r.First().What, test.want) {
				t.Errorf("want record %d, %q:\n%s", 1+test.at, test.want, r)
			}
		})
	}
}
