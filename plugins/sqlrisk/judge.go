package main

import sluice "sluice.dev/sdk/go"

// judge collects what is risky about a command.
type judge struct {
	text   []byte
	tokens []token // not yet looked at
	is     *sluice.Classification
	risk   int
	why    string
	labels []string
}

// mark adds a label; the reason is that of the greatest risk.
func (j *judge) mark(label string, risk int, why string) {
	if risk > j.risk {
		j.risk, j.why = risk, why
	}
	for _, l := range j.labels {
		if l == label {
			return
		}
	}
	j.labels = append(j.labels, label)
}

func (j *judge) finish() {
	for _, l := range j.labels {
		j.is.Label(l)
	}
	if j.risk > 0 {
		j.is.Risk(j.risk)
		j.is.Reason(j.why)
	}
}

// facts judges by what the gateway's parser knows: it sees through views of
// spelling that a look at the words does not. It reads the object once: it comes
// with every command.
func (j *judge) facts(f sluice.Value) {
	var changes, where bool
	f.Each(func(key, value sluice.Value) bool {
		switch string(key) {
		case `"operations"`:
			value.Each(func(_, op sluice.Value) bool {
				switch string(op) {
				case `"delete"`, `"update"`:
					changes = true
				case `"truncate"`:
					j.mark("mass-change", 80, "empties a table")
				case `"grant"`, `"revoke"`:
					j.mark("privilege", 70, "changes who may do what")
				}
				return true
			})
		case `"flags"`:
			value.Each(func(flag, on sluice.Value) bool {
				switch string(flag) {
				case `"where"`:
					where = on.Bool()
				case `"drop"`:
					if on.Bool() {
						j.mark("destructive", 80, "drops an object")
					}
				case `"file"`:
					if on.Bool() {
						j.mark("file-access", 90, "reads or writes a file, or runs a program, on the server")
					}
				case `"dynamic"`:
					if on.Bool() {
						j.mark("dynamic", 50, "runs text that no parser sees")
					}
				}
				return true
			})
		}
		return true
	})
	if changes && !where {
		j.mark("mass-change", 70, "changes every row: there is no condition")
	}
}

// statement judges the tokens up to the next semicolon.
func (j *judge) statement() {
	end := 0
	for end < len(j.tokens) && j.tokens[end].kind != ';' {
		end++
	}
	s := statement{j: j, t: j.tokens[:end]}
	j.tokens = j.tokens[min(end+1, len(j.tokens)):]
	s.judge()
}

type statement struct {
	j *judge
	t []token
}

func (s *statement) word(i int, upper string) bool {
	return i >= 0 && i < len(s.t) && s.t[i].kind == 'w' && same(s.j.text[s.t[i].from:s.t[i].to], upper)
}

func (s *statement) sign(i int, kind byte) bool { return i >= 0 && i < len(s.t) && s.t[i].kind == kind }

// find returns the first of a word at or after i, or -1.
func (s *statement) find(i int, upper string) int {
	for ; i < len(s.t); i++ {
		if s.word(i, upper) {
			return i
		}
	}
	return -1
}

func (s *statement) judge() {
	for i := range s.t {
		switch s.t[i].kind {
		case 's':
			s.str(i)
		case 'w':
			s.at(i)
		}
	}
	s.flood()
	switch {
	case s.word(0, "TRUNCATE"):
		s.j.mark("mass-change", 80, "empties a table")
	case s.word(0, "DROP"):
		s.j.mark("destructive", 80, "drops an object")
	case s.word(0, "GRANT"), s.word(0, "REVOKE"), s.word(0, "REASSIGN"),
		(s.word(0, "CREATE") || s.word(0, "ALTER") || s.word(0, "DROP")) && (s.word(1, "ROLE") || s.word(1, "USER") || s.word(1, "GROUP")),
		s.word(0, "ALTER") && (s.word(1, "SYSTEM") || s.word(1, "DEFAULT")),
		s.find(0, "OWNER") > 0 && s.word(s.find(0, "OWNER")+1, "TO"):
		s.j.mark("privilege", 70, "changes who may do what")
	case s.word(0, "SET"), s.word(0, "RESET"):
		s.setting()
	case s.word(0, "COPY"):
		s.copying()
	case s.word(0, "DO"):
		s.j.mark("dynamic", 50, "runs text that no parser sees")
	}
}

// at looks at a word wherever it stands: data-changing statements may be
// inside WITH or EXPLAIN.
func (s *statement) at(i int) {
	switch {
	case s.word(i, "DELETE") && s.word(i+1, "FROM"), s.word(i, "UPDATE") && !s.word(i-1, "FOR") && !s.word(i-1, "DO") && !s.word(i-1, "ON") && !s.word(i-1, "KEY") && s.find(i, "SET") > i:
		s.change(i)
	case s.word(i, "OR"):
		if s.always(i + 1) {
			s.j.mark("tautology", 60, "has a condition that is always true")
		}
	case s.sign(i+1, '('):
		s.function(i)
	}
}

