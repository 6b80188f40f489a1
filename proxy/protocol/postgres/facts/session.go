package facts

import (
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// harmlessSettings change how values are shown, how long a statement may take
// or how it is planned, never what a name means, who acts or what is stored.
// They are what drivers, pg_dump, Rails, Django and SQLAlchemy set.
var harmlessSettings = set{
	"application_name": {}, "bytea_output": {}, "check_function_bodies": {}, "client_min_messages": {},
	"datestyle": {}, "default_transaction_deferrable": {}, "default_transaction_isolation": {},
	"default_transaction_read_only": {}, "escape_string_warning": {}, "extra_float_digits": {},
	"geqo": {}, "idle_in_transaction_session_timeout": {}, "idle_session_timeout": {}, "intervalstyle": {},
	"jit": {}, "jit_above_cost": {}, "lock_timeout": {}, "plan_cache_mode": {}, "quote_all_identifiers": {},
	"row_security": {}, "statement_timeout": {}, "synchronize_seqscans": {}, "timezone": {},
	"transaction_deferrable": {}, "transaction_isolation": {}, "transaction_read_only": {},
	"transaction_timeout": {}, "xmloption": {}, "xmlbinary": {}, "from_collapse_limit": {},
	"join_collapse_limit": {}, "cursor_tuple_fraction": {}, "default_tablespace": {},
	"default_table_access_method": {}, "restrict_nonsystem_relation_kind": {},
}

// Harmless says whether setting a parameter counts as `session` (CONTRACT 3).
// Client encodings other than UTF8 are not: a text would mean one thing to
// the parser and another to the server.
func (s Setting) Harmless() bool {
	value := strings.ToLower(s.Value)
	switch s.Name {
	case "standard_conforming_strings":
		return s.Known && (value == "on" || value == "true" || value == "1" || value == "yes") // not by prefix
	case "client_encoding", "names":
		return s.Known && UTF8(s.Value)
	}
	return harmlessSettings.has(s.Name) || strings.HasPrefix(s.Name, "enable_")
}

// HarmlessSetting is [Setting.Harmless] for a parameter of the startup packet.
func HarmlessSetting(name, value string) bool {
	return Setting{Name: strings.ToLower(name), Value: value, Known: true}.Harmless()
}

// UTF8 says whether PostgreSQL reads an encoding's name as UTF-8.
func UTF8(name string) bool {
	plain := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, strings.ToLower(name))
	return plain == "utf8" || plain == "unicode"
}

// setting notes one parameter that the statement sets.
func (w *walker) setting(s Setting) {
	w.f.Settings = append(w.f.Settings, s)
	w.f.ChangesSettings = true
	w.f.literalMatters = true
	switch s.Name {
	case "search_path", "temp_tablespaces":
		w.f.ChangesPath = true
	case "role", "session_authorization":
		w.f.ChangesRole = true
	}
	if s.Harmless() {
		if len(w.operations) == 0 {
			w.op("session")
		}
		return
	}
	w.op("set")
	w.impure = true
}

// anySetting: which one is not known.
func (w *walker) anySetting() {
	w.f.ChangesSettings, w.f.ChangesPath, w.f.ChangesRole = true, true, true
}

