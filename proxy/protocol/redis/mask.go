package redis

import (
	"strings"

	"sluice.dev/proxy/mask"
	"sluice.dev/proxy/protocol/redis/resp"
)

// columnsOf are the protected patterns that a key is under, those of its
// fields included.
func (o *Options) columnsOf(key string) (out []string) {
	for _, col := range o.Columns {
		pattern, _, _ := strings.Cut(col, ".")
		if match(pattern, key) {
			out = append(out, col)
		}
	}
	return out
}

// match is a pattern in which a star stands for anything, nothing included.
func match(pattern, key string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == key
	}
	rest, ok := strings.CutPrefix(key, parts[0])
	if !ok {
		return false
	}
	for _, p := range parts[1 : len(parts)-1] {
		i := strings.Index(rest, p)
		if i < 0 {
			return false
		}
		rest = rest[i+len(p):]
	}
	return strings.HasSuffix(rest, parts[len(parts)-1])
}

// values answer with values of their keys as they are; any other command's
// answer is computed from them.
var values = map[string]bool{"get": true, "getdel": true, "getex": true, "getset": true, "set": true, "mget": true, "lrange": true, "lindex": true,
	"lpop": true, "rpop": true, "smembers": true, "spop": true, "srandmember": true, "hget": true, "hmget": true, "hgetall": true, "hvals": true}

// masker changes the one answer of a command.
type masker struct {
	o      *Options
	a      *analysis
	args   [][]byte
	plan   *mask.Plan
	key    *mask.Key
	scope  func(string) string
	resp3  bool
	masked int64
}

// treatment is the strictest of those of a key's value, or of one field of it.
// With field nil those of all fields count.
func (m *masker) treatment(key string, field []byte) (t mask.Treatment) {
	for _, col := range m.o.columnsOf(key) {
		_, f, ofField := strings.Cut(col, ".")
		if !ofField || field == nil || f == string(field) {
			t = t.Stricter(m.plan.Columns[col])
		}
	}
	return t
}

// apply writes the masked answer to dst.
func (m *masker) apply(dst []byte, v *resp.Value) []byte {
	if v.Type == '-' || v.Type == '!' {
		return append(dst, v.Raw...) // of the server's own words; scripts are refused where keys are masked
	}
	name := m.a.command.Name
	keys := m.a.keys
	switch {
	case name == "mget" && len(v.Elems) == len(keys):
		dst = append(dst, v.Head()...)
		for i := range v.Elems {
			dst = m.leaf(dst, &v.Elems[i], m.treatment(string(m.args[keys[i].Index]), nil))
		}
		return dst
	case name == "hget" && len(m.args) == 3:
		return m.leaf(dst, v, m.treatment(string(m.args[1]), m.args[2]))
	case name == "hmget" && len(v.Elems) == len(m.args)-2:
		dst = append(dst, v.Head()...)
		for i := range v.Elems {
			dst = m.leaf(dst, &v.Elems[i], m.treatment(string(m.args[1]), m.args[i+2]))
		}
		return dst
	case name == "hgetall" && len(v.Elems)%2 == 0 && !v.Null:
		dst = append(dst, v.Head()...)
		for i := 0; i < len(v.Elems); i += 2 {
			dst = append(dst, v.Elems[i].Raw...)
			dst = m.leaf(dst, &v.Elems[i+1], m.treatment(string(m.args[1]), v.Elems[i].Text))
		}
		return dst
	}
	var t mask.Treatment
	for _, k := range keys {
		if k.Access {
			t = t.Stricter(m.treatment(string(m.args[k.Index]), nil))
		}
	}
	if !values[name] && t.Action < mask.Redact {
		t = mask.Treatment{Action: mask.Redact}
	}
	return m.leaf(dst, v, t)
}

// leaf treats every value in an element; types keep their form.
func (m *masker) leaf(dst []byte, v *resp.Value, t mask.Treatment) []byte {
	if t.Action == mask.None || v.Null || v.Type == '+' {
		return append(dst, v.Raw...)
	}
	switch v.Type {
	case '*', '~', '%', '>', '|':
		dst = append(dst, v.Head()...)
		for i := range v.Elems {
			dst = m.leaf(dst, &v.Elems[i], t)
		}
		return dst
	}
	m.masked++
	if t.Action == mask.Null {
		if m.resp3 {
			return append(dst, "_\r\n"...)
		}
		return append(dst, "$-1\r\n"...)
	}
	switch v.Type {
	case '$':
		text, _ := m.key.AppendText(nil, t, m.scope(t.Scope), v.Text)
		return resp.AppendBulk(dst, text)
	case '#':
		return append(dst, "#f\r\n"...)
	case ':', ',', '(':
		return append(dst, string(v.Type)+"0\r\n"...)
	}
	return resp.AppendBulk(dst, []byte(mask.Placeholder))
}
