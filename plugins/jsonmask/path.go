package main

import (
	"strconv"
	"strings"

	sluice "sluice.dev/sdk/go"
)

// step is one segment of a path: names, indices or a wildcard, of children or
// of all descendants.
type step struct {
	descend bool
	all     bool
	names   []string
	indices []int
}

// mostSteps is what the bits of a word have room for.
const mostSteps = 60

// parsePath reads RFC 9535's $, .name, ['name'], ["name"], [n], [*], .*, ..name,
// ..* and ..[…], and lists of names and indices in brackets. Slices, filters
// and indices from the end are refused. why is "" if it is good.
func parsePath(p string) (steps []step, why string) {
	if p == "" || p[0] != '$' {
		return nil, "a path begins with $"
	}
	p = p[1:]
	for p != "" {
		var s step
		switch {
		case strings.HasPrefix(p, ".."):
			s.descend = true
			if p = p[2:]; !strings.HasPrefix(p, "[") {
				p = "." + p
			}
		case p[0] != '.' && p[0] != '[':
			return nil, "expected . or [ at " + strconv.Quote(p)
		}
		if p[0] == '.' {
			p = p[1:]
			end := 0
			for end < len(p) && p[end] != '.' && p[end] != '[' {
				if c := p[end]; !named(c) {
					return nil, "a name with " + strconv.Quote(string(c)) + " stands in brackets and quotes: ['a-b']"
				}
				end++
			}
			switch name := p[:end]; {
			case name == "*":
				s.all = true
			case name == "" || strings.Contains(name, "*") || name[0] >= '0' && name[0] <= '9':
				return nil, "a name is missing at " + strconv.Quote(p)
			default:
				s.names = []string{name}
			}
			p = p[end:]
		} else if p, why = s.brackets(p[1:]); why != "" {
			return nil, why
		}
		steps = append(steps, s)
	}
	if len(steps) > mostSteps {
		return nil, "has more than 60 steps"
	}
	return steps, ""
}

// brackets reads what is behind a [.
func (s *step) brackets(p string) (rest, why string) {
	for {
		p = strings.TrimLeft(p, " ")
		switch {
		case p == "":
			return "", "] is missing"
		case p[0] == '*':
			s.all, p = true, p[1:]
		case p[0] == '\'' || p[0] == '"':
			end := 1
			for end < len(p) && p[end] != p[0] {
				if p[end] == '\\' {
					end++
				}
				end++
			}
			if end >= len(p) {
				return "", "a quote is not closed"
			}
			name := p[1:end]
			if p[0] == '\'' {
				name = strings.ReplaceAll(strings.ReplaceAll(name, `\'`, `'`), `"`, `\"`)
			}
			s.names = append(s.names, sluice.Value(`"`+name+`"`).String())
			p = p[end+1:]
		default:
			end := 0
			for end < len(p) && p[end] >= '0' && p[end] <= '9' {
				end++
			}
			n, err := strconv.Atoi(p[:end])
			if err != nil {
				return "", "only names in quotes, indices from 0 and * are known in brackets, at " + strconv.Quote(p)
			}
			s.indices = append(s.indices, n)
			p = p[end:]
		}
		p = strings.TrimLeft(p, " ")
		switch {
		case strings.HasPrefix(p, ","):
			p = p[1:]
		case strings.HasPrefix(p, "]"):
			return p[1:], ""
		default:
			return "", "only names in quotes, indices from 0 and * are known in brackets, at " + strconv.Quote(p)
		}
	}
}

// named reports what may stand in a name without quotes, or is a wildcard.
func named(c byte) bool {
	return c >= 0x80 || c == '_' || c == '*' || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}

func (s *step) name(key sluice.Value) bool {
	if s.all {
		return true
	}
	for _, n := range s.names {
		if len(key) == len(n)+2 && string(key[1:len(key)-1]) == n || escaped(key) && key.String() == n {
			return true
		}
	}
	return false
}

func escaped(key sluice.Value) bool {
	for _, c := range key {
		if c == '\\' {
			return true
		}
	}
	return false
}

func (s *step) index(n int) bool {
	if s.all {
		return true
	}
	for _, i := range s.indices {
		if i == n {
			return true
		}
	}
	return false
}
