package postgres

import (
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"sluice.dev/proxy/protocol/postgres/facts"
	"sluice.dev/proxy/protocol/postgres/lineage"
)

// Where the server prints its analysis, client_min_messages has to stay at log
// in the session. The gateway plays the setting for the client: what is below
// the level that the client has set is not passed on. SHOW says log.

// levels is client_min_messages as the client has set it; "" is notice, the
// server's default. before is the session's own value while a transaction has
// one that its end takes back.
type levels struct {
	now, before string
	local       bool
}

// severities from the least to the greatest, as client_min_messages orders
// them (PostgreSQL 20.8.2).
var severities = []string{"debug5", "debug4", "debug3", "debug2", "debug1", "log", "notice", "warning", "error"}

// wantsNotice says whether the client has asked for messages of a severity
// (field V of PostgreSQL 55.8).
func (m *machine) wantsNotice(severity string) bool {
	s := strings.ToLower(severity)
	if s == "debug" {
		s = "debug1"
	}
	at := slices.Index(severities, s)
	if at < 0 {
		return true // INFO is always sent
	}
	level := m.lens.levels.now
	if level == "" {
		level = "notice"
	}
	return at >= slices.Index(severities, level)
}

// guarded are the settings that the printing of trees hangs on, and that keep
// the trees out of the server's log.
var guarded = []string{"debug_print_parse", "debug_print_plan", "debug_print_raw_parse", "debug_print_rewritten", "debug_pretty_print", "log_min_messages"}

// guard refuses what would switch the server's printing off, and notes
// what a SET of client_min_messages is to do.
func (a *analysis) guard(stmt *facts.Statement, verdicts []lineage.Verdict) {
	refuse := func(i int, name string) {
		v := &verdicts[i]
		if v.Refuse == "" {
			v.Refuse = "server lineage: " + name + " may not be changed in this session, masks need it as it is"
			v.Hint = "Leave it out."
			if name == "client_min_messages" {
				v.Hint = "Use SET client_min_messages by itself."
			}
		}
	}
	for i := range stmt.Stmts {
		v := stmt.Stmts[i].Tree.GetVariableSetStmt()
		if v == nil {
			continue
		}
		name := strings.ToLower(v.GetName())
		switch {
		case slices.Contains(guarded, name):
			refuse(i, name)
		case name == "client_min_messages":
			level, ok := levelOf(v)
			if len(stmt.Stmts) > 1 || !ok {
				refuse(i, name)
				continue
			}
			a.level = &levelChange{level: level, local: v.GetIsLocal(), reset: v.GetKind() == pg.VariableSetKind_VAR_RESET}
		}
	}
	for _, s := range a.own.Settings {
		name := strings.ToLower(s.Name)
		if slices.Contains(guarded, name) || name == "client_min_messages" && a.level == nil {
			refuse(0, name)
		}
	}
}

// levelChange is a SET client_min_messages.
type levelChange struct {
	level        string
	local, reset bool
}

func levelOf(v *pg.VariableSetStmt) (string, bool) {
	switch v.GetKind() {
	case pg.VariableSetKind_VAR_RESET, pg.VariableSetKind_VAR_SET_DEFAULT:
		return "", true
	case pg.VariableSetKind_VAR_SET_VALUE:
		if len(v.GetArgs()) != 1 {
			return "", false
		}
		level := strings.ToLower(v.GetArgs()[0].GetAConst().GetSval().GetSval())
		if level == "debug" {
			level = "debug2" // as the server has it
		}
		return level, slices.Contains(severities, level)
	}
	return "", false
}

// playedName takes the setting's place in what the server reads, so that it
// answers as to any SET.
const playedName = "sluice.client_min_messages"

// played is the text that the server gets for a SET of client_min_messages.
func (c *levelChange) played() string {
	local := ""
	if c.local {
		local = "LOCAL "
	}
	if c.reset {
		return "RESET " + playedName
	}
	if c.level == "" {
		return "SET " + local + playedName + " TO DEFAULT"
	}
	return "SET " + local + playedName + " TO '" + c.level + "'"
}

// set notes that a change goes out.
func (l *levels) set(c *levelChange, inTransaction bool) {
	if c.local && !inTransaction {
		return // without effect, and a warning of the server's
	}
	if inTransaction && !l.local {
		l.before, l.local = l.now, true
	}
	if !c.local {
		// Kept if the transaction commits; a rollback is rare, and then the
		// client sees a few notices more or less.
		l.before = c.level
	}
	l.now = c.level
}

// ended takes back what held for a transaction only.
func (l *levels) ended() {
	if l.local {
		l.now, l.local = l.before, false
	}
}
