// Package commands knows what a Redis server's commands are and which of their
// arguments are keys, by the server's own account (COMMAND, “key specs”).
package commands

import (
	"fmt"
	"strconv"
	"strings"

	"sluice.dev/proxy/protocol/redis/resp"
)

// Command is one command, or one subcommand, as the server describes it.
type Command struct {
	Name       string // lower case; of a subcommand "config|get"
	Flags      []string
	Categories []string // of ACLs, with their @
	subs       map[string]*Command
	specs      []spec
	arity      int64
}

// Key is one argument that names a key.
type Key struct {
	Index int
	// Access: its value is returned, copied or used; Write: it is changed.
	Access, Write bool
}

// Table is a server's commands by name.
type Table map[string]*Command

type spec struct {
	access, write, unsure bool
	begin                 string // index, keyword or unknown
	index                 int
	keyword               string
	from                  int
	find                  string // range, keynum or unknown
	last, step, limit     int
	numIdx, first         int
}

// Has reports a flag.
func (c *Command) Has(flag string) bool {
	for _, f := range c.Flags {
		if f == flag {
			return true
		}
	}
	return false
}

// In reports an ACL category.
func (c *Command) In(category string) bool {
	for _, f := range c.Categories {
		if f == category {
			return true
		}
	}
	return false
}

// Find is the command that a request names, and its subcommand if it has any;
// nil when the server has none of that name, or not with that many arguments.
func (t Table) Find(args [][]byte) *Command {
	c := t[strings.ToLower(string(args[0]))]
	if c != nil && c.subs != nil && len(args) > 1 { // alone it is itself, if it takes no more
		c = c.subs[strings.ToLower(string(args[1]))]
	}
	if c == nil || c.arity > 0 && int64(len(args)) != c.arity || c.arity < 0 && int64(len(args)) < -c.arity {
		return nil
	}
	return c
}

// Keys are the keys of a request. Without sure there may be more, or they
// depend on data.
func (c *Command) Keys(args [][]byte) (keys []Key, sure bool) {
	sure = true
	for i := range c.specs {
		s := &c.specs[i]
		if s.unsure || !s.keys(args, &keys) {
			sure = false
		}
	}
	return keys, sure
}

func (s *spec) keys(args [][]byte, keys *[]Key) bool {
	first := s.index
	if s.begin == "keyword" {
		if first = s.search(args); first < 0 {
			return true // the optional part is not there
		}
	}
	if first <= 0 || first >= len(args) {
		return first >= len(args) // the server will say what is wrong
	}
	step := max(s.step, 1)
	var last int
	switch s.find {
	case "range":
		switch {
		case s.last >= 0:
			last = first + s.last
		case s.limit <= 1:
			last = len(args) + s.last
		default:
			last = first + (len(args)-first)/s.limit + s.last
		}
	case "keynum":
		at := first + s.numIdx
		if at >= len(args) {
			return true
		}
		if at < 1 {
			return false
		}
		n, err := strconv.Atoi(string(args[at]))
		if err != nil || n < 0 || n > len(args) {
			return false
		}
		first += s.first
		last = first + (n-1)*step
	default:
		return false
	}
	if first < 1 || last >= len(args) {
		return false
	}
	for i := first; i <= last; i += step {
		*keys = append(*keys, Key{Index: i, Access: s.access, Write: s.write})
	}
	return true
}

// search is where the argument behind a keyword is; negative starts look from
// the end backwards.
func (s *spec) search(args [][]byte) int {
	at, step := s.from, 1
	if at < 0 {
		at, step = len(args)+at, -1
	}
	for ; at > 0 && at < len(args); at += step {
		if strings.EqualFold(string(args[at]), s.keyword) {
			return at + 1
		}
	}
	return -1
}

// Parse reads the answer to COMMAND.
func Parse(v resp.Value) (Table, error) {
	t := make(Table)
	for i := range v.Elems {
		c, err := parse(&v.Elems[i])
		if err != nil {
			return nil, err
		}
		t[c.Name] = c
	}
	if len(t) == 0 {
		return nil, fmt.Errorf("commands: the server lists no commands: %.80q", v.Raw)
	}
	return t, nil
}

func parse(v *resp.Value) (*Command, error) {
	if len(v.Elems) < 10 {
		return nil, fmt.Errorf("commands: a command is described by %d elements: a server older than Redis 7 does not say which arguments are keys", len(v.Elems))
	}
	c := &Command{Name: strings.ToLower(string(v.Elems[0].Text)), Flags: texts(&v.Elems[2]), Categories: texts(&v.Elems[6])}
	c.arity, _ = strconv.ParseInt(string(v.Elems[1].Text), 10, 32)
	for i := range v.Elems[8].Elems {
		c.specs = append(c.specs, parseSpec(&v.Elems[8].Elems[i]))
	}
	for i := range v.Elems[9].Elems {
		sub, err := parse(&v.Elems[9].Elems[i])
		if err != nil {
			return nil, err
		}
		if c.subs == nil {
			c.subs = make(map[string]*Command)
		}
		_, name, _ := strings.Cut(sub.Name, "|")
		c.subs[name] = sub
	}
	return c, nil
}

func texts(v *resp.Value) []string {
	out := make([]string, 0, len(v.Elems))
	for _, e := range v.Elems {
		out = append(out, string(e.Text))
	}
	return out
}

func parseSpec(v *resp.Value) (s spec) {
	for _, f := range texts(field(v, "flags")) {
		switch f {
		case "access":
			s.access = true
		case "RW", "OW", "RM":
			s.write = true
		case "incomplete":
			s.unsure = true
		}
	}
	begin, find := field(v, "begin_search"), field(v, "find_keys")
	s.begin, s.find = string(field(begin, "type").Text), string(field(find, "type").Text)
	b, f := field(begin, "spec"), field(find, "spec")
	s.index, s.keyword, s.from = number(b, "index"), string(field(b, "keyword").Text), number(b, "startfrom")
	s.last, s.limit = number(f, "lastkey"), number(f, "limit")
	s.numIdx, s.first = number(f, "keynumidx"), number(f, "firstkey")
	s.step = number(f, "keystep")
	if s.begin != "index" && s.begin != "keyword" {
		s.unsure = true
	}
	return s
}

var none resp.Value

func field(v *resp.Value, name string) *resp.Value {
	for i := 0; i+1 < len(v.Elems); i += 2 {
		if string(v.Elems[i].Text) == name {
			return &v.Elems[i+1]
		}
	}
	return &none
}

// number is a count of arguments, which none has many of.
func number(v *resp.Value, name string) int {
	n, _ := strconv.Atoi(string(field(v, name).Text))
	return max(-maxNumber, min(n, maxNumber))
}

const maxNumber = 1 << 20
