package main

// finding is bytes from to to of a value.
type finding struct{ from, to, kind int }

// Classes of bytes.
const (
	isWord  = 1 << iota // letters, digits, _
	isToken             // may stand in a token: words, - and .
	isEdge              // ends what is assigned
	isSign              // = and :
)

var class = func() (t [256]uint8) {
	for c := range t {
		if c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' {
			t[c] = isWord | isToken
		}
		if c <= ' ' {
			t[c] |= isEdge
		}
	}
	t['-'] |= isToken
	t['.'] |= isToken
	for _, c := range []byte("\"'`;,&<>(){}[]|") {
		t[c] |= isEdge
	}
	t['='], t[':'] = isSign, isSign
	return t
}()

// form is a secret that shows itself by its beginning.
type form struct {
	prefix string
	least  int // bytes behind the prefix
	kind   int
}

var forms = [...]form{
	{"AKIA", 16, awsKey}, {"ASIA", 16, awsKey}, {"ABIA", 16, awsKey}, {"ACCA", 16, awsKey},
	{"AIza", 35, gcpKey}, {"GOCSPX-", 28, gcpKey}, {"ya29.", 30, gcpKey},
	{"ghp_", 36, githubToken}, {"gho_", 36, githubToken}, {"ghu_", 36, githubToken}, {"ghs_", 36, githubToken}, {"ghr_", 36, githubToken}, {"github_pat_", 22, githubToken},
	{"glpat-", 20, gitlabToken}, {"gldt-", 20, gitlabToken}, {"glrt-", 20, gitlabToken}, {"glptt-", 20, gitlabToken},
	{"xoxb-", 20, slackToken}, {"xoxp-", 20, slackToken}, {"xoxa-", 20, slackToken}, {"xoxr-", 20, slackToken}, {"xoxs-", 20, slackToken}, {"xapp-", 20, slackToken},
	{"sk_live_", 20, stripeKey}, {"rk_live_", 20, stripeKey}, {"sk_test_", 20, stripeKey}, {"rk_test_", 20, stripeKey}, {"whsec_", 20, stripeKey},
	{"sk-ant-", 32, anthropicKey}, {"sk-", 32, openAIKey},
	{"npm_", 36, npmToken}, {"pypi-", 50, pypiToken},
	{"eyJ", 40, jwt}, {"-----BEGIN ", 20, privateKey},
}

// seconds has, for each first byte of a form, a bit of each second one, so that
// most words cost one look.
var seconds = func() (t [256]uint32) {
	for _, f := range forms {
		t[f.prefix[0]] |= 1 << (f.prefix[1] & 31)
	}
	return t
}()

// find appends the secrets in v to out, in order and apart.
func find(v []byte, out []finding) []finding {
	for i := next(v, 0); i < len(v); i = next(v, i) {
		f := at(v, i)
		if f.to == 0 {
			i++
			continue
		}
		if len(out) > 0 && f.from < out[len(out)-1].to {
			f.from = out[len(out)-1].to
		}
		if f.from < f.to {
			out = append(out, f)
		}
		i = max(i+1, f.to)
	}
	return out
}

// next is where a word begins like a form, or a sign stands, at or after i. It
// is small because fuel is paid for all of a loop.
//
//go:noinline
func next(v []byte, i int) int {
	before := byte(0)
	if i > 0 && i <= len(v) {
		before = v[i-1]
	}
	for ; i < len(v); i++ {
		c := v[i]
		if class[c]&isSign != 0 {
			return i
		}
		if seconds[c] != 0 && class[before]&isWord == 0 && i+1 < len(v) && seconds[c]>>(v[i+1]&31)&1 != 0 {
			return i
		}
		before = c
	}
	return len(v)
}

func at(v []byte, i int) finding {
	if class[v[i]]&isSign != 0 {
		if v[i] == ':' && has(v, i, "://") {
			return connection(v, i)
		}
		return assigned(v, i)
	}
	return formed(v, i)
}

// formed is the secret of a known form that begins at i.
func formed(v []byte, i int) finding {
	for k := range forms {
		f := &forms[k]
		if !has(v, i, f.prefix) || len(v)-i < len(f.prefix)+f.least {
			continue
		}
		if f.kind == privateKey {
			return pem(v, i)
		}
		to := i + len(f.prefix)
		for to < len(v) && class[v[to]]&isToken != 0 {
			to++
		}
		for v[to-1] == '.' || v[to-1] == '-' {
			to-- // the end of a sentence
		}
		if to-i < len(f.prefix)+f.least || f.kind == jwt && !segments(v[i:to]) || f.kind == awsKey && to-i != 20 {
			return finding{}
		}
		return enabled(finding{i, to, f.kind})
	}
	return finding{}
}

func enabled(f finding) finding {
	if on>>f.kind&1 == 0 {
		return finding{}
	}
	return f
}

func has(v []byte, i int, s string) bool {
	return len(v)-i >= len(s) && string(v[i:i+len(s)]) == s
}

// segments reports three parts (RFC 7519: header, claims, signature), or five
// (RFC 7516).
func segments(v []byte) bool {
	n := 0
	for _, c := range v {
		if c == '.' {
			n++
		}
	}
	return n == 2 || n == 4
}

// pem takes a private key's block (RFC 7468) to its end, or to the value's.
func pem(v []byte, i int) finding {
	head := i + len("-----BEGIN ")
	for !has(v, head, "PRIVATE KEY-----") && !has(v, head, "PRIVATE KEY BLOCK-----") {
		if head++; head-i > 48 || head >= len(v) {
			return finding{}
		}
	}
	to := head
	for ; to < len(v) && to-i < longest-64; to++ {
		if v[to] == '-' && has(v, to, "-----END ") {
			for to += len("-----END "); to < len(v) && v[to] != '-'; to++ {
			}
			for to < len(v) && v[to] == '-' {
				to++
			}
			break
		}
	}
	return enabled(finding{i, to, privateKey})
}

// connection finds the password of scheme://user:password@host at i.
func connection(v []byte, i int) finding {
	if i == 0 || class[v[i-1]]&isWord == 0 {
		return finding{}
	}
	from := 0
	for k := i + 3; k < len(v) && k-i < 1024; k++ {
		switch c := v[k]; {
		case c == ':' && from == 0:
			from = k + 1
		case c == '@':
			if from == 0 || from == k || placeholder(v[from:k]) {
				return finding{}
			}
			return enabled(finding{from, k, connectionString})
		case c <= ' ' || c == '/' || c == '\'' || c == '"' || c == '?':
			return finding{}
		}
	}
	return finding{}
}
