package conformance

import (
	"fmt"
	"regexp"
	"strings"
)

// Case is one entry of a list: steps that run in order on one connection.
type Case struct {
	Name  string
	Word  string // what the list says after the name
	List  string // the list it is from
	Line  int    // of the name, in the list
	Asks  string // the question of section "What masks cannot stop" that it asks; "": none
	Steps []Step
	// Undo says that the case is one statement that can run in a transaction
	// which is rolled back.
	Undo bool
	// Shares says that it may run on a session that other cases have used.
	Shares bool
	// Changes says that data or definitions may not be the same afterwards.
	Changes bool
}

// Step is one thing that a case does.
type Step struct {
	Do   Verb
	SQL  string
	Name string // of the prepared statement
	// Binary and Rows are how Run asks for results; Rows 0 is all at once.
	Binary bool
	Rows   int
}

// Verb is what a step does.
type Verb int

// The verbs.
const (
	VerbSend   Verb = iota // a statement, in the protocol of the mode
	VerbSimple             // a statement, in the simple protocol whatever the mode
	VerbSecond             // a statement on a second session through the gateway
	VerbDirect             // a statement of the owner, beside the gateway
	VerbParse              // Parse and Describe of a named statement
	VerbRun                // Bind, Describe and Execute of it
	VerbPipe               // what follows is sent without waiting, up to Sync
	VerbSync               // the end of a pipeline
)

func (s Step) String() string {
	switch s.Do {
	case VerbSimple:
		return `\simple ` + s.SQL
	case VerbSecond:
		return "\\second " + s.SQL
	case VerbDirect:
		return `\direct ` + s.SQL
	case VerbParse:
		return `\parse ` + s.Name + " " + s.SQL
	case VerbRun:
		out := `\run ` + s.Name
		if s.Binary {
			out += " binary"
		}
		if s.Rows > 0 {
			out += fmt.Sprintf(" rows=%d", s.Rows)
		}
		return out
	case VerbPipe:
		return `\pipe`
	case VerbSync:
		return `\sync`
	}
	return s.SQL
}

// Text is the case as a list has it.
func (c *Case) Text() string {
	var b strings.Builder
	for _, s := range c.Steps {
		b.WriteString(s.String())
		if s.SQL != "" && s.Do != VerbParse {
			b.WriteByte(';')
		}
		b.WriteByte('\n')
	}
	return strings.TrimSuffix(b.String(), "\n")
}

var (
	// changes finds statements after which a database may not be what it was.
	changes = regexp.MustCompile(`(?i)\b(insert|update|delete|merge|create|drop|alter|truncate|grant|revoke|call|do|leak_sink|store|import|comment|reassign|vacuum|cluster|reindex|analyze|lo_\w+|nextval|setval)\b`)
	// inside finds statements that cannot run in a transaction, or that steer
	// one.
	inside = regexp.MustCompile(`(?i)^\s*(begin|start|commit|end|rollback|abort|savepoint|release|prepare transaction|vacuum|discard|reset|set|create database|drop database|alter system|listen|unlisten|notify)\b|concurrently|\b(create|alter|drop)\s+(publication|subscription|tablespace)`)
	// shares finds statements that leave nothing behind in a session, once they
	// are rolled back.
	shares  = regexp.MustCompile(`(?i)^\s*\(?(select|with|insert|update|delete|merge|values|table|copy|explain)\b`)
	keeps   = regexp.MustCompile(`(?i)advisory|set_config|leak_setting|leak_status|dblink|setseed|notify`)
	mention = regexp.MustCompile(`(?i)(to\s+)?\b(public|shadow)\b`)
)

// local puts the lists' schemas where the suite has them.
func local(sql string) string {
	return mention.ReplaceAllStringFunc(sql, func(m string) string {
		switch low := strings.ToLower(m); {
		case low == "public":
			return "conformance"
		case low == "shadow":
			return "conformance_shadow"
		case strings.HasSuffix(low, "shadow"):
			return strings.TrimSuffix(m, m[len(m)-6:]) + "conformance_shadow"
		case strings.HasPrefix(low, "to") && strings.Contains(sql, "search_path"):
			return strings.TrimSuffix(m, m[len(m)-6:]) + "conformance"
		}
		return m // a grant to everybody
	})
}

