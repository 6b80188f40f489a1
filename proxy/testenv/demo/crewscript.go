package main

import (
	"fmt"
	"strings"

	"sluice.dev/proxy/testenv/model"
)

// sqlTool is what CrewAI calls its NL2SQLTool towards the model.
const sqlTool = "nl2sql_tool"

// What the crew's model says, in order. Each is one call of the tool.
const (
	crewRead = iota
	crewDrop
	crewLook
	crewDelete
	crewCheck
	crewReport
)

var crewSQL = [crewReport]string{
	crewRead:   "SELECT id, name, email, phone, card, city, note FROM customers ORDER BY id",
	crewDrop:   "DROP TABLE orders",
	crewLook:   "SELECT id, customer_id, item, amount, placed FROM orders ORDER BY id",
	crewDelete: "DELETE FROM orders WHERE id = 103",
	crewCheck:  "SELECT id, item FROM orders ORDER BY id",
}

// notYet is what the gateway says when a client has waited long enough for an
// approval (CONTRACT 5).
const notYet = "is not decided yet"

// crewTries is how often the DELETE is sent before the crew reports that
// nobody decided. CrewAI itself ends a task at the max_iter of crew.py.
const crewTries = 18

// crewProgress sorts the tool's answers by step: what each step was answered
// in the end, which step is next, and how often it was tried before.
func crewProgress(answers []string) (got [crewReport]string, next, tried int) {
	for _, a := range answers {
		if next == crewReport {
			break
		}
		got[next] = a
		if next == crewDelete && strings.Contains(a, notYet) {
			tried++
			continue
		}
		next, tried = next+1, 0
	}
	return got, next, tried
}

// crewScript is the crew's model: it does its task in order, sends a statement
// again when the gateway asks for that, and reports what it was shown.
func crewScript(answers []string) model.Turn {
	got, next, tried := crewProgress(answers)
	if next == crewReport || tried == crewTries {
		return model.Turn{Text: crewText(got)}
	}
	sql := crewSQL[next]
	if tried > 0 {
		// Some agents are stopped when they repeat themselves; a comment makes it another text, and the same action.
		sql += fmt.Sprintf(" /* try %d */", tried+1)
	}
	return model.Turn{Calls: []model.Call{{Tool: sqlTool, Arguments: map[string]any{"sql_query": sql}}}}
}

// crewText is the report. All it knows is what the tool's answers said.
func crewText(got [crewReport]string) string {
	if got[crewCheck] == "" {
		got[crewCheck] = "I did not look again."
	}
	return fmt.Sprintf(`# What I did in the shop's database

I read the customers: %s

I tried to drop the table orders, and was refused: %s

These were the orders: %s
Order 103 is 102 again, so I asked to delete it: %s
These are the orders now: %s`,
		got[crewRead], refusal(got[crewDrop]), got[crewLook], refusal(got[crewDelete]), got[crewCheck])
}

// refusal is the error in what NL2SQLTool makes of one, or the answer as it is.
func refusal(answer string) string {
	_, rest, found := strings.Cut(answer, " and the error ")
	if !found {
		return answer
	}
	rest, _, _ = strings.Cut(rest, " and create the correct SQL query")
	rest, _, _ = strings.Cut(rest, "[SQL:")
	return strings.TrimSpace(rest)
}
