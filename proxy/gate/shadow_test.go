package gate

import (
	"slices"
	"strings"
	"testing"

	"sluice.dev/proxy/policy"
)

func TestShadowsOf(t *testing.T) {
	many := policy.Shadow{Policy: "loud", Verdict: policy.Deny}
	for range 40 {
		many.Denies = append(many.Denies, policy.Reason{Reason: strings.Repeat("ö", 300)})
	}
	got := shadowsOf([]policy.Shadow{
		{Policy: "trial", Verdict: policy.Hold, Denies: []policy.Reason{{Reason: "no = never"}}, Holds: []policy.HoldRequest{{Approval: "change", Reason: "odd"}},
			Masks: []policy.Mask{{Column: "a.b.c", Action: "null"}, {Block: "contact"}}, Limit: policy.Limits{Rows: 7}},
		{Policy: "broken", Error: "out of time"},
		{Policy: "quiet", Verdict: policy.Allow},
		many,
	})
	want := []string{"trial=hold", "trial deny: no = never", "trial hold change: odd", "trial mask a.b.c=null", "trial mask contact", "trial limit rows=7",
		"broken=error: out of time", "quiet=allow", "loud=deny"}
	if !slices.Equal(got[:len(want)], want) {
		t.Errorf("%q", got)
	}
	rest := got[len(want):]
	if len(rest) != maxShadowSaid || len(rest[0]) > maxShadowText+len("loud deny: …") || !strings.HasSuffix(rest[0], "ö…") {
		t.Errorf("%d lines of the loud one, the first %q", len(rest), rest[0])
	}
	if shadowsOf(nil) != nil {
		t.Error("no shadow, and it says something")
	}
}
