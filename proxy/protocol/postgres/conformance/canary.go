package conformance

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// piece is the length of the shortest piece of a value, in characters, that
// counts as the value.
const piece = 6

// canary finds protected values, and pieces of them, in what a client reads:
// as they are, in any case, backwards, in hexadecimal and in base64.
type canary struct {
	grams map[int]map[string]string // by length: the piece, and of which value
}

// readCanary reads the protected values that are text.
func (w *world) readCanary() (*canary, error) {
	var parts []string
	for _, c := range Protected() {
		i := strings.LastIndex(c, ".")
		table, col := c[:i], c[i+1:]
		if table == "conformance.formats" && !slices.Contains([]string{"p_text", "p_varchar", "p_bpchar", "p_name"}, col) {
			continue
		}
		parts = append(parts, fmt.Sprintf("select %s::text from %s where %[1]s is not null", col, table))
	}
	rows, err := w.owner.query("set search_path = pg_catalog; " + strings.Join(parts, " union "))
	if err != nil {
		return nil, unreachable("DIRECT", err)
	}
	var values []string
	for _, r := range rows {
		values = append(values, strings.TrimSpace(string(r[0])))
	}
	return newCanary(values), nil
}

func newCanary(values []string) *canary {
	c := &canary{grams: map[int]map[string]string{}}
	for _, v := range values {
		low := strings.ToLower(v)
		for _, shape := range []string{low, reverse(low)} {
			c.add(shape, piece, v)
		}
		c.add(hex.EncodeToString([]byte(v)), 2*piece, v)
		c.add(hex.EncodeToString([]byte(strings.ToUpper(v))), 2*piece, v)
		for skip := range 3 {
			if len(v) > skip+piece {
				c.add(strings.ToLower(base64.RawStdEncoding.EncodeToString([]byte(v[skip:]))), 4*piece/3, v)
			}
		}
	}
	// What everybody may know is no secret.
	innocent := strings.ToLower(schemaSQL + dataSQL)
	for n, set := range c.grams {
		for g := range set {
			if n == piece && strings.Contains(innocent, g) && !strings.Contains(g, "canary"[:piece]) {
				delete(set, g)
			}
		}
	}
	return c
}

func (c *canary) add(text string, n int, value string) {
	if c.grams[n] == nil {
		c.grams[n] = map[string]string{}
	}
	for i := 0; i+n <= len(text); i++ {
		c.grams[n][text[i:i+n]] = value
	}
}

func reverse(s string) string {
	r := []rune(s)
	slices.Reverse(r)
	return string(r)
}

// find says what of which value a client reads; known is what it sent itself.
func (c *canary) find(t *Transcript, known string) string {
	known = strings.ToLower(known)
	for _, step := range t.Steps {
		for _, m := range step {
			body := m.Body
			if m.Type == 'Z' {
				continue
			}
			text := strings.ToLower(string(body))
			for n, set := range c.grams {
				for i := 0; i+n <= len(text); i++ {
					if v, ok := set[text[i:i+n]]; ok && !strings.Contains(known, text[i:i+n]) {
						return fmt.Sprintf("%q of the protected value %q stands in %.300s", text[i:i+n], v, m)
					}
				}
			}
		}
	}
	return ""
}
