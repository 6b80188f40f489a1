package main

import "math"

// names are the ends of names whose value is a secret, without signs between
// words. What is behind a password is one whatever it is; what is behind a key
// or a token has to be long and to look random.
var names = [...]struct {
	name  string
	kind  int
	loose bool
}{
	{"password", password, true}, {"passwd", password, true}, {"passphrase", password, true}, {"pwd", password, true}, {"pgpassword", password, true}, {"mysqlpwd", password, true},
	{"accountkey", azureKey, false}, {"sharedaccesskey", azureKey, false}, {"sharedaccesssignature", azureKey, false}, {"sig", azureKey, false},
	{"secretaccesskey", awsKey, false}, {"awssessiontoken", awsKey, false},
	{"secret", highEntropy, false}, {"token", highEntropy, false}, {"apikey", highEntropy, false}, {"accesskey", highEntropy, false}, {"secretkey", highEntropy, false},
	{"privatekey", highEntropy, false}, {"authkey", highEntropy, false}, {"credential", highEntropy, false}, {"credentials", highEntropy, false}, {"bearer", highEntropy, false},
	{"signingkey", highEntropy, false}, {"encryptionkey", highEntropy, false}, {"masterkey", highEntropy, false}, {"authorization", highEntropy, false},
}

const (
	longestName   = 48
	shortestLoose = 4
	shortestKey   = 16
)

// assigned looks at what is behind the sign at i: name=value, name: value,
// "name": "value", name => value.
func assigned(v []byte, i int) finding {
	var name [longestName]byte
	end := i
	for end > 0 && (v[end-1] == ' ' || v[end-1] == '"' || v[end-1] == '\'' || v[end-1] == ':' || v[end-1] == '\\') && i-end < 4 {
		end--
	}
	at := longestName
	for end > 0 && at > 0 && class[v[end-1]]&isToken != 0 {
		end--
		c := v[end]
		if c == '_' || c == '-' || c == '.' {
			continue
		}
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		at--
		name[at] = c
	}
	for k := range names {
		n := &names[k]
		if on>>n.kind&1 == 0 || longestName-at < len(n.name) || string(name[longestName-len(n.name):]) != n.name {
			continue
		}
		if n.name == "sig" && longestName-at != 3 {
			continue
		}
		return value(v, i+1, n.kind, n.loose)
	}
	return finding{}
}

// value takes what is assigned at i: what is in quotes, or up to an edge.
func value(v []byte, i, kind int, loose bool) finding {
	for n := 0; i < len(v) && (v[i] == ' ' || v[i] == '=' || v[i] == '>' || v[i] == '\\') && n < 4; n++ {
		i++
	}
	quote := byte(0)
	if i < len(v) && (v[i] == '"' || v[i] == '\'' || v[i] == '`') {
		quote = v[i]
		i++
	}
	for _, scheme := range [...]string{"Bearer ", "bearer ", "Basic ", "basic "} {
		if has(v, i, scheme) {
			i += len(scheme)
		}
	}
	to := i
	for to < len(v) && to-i < 4096 {
		if c := v[to]; quote != 0 && c == '\\' && to+1 < len(v) && v[to+1] != quote {
			to++ // an escape inside quotes
		} else if quote != 0 && (c == quote || c == '\\' || c == '\n') || quote == 0 && class[c]&isEdge != 0 {
			break
		}
		to++
	}
	to = min(to, len(v))
	text := v[i:to]
	if known := formed(v, i); known.to == to && to > i {
		return known // a token that shows what it is
	}
	switch {
	case placeholder(text), loose && len(text) < shortestLoose:
		return finding{}
	case !loose && (len(text) < shortestKey || bitsPerByte(text) < entropy):
		return finding{}
	}
	return finding{i, to, kind}
}

// placeholder reports what stands for a secret and is none: ***, ${NAME}, $1,
// :name, %s, <password>, ?, null and the like.
func placeholder(v []byte) bool {
	if len(v) == 0 {
		return true
	}
	switch v[0] {
	case '$', '%', '?', '<', '{', ':':
		return len(v) < 2 || v[0] != '$' || !sigil(v)
	}
	switch string(v) {
	case "null", "NULL", "None", "none", "nil", "true", "false", "undefined", "string", "required", "xxxx", "xxxxxxxx", "changeme", "env":
		return true
	}
	for _, c := range v {
		if c != v[0] {
			return false
		}
	}
	return v[0] == '*' || v[0] == '.' || v[0] == 'x' || v[0] == 'X'
}

// sigil reports a $ that begins a hashed password ($2b$…, $argon2id$…) and no
// variable: there is another one.
func sigil(v []byte) bool {
	for _, c := range v[1:] {
		if c == '$' {
			return true
		}
	}
	return false
}

var counts [256]uint16

// bitsPerByte is Shannon's entropy of the bytes of v.
func bitsPerByte(v []byte) float64 {
	for _, c := range v {
		counts[c]++
	}
	sum, n := 0.0, float64(len(v))
	for _, c := range v {
		if k := float64(counts[c]); k > 0 {
			sum += k / n * math.Log2(n/k)
			counts[c] = 0
		}
	}
	return sum
}