func (w *walker) variableSet(v *pg.VariableSetStmt) {
	w.verb = "SET"
	name := strings.ToLower(v.GetName())
	s := Setting{Name: name, Local: v.GetIsLocal()}
	switch v.GetKind() {
	case pg.VariableSetKind_VAR_SET_MULTI:
		// TRANSACTION, SESSION CHARACTERISTICS, TRANSACTION SNAPSHOT.
		w.op("session")
		w.f.ChangesSettings = true
		w.targets = []string{name}
		return
	case pg.VariableSetKind_VAR_RESET_ALL:
		w.op("session")
		w.anySetting()
		w.f.Settings = append(w.f.Settings, Setting{Default: true})
		w.verb, w.targets = "RESET", []string{"all"}
		return
	case pg.VariableSetKind_VAR_RESET, pg.VariableSetKind_VAR_SET_DEFAULT:
		s.Default, s.Known = true, true
		if v.GetKind() == pg.VariableSetKind_VAR_RESET {
			w.verb = "RESET"
		}
	case pg.VariableSetKind_VAR_SET_VALUE:
		var parts []string
		s.Known = true
		for _, n := range v.GetArgs() {
			part, ok := constant(n)
			s.Known = s.Known && ok
			parts = append(parts, part)
		}
		s.Value = strings.Join(parts, ", ")
	case pg.VariableSetKind_VAR_SET_CURRENT:
	default:
		w.unsure("SET of an unknown kind")
	}
	if s.Default && (name == "standard_conforming_strings" || name == "client_encoding") {
		// The gateway's own start-up chose the defaults: on and UTF8.
		s.Value = map[string]string{"standard_conforming_strings": "on", "client_encoding": "utf8"}[name]
	}
	w.targets = []string{name}
	w.setting(s)
}

var transactionKinds = map[pg.TransactionStmtKind]string{
	pg.TransactionStmtKind_TRANS_STMT_BEGIN:             "begin",
	pg.TransactionStmtKind_TRANS_STMT_START:             "begin",
	pg.TransactionStmtKind_TRANS_STMT_COMMIT:            "commit",
	pg.TransactionStmtKind_TRANS_STMT_ROLLBACK:          "rollback",
	pg.TransactionStmtKind_TRANS_STMT_SAVEPOINT:         "savepoint",
	pg.TransactionStmtKind_TRANS_STMT_RELEASE:           "release",
	pg.TransactionStmtKind_TRANS_STMT_ROLLBACK_TO:       "rollback_to",
	pg.TransactionStmtKind_TRANS_STMT_PREPARE:           "prepare",
	pg.TransactionStmtKind_TRANS_STMT_COMMIT_PREPARED:   "commit_prepared",
	pg.TransactionStmtKind_TRANS_STMT_ROLLBACK_PREPARED: "rollback_prepared",
}

func (w *walker) transaction(v *pg.TransactionStmt) {
	kind := transactionKinds[v.GetKind()]
	w.f.Transaction = kind
	w.verb = strings.ToUpper(strings.ReplaceAll(kind, "_", " "))
	switch kind {
	case "commit":
		w.op("session")
		w.f.Exempt, w.impure = true, true
	case "rollback":
		w.op("session")
		w.f.Exempt = true
		// A rollback takes back SET, and temporary objects with it.
		w.undone()
	case "rollback_to":
		w.op("session")
		w.f.Exempt = true
		w.undone()
	case "begin", "savepoint", "release":
		w.op("session")
	case "prepare", "commit_prepared", "rollback_prepared":
		w.op("other")
		w.impure = true
	default:
		w.op("other")
		w.unsure("transaction control of an unknown kind")
	}
}

func (w *walker) undone() {
	w.anySetting()
	w.f.ChangesTemp = true
}

// describe is the short form for people: verb and at most three targets.
func (w *walker) describe() string {
	verb := w.verb
	if verb == "" {
		var ops []string
		for _, op := range w.f.Operations {
			if (op != "session" || len(w.f.Operations) == 1) && !w.wrapped.has(op) {
				ops = append(ops, strings.ToUpper(strings.ReplaceAll(op, "_", " ")))
			}
		}
		verb = strings.Join(ops, ", ")
		if verb == "SESSION" {
			verb = "SELECT"
		}
	}
	var list []string
	for _, t := range w.targets {
		if t != "" && !slices.Contains(list, t) {
			list = append(list, t)
		}
	}
	if len(list) > 3 {
		list = append(list[:3], "…")
	}
	switch {
	case len(list) == 0:
	case onVerbs.has(w.verb) || w.verb == "":
		verb += " on "
	default:
		verb += " "
	}
	return w.prefix + verb + strings.Join(list, ", ")
}

var onVerbs = set{"GRANT": {}, "REVOKE": {}}

// target names something for the description.
func (w *walker) target(name string) { w.targets = append(w.targets, name) }