// change looks for the condition of a DELETE or UPDATE at the same depth.
func (s *statement) change(i int) {
	for depth := 0; i < len(s.t); i++ {
		switch s.t[i].kind {
		case '(':
			depth++
		case ')':
			if depth--; depth < 0 {
				i = len(s.t)
			}
		case 'w':
			if depth == 0 && s.word(i, "WHERE") {
				if s.always(i+1) || s.word(i+1, "TRUE") && s.ends(i+2) {
					s.j.mark("tautology", 60, "has a condition that is always true")
					s.j.mark("mass-change", 70, "changes every row: its condition is always true")
				}
				return
			}
		}
	}
	s.j.mark("mass-change", 70, "changes every row: there is no condition")
}

// ends reports that a condition ends at i.
func (s *statement) ends(i int) bool {
	return i >= len(s.t) || s.sign(i, ')') || s.word(i, "RETURNING") || s.word(i, "OR")
}

// always reports whether a comparison of a literal with itself is at i: 1=1,
// 'a'='a', perhaps in parentheses. What stands behind AND may still narrow it.
func (s *statement) always(i int) bool {
	for s.sign(i, '(') {
		i++
	}
	if i+2 >= len(s.t) || !s.sign(i+1, '=') || s.t[i].kind != s.t[i+2].kind {
		return s.word(i, "TRUE") && s.ends(i+1)
	}
	switch s.t[i].kind {
	case 'n', 's', 'w', 'q':
	default:
		return false
	}
	a, b := s.t[i], s.t[i+2]
	if string(s.j.text[a.from:a.to]) != string(s.j.text[b.from:b.to]) || s.sign(i+3, '.') || s.sign(i+3, '(') {
		return false
	}
	return !s.word(i+3, "AND")
}

func (s *statement) setting() {
	i := 1
	if s.word(i, "LOCAL") || s.word(i, "SESSION") {
		i++
	}
	switch {
	case s.word(i, "ROLE"), s.word(i, "AUTHORIZATION"):
		s.j.mark("privilege", 60, "acts as another role")
	case s.word(i, "SESSION_REPLICATION_ROLE"), s.word(i, "ROW_SECURITY"), s.word(i, "LOG_STATEMENT"), s.word(i, "LOG_MIN_DURATION_STATEMENT"):
		s.j.mark("privilege", 70, "turns a safeguard off")
	}
}

// copying: COPY … FROM and TO files and programs of the server; COPY … TO
// STDOUT takes data out.
func (s *statement) copying() {
	for i, depth := 1, 0; i < len(s.t); i++ {
		switch {
		case s.t[i].kind == '(':
			depth++
		case s.t[i].kind == ')':
			depth--
		case depth != 0:
		case s.word(i, "PROGRAM"):
			s.j.mark("file-access", 95, "runs a program on the server")
			s.j.mark("exfiltration", 95, "runs a program on the server")
		case (s.word(i, "TO") || s.word(i, "FROM")) && s.sign(i+1, 's'):
			s.j.mark("file-access", 90, "reads or writes a file on the server")
		case s.word(i, "TO") && s.word(i+1, "STDOUT"):
			s.j.mark("exfiltration", 50, "copies a whole relation or result out")
		}
	}
}

func (s *statement) function(i int) {
	name := s.j.text[s.t[i].from:s.t[i].to]
	switch {
	case same(name, "PG_READ_FILE"), same(name, "PG_READ_BINARY_FILE"), same(name, "PG_LS_DIR"), same(name, "PG_STAT_FILE"), same(name, "LO_IMPORT"), same(name, "LOAD_FILE"):
		s.j.mark("file-access", 90, "reads a file of the server")
	case same(name, "LO_EXPORT"), same(name, "PG_FILE_WRITE"):
		s.j.mark("file-access", 90, "writes a file of the server")
	case same(name, "DBLINK"), same(name, "DBLINK_EXEC"), same(name, "DBLINK_CONNECT"), same(name, "DBLINK_SEND_QUERY"):
		s.j.mark("exfiltration", 80, "sends data to another server")
	case same(name, "QUERY_TO_XML"), same(name, "TABLE_TO_XML"), same(name, "DATABASE_TO_XML"), same(name, "SCHEMA_TO_XML"), same(name, "CURSOR_TO_XML"):
		s.j.mark("exfiltration", 60, "turns whole relations into one value")
	case same(name, "PG_SLEEP"), same(name, "PG_SLEEP_FOR"), same(name, "PG_SLEEP_UNTIL"), same(name, "SLEEP"), same(name, "BENCHMARK"):
		s.j.mark("slow", 40, "waits on purpose")
	case same(name, "PG_TERMINATE_BACKEND"), same(name, "PG_CANCEL_BACKEND"), same(name, "PG_RELOAD_CONF"), same(name, "PG_ROTATE_LOGFILE"):
		s.j.mark("privilege", 70, "acts on other sessions or on the server")
	}
}

// flood: very many literals are data on its way through, in or out.
func (s *statement) flood() {
	n, unions := 0, 0
	for i := range s.t {
		switch s.t[i].kind {
		case 's', 'n':
			n++
		case 'w':
			if s.word(i, "UNION") {
				unions++
			}
		}
	}
	if n > literals {
		s.j.mark("literal-flood", 30, "carries very many literals")
	}
	if unions >= 16 {
		s.j.mark("exfiltration", 50, "joins very many results into one")
	}
}