// Read reads a list. A case begins with "--- name: word" or, if it asks a
// question that masks cannot stop, "--- name: word [asks]"; the word may be
// absent. Statements end with ; at the end of a line. A line that begins with a
// backslash is a step of its own: \simple, \direct, \second SQL; \parse NAME SQL;
// \run NAME [binary] [rows=N]; \pipe and \sync.
func Read(list, text string) ([]*Case, error) {
	var cases []*Case
	var pending strings.Builder
	at := 0
	fail := func(problem string) error { return fmt.Errorf("conformance: %s:%d: %s", list, at, problem) }
	for line := range strings.SplitAfterSeq(text, "\n") {
		at++
		if rest, ok := strings.CutPrefix(line, "--- "); ok {
			if strings.TrimSpace(pending.String()) != "" {
				return nil, fail("the statement before this line has no ; at the end")
			}
			pending.Reset()
			c := &Case{List: list, Line: at}
			rest = strings.TrimSpace(rest)
			if i := strings.LastIndex(rest, " ["); i >= 0 && strings.HasSuffix(rest, "]") {
				rest, c.Asks = rest[:i], rest[i+2:len(rest)-1]
			}
			c.Name, c.Word, _ = strings.Cut(rest, ": ")
			cases = append(cases, c)
			continue
		}
		if len(cases) == 0 || pending.Len() == 0 && strings.TrimSpace(line) == "" {
			continue // the comment at the top, and empty lines between
		}
		c := cases[len(cases)-1]
		if pending.Len() == 0 && strings.HasPrefix(line, `\`) {
			s, err := command(strings.TrimSpace(line))
			if err != nil {
				return nil, fail(err.Error())
			}
			c.Steps = append(c.Steps, s)
			continue
		}
		pending.WriteString(line)
		if strings.HasSuffix(strings.TrimRight(line, " \r\n"), ";") {
			sql := strings.TrimSuffix(strings.TrimSpace(pending.String()), ";")
			c.Steps = append(c.Steps, Step{SQL: local(sql)})
			pending.Reset()
		}
	}
	if strings.TrimSpace(pending.String()) != "" {
		return nil, fail("the last statement has no ; at the end")
	}
	for _, c := range cases {
		c.settle()
	}
	return cases, nil
}

func command(line string) (Step, error) {
	word, rest, _ := strings.Cut(line, " ")
	rest = strings.TrimSuffix(strings.TrimSpace(rest), ";")
	switch word {
	case `\simple`:
		return Step{Do: VerbSimple, SQL: local(rest)}, nil
	case "\\second":
		return Step{Do: VerbSecond, SQL: local(rest)}, nil
	case `\direct`:
		return Step{Do: VerbDirect, SQL: local(rest)}, nil
	case `\pipe`:
		return Step{Do: VerbPipe}, nil
	case `\sync`:
		return Step{Do: VerbSync}, nil
	case `\parse`:
		name, sql, ok := strings.Cut(rest, " ")
		if !ok {
			return Step{}, fmt.Errorf("%s wants a name and SQL", word)
		}
		return Step{Do: VerbParse, Name: name, SQL: local(sql)}, nil
	case `\run`:
		f := strings.Fields(rest)
		if len(f) == 0 {
			return Step{}, fmt.Errorf("%s wants a name", word)
		}
		s := Step{Do: VerbRun, Name: f[0]}
		for _, o := range f[1:] {
			if o == "binary" {
				s.Binary = true
			} else if _, err := fmt.Sscanf(o, "rows=%d", &s.Rows); err != nil || s.Rows < 1 {
				return Step{}, fmt.Errorf("%s does not know %q", word, o)
			}
		}
		return s, nil
	}
	return Step{}, fmt.Errorf("unknown step %s", word)
}

// settle works out what has to be done around the case.
func (c *Case) settle() {
	c.Undo = len(c.Steps) == 1 && c.Steps[0].Do == VerbSend && !inside.MatchString(c.Steps[0].SQL) && !several(c.Steps[0].SQL)
	c.Shares = c.Undo && shares.MatchString(c.Steps[0].SQL) && !keeps.MatchString(c.Steps[0].SQL)
	c.Changes = !c.Undo && c.writes()
}

// writes says whether a case may write, if only to roll it back.
func (c *Case) writes() bool {
	for _, s := range c.Steps {
		if s.Do == VerbDirect || changes.MatchString(s.SQL) {
			return true
		}
	}
	return false
}

// several says whether a text may hold more than one statement.
func several(sql string) bool { return strings.Contains(sql, ";") }
