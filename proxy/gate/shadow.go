package gate

import (
	"strconv"
	"strings"

	"sluice.dev/proxy/policy"
)

// Bounds of what one record says of one shadow policy: a policy on trial says
// more than it should, and the record of the command must not suffer.
const (
	maxShadowSaid = 16
	maxShadowText = 200 // bytes of a reason
)

// shadowsOf is what a record says of shadow policies, as gate/recorded reads
// it: for each "policy=verdict", the verdict if it had counted, or
// "policy=error: text", and after it a line for each thing that the policy
// said: "policy deny: reason", "policy hold approval: reason",
// "policy mask column=action", "policy limit rows=n".
func shadowsOf(all []policy.Shadow) (out []string) {
	for _, x := range all {
		if x.Error != "" {
			out = append(out, x.Policy+"=error: "+cutText(x.Error))
			continue
		}
		var said []string
		for _, r := range x.Denies {
			said = append(said, " deny: "+cutText(r.Reason))
		}
		for _, h := range x.Holds {
			said = append(said, " hold "+h.Approval+": "+cutText(h.Reason))
		}
		for _, m := range x.Masks {
			s := " mask " + m.Column + m.Block
			if m.Action != "" {
				s += "=" + m.Action
			}
			said = append(said, s)
		}
		if x.Limit.Rows > 0 {
			said = append(said, " limit rows="+strconv.FormatInt(x.Limit.Rows, 10))
		}
		out = append(out, x.Policy+"="+x.Verdict.String())
		for _, s := range said[:min(len(said), maxShadowSaid)] {
			out = append(out, x.Policy+s)
		}
	}
	return out
}

func cutText(s string) string {
	if len(s) <= maxShadowText {
		return s
	}
	return strings.ToValidUTF8(s[:maxShadowText], "") + "…"
}
