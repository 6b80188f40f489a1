package facts

import "strconv"

// maxDepth bounds how deep a tree may get. The parser's Wasm stack has no
// guard: a text nested too deeply overwrites the parser's own data, and every
// later answer may be wrong. So depth is counted before the parser sees the
// text, on the safe side.
const maxDepth = 500

// maxCopies bounds the bytes that the parser may print for one text.
const maxCopies = 256 << 20

// level is one open parenthesis, bracket or CASE. Depth is the number of open
// levels and of what is chained in each: operators and NOT nest in each other
// until a comma, AND, OR or the next clause begins anew; joins until a comma;
// set operations until the end. Comparisons do not chain in PostgreSQL's
// grammar, and AND, OR and lists are flat.
type level struct {
	isCase                   bool
	operators, joins, setOps int
	commas, setWords         int
}

func (l *level) depth() int { return 1 + l.operators + l.joins + l.setOps }

type depthMeter struct {
	text          string
	tokens        []token
	levels        []level
	depth         int // of all levels
	sets, maxSets int // nested SET words
	widest        int
}

// tooDeep refuses what could overflow the parser's stack, or its memory: the
// parser prints the source of SET (a, b, …) = (…) once for each target.
func tooDeep(text string, tokens []token) error {
	m := depthMeter{text: text, tokens: tokens, levels: []level{{}}, widest: 1}
	for i, t := range tokens {
		m.token(i, t)
		if m.depth > maxDepth {
			return &SyntaxError{
				Message:  "statement is nested too deeply: more than " + strconv.Itoa(maxDepth) + " levels",
				Position: charPosition(text, t.start),
			}
		}
	}
	cost := len(text)
	for range m.maxSets {
		if cost *= m.widest; cost > maxCopies {
			return &SyntaxError{Message: "statement is too large: a multiple-column SET over a long source"}
		}
	}
	return nil
}

func (m *depthMeter) top() *level { return &m.levels[len(m.levels)-1] }

func (m *depthMeter) push(isCase bool) {
	m.levels = append(m.levels, level{isCase: isCase})
	m.depth++
}

func (m *depthMeter) pop() {
	top := m.top()
	m.depth -= top.depth()
	m.sets -= top.setWords
	m.levels = m.levels[:len(m.levels)-1]
}

func (m *depthMeter) token(i int, t token) {
	switch t.kind {
	case tokPunct:
		m.punct(i, m.text[t.start])
	case tokOp:
		switch t.text(m.text) {
		case "=", "<", ">", "<=", ">=", "<>", "!=", "=>", ":=":
		default:
			m.top().operators++
			m.depth++
		}
	case tokIdent:
		if t.end-t.start <= 9 {
			m.word(i, fold(t.text(m.text)))
		}
	}
}

func (m *depthMeter) punct(i int, c byte) {
	switch c {
	case '(', '[':
		m.push(false)
	case ')', ']':
		for len(m.levels) > 1 && m.top().isCase {
			m.pop()
		}
		if len(m.levels) == 1 {
			return
		}
		if i+1 < len(m.tokens) && m.tokens[i+1].text(m.text) == "=" {
			m.widest = max(m.widest, m.top().commas+1)
		}
		m.pop()
	case ',', ';':
		top := m.top()
		top.commas++
		m.endOperand()
		m.depth -= top.joins
		top.joins = 0
		if c == ';' {
			m.depth -= top.setOps
			top.setOps = 0
		}
	}
}

// endOperand: what was chained with operators is complete.
func (m *depthMeter) endOperand() {
	m.depth -= m.top().operators
	m.top().operators = 0
}

func (m *depthMeter) word(i int, word string) {
	if i > 0 {
		if before := m.tokens[i-1]; before.text(m.text) == "." || fold(before.text(m.text)) == "as" {
			return // a label
		}
	}
	top := m.top()
	switch word {
	case "and", "or", "where", "group", "order", "having", "limit", "when", "then", "else":
		m.endOperand()
	case "not", "collate", "at":
		top.operators++
		m.depth++
	case "join":
		m.endOperand()
		top.joins++
		m.depth++
	case "union", "intersect", "except":
		m.endOperand()
		top.setOps++
		m.depth++
	case "case":
		m.push(true)
	case "end":
		if top.isCase {
			m.pop()
		}
	case "set":
		top.setWords++
		m.sets++
		m.maxSets = max(m.maxSets, m.sets)
	}
}

// charPosition is a byte offset as PostgreSQL counts: characters, from 1.
func charPosition(text string, offset int) int {
	n := 1
	for i := range text {
		if i >= offset {
			break
		}
		n++
	}
	return n
}
