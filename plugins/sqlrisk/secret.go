package main

// str looks at a string: what follows PASSWORD is one, and some secrets show
// themselves by their form. What is found is marked, so that no record keeps
// it.
func (s *statement) str(i int) {
	from, to := s.t[i].from, s.t[i].to
	if s.word(i-1, "PASSWORD") || s.sign(i-1, '=') && s.word(i-2, "PASSWORD") || s.word(i-1, "BY") && s.word(i-2, "IDENTIFIED") {
		s.j.mark("secret-in-text", 60, "sets a password in plain text")
		s.j.is.Span(from, to, "password")
		return
	}
	v := s.j.text[from:to]
	if a, b, kind := findSecret(v); b > 0 {
		s.j.mark("secret-in-text", 40, "a literal looks like a secret")
		s.j.is.Span(from+a, from+b, kind)
	}
}

// forms of secrets that begin with something nobody else begins with.
var forms = [...]struct {
	prefix string
	least  int // bytes behind the prefix
	kind   string
}{
	{"AKIA", 16, "aws-key"},
	{"ASIA", 16, "aws-key"},
	{"ghp_", 36, "github-token"},
	{"gho_", 36, "github-token"},
	{"ghs_", 36, "github-token"},
	{"github_pat_", 22, "github-token"},
	{"glpat-", 20, "gitlab-token"},
	{"xoxb-", 20, "slack-token"},
	{"xoxp-", 20, "slack-token"},
	{"sk_live_", 20, "stripe-key"},
	{"sk-", 32, "api-key"},
	{"AIza", 35, "google-key"},
	{"npm_", 36, "npm-token"},
	{"eyJ", 40, "jwt"},
	{"-----BEGIN ", 20, "private-key"},
	{"postgres://", 8, "connection-string"},
	{"postgresql://", 8, "connection-string"},
	{"mysql://", 8, "connection-string"},
	{"mongodb://", 8, "connection-string"},
	{"redis://", 8, "connection-string"},
}

// shortestSecret is the length of the shortest value that findSecret finds
// something in: redis:// and 8 bytes.
const shortestSecret = 16

// begins has a bit of each first byte, so that most places cost one look.
var begins = func() (t [256]bool) {
	for _, f := range forms {
		t[f.prefix[0]] = true
	}
	return t
}()

func keyPart(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '-' || c == '.'
}

// findSecret returns the first secret in v; to is 0 if there is none.
func findSecret(v []byte) (from, to int, kind string) {
	for i := range v {
		if !begins[v[i]] || i > 0 && keyPart(v[i-1]) && v[i] != '-' {
			continue
		}
		for f := range forms {
			p := &forms[f]
			if len(v)-i < len(p.prefix)+p.least || string(v[i:i+len(p.prefix)]) != p.prefix {
				continue
			}
			switch p.kind {
			case "private-key":
				return i, len(v), p.kind
			case "connection-string":
				if end := connection(v, i+len(p.prefix)); end > 0 {
					return i, end, p.kind
				}
				continue
			}
			end := i + len(p.prefix)
			for end < len(v) && keyPart(v[end]) {
				end++
			}
			if end-i >= len(p.prefix)+p.least && (p.kind != "jwt" || dots(v[i:end]) == 2) {
				return i, end, p.kind
			}
		}
	}
	return 0, 0, ""
}

// connection finds the end of user:password@ behind a scheme.
func connection(v []byte, i int) int {
	colon := false
	for ; i < len(v); i++ {
		switch c := v[i]; {
		case c == ':':
			colon = true
		case c == '@':
			if !colon {
				return 0
			}
			return i + 1
		case c == '/' || c <= ' ' || c == '\'':
			return 0
		}
	}
	return 0
}

func dots(v []byte) (n int) {
	for _, c := range v {
		if c == '.' {
			n++
		}
	}
	return n
}
