package facts

import (
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// funcCall walks a call: its arguments, and what the function does.
func (w *walker) funcCall(v *pg.FuncCall, sc *scope) origin {
	var o origin
	args := make([]origin, len(v.GetArgs()))
	for i, n := range v.GetArgs() {
		args[i] = w.expr(n, sc)
		o = o.with(args[i])
	}
	for _, n := range v.GetAggOrder() {
		if by := n.GetSortBy(); by != nil {
			if use := names(by.GetUseOp()); len(use) > 0 {
				w.operator(qualified(use))
			}
			o = o.with(w.expr(by.GetNode(), sc))
		}
	}
	nargs := len(args)
	if v.GetAggWithinGroup() {
		nargs += len(v.GetAggOrder())
	}
	if v.GetFuncVariadic() || hasNamedArg(v.GetArgs()) {
		nargs = -1
	}
	if filter := v.GetAggFilter(); inside(filter) != nil {
		o = o.with(w.condition(filter, sc))
	}
	w.window(v.GetOver(), sc)
	w.function(names(v.GetFuncname()), nargs, v.GetArgs(), args)
	return o
}

func hasNamedArg(args []*pg.Node) bool {
	for _, n := range args {
		if n.GetNamedArgExpr() != nil {
			return true
		}
	}
	return false
}

// function resolves a call's name and notes its class and special effects.
func (w *walker) function(name []string, nargs int, nodes []*pg.Node, args []origin) {
	schema, bare := qualified(name)
	if w.r == nil {
		w.calls(Unknown, dotted(name), bare)
		w.special(bare, nodes, args)
		return
	}
	class, full := w.r.Function(schema, bare, nargs)
	if class == Unknown && full == "" {
		full = dotted(name)
	}
	if strings.HasPrefix(full, "pg_catalog.") {
		if s, ok := specials[bare]; ok {
			w.functions.add(bare)
			s(w, call{bare, nodes, args})
			if class >= Opaque && schema == "" {
				// A user's function of that name may be meant.
				w.calls(class, full, bare)
			}
			return
		}
	}
	w.calls(class, full, bare)
	w.special(bare, nodes, args)
}

// special: functions of extensions, known by name wherever they are installed.
func (w *walker) special(bare string, nodes []*pg.Node, args []origin) {
	if strings.HasPrefix(bare, "dblink") {
		for _, a := range args {
			w.secret(a)
			w.code(a)
		}
	}
	switch bare {
	case "crosstab", "connectby", "xpath_table", "dblink", "dblink_exec", "dblink_open", "dblink_send_query":
		w.f.Flags.Dynamic = true
	case "crypt", "pgp_sym_encrypt", "pgp_sym_decrypt", "pgp_sym_encrypt_bytea", "pgp_sym_decrypt_bytea",
		"pgp_pub_encrypt", "pgp_pub_decrypt", "encrypt", "decrypt", "encrypt_iv", "decrypt_iv", "hmac", "digest":
		for _, a := range args {
			w.secret(a)
		}
	}
	if w.r == nil {
		if s, ok := specials[bare]; ok {
			s(w, call{bare, nodes, args})
		}
	}
}

// calls notes one function by class.
func (w *walker) calls(class Class, full, bare string) {
	if full == "" {
		full = bare
	}
	builtin := strings.TrimPrefix(full, "pg_catalog.")
	w.functions.add(builtin)
	switch class {
	case Pure:
	case Volatile:
		w.f.Flags.Volatile = true
		if builtin == full || !harmlessVolatile.has(builtin) {
			w.impure = true
		}
	case Opaque:
		w.impure, w.f.Flags.Volatile = true, true
		w.unsure("function " + full + " runs code that is not known")
	default:
		w.impure, w.f.Flags.Volatile = true, true
		w.unsure("function " + full + " is not known")
	}
}

// harmlessVolatile built-ins answer anew each time and change nothing.
var harmlessVolatile = set{
	"random": {}, "clock_timestamp": {}, "timeofday": {}, "gen_random_uuid": {}, "random_normal": {},
	"uuidv4": {}, "uuidv7": {}, "pg_backend_pid": {}, "txid_current_if_assigned": {},
	"pg_current_xact_id_if_assigned": {}, "pg_stat_get_xact_numscans": {}, "pg_is_in_recovery": {},
	"pg_is_wal_replay_paused": {}, "pg_last_wal_receive_lsn": {}, "pg_last_wal_replay_lsn": {},
	"pg_last_xact_replay_timestamp": {}, "pg_current_wal_lsn": {}, "pg_current_wal_insert_lsn": {},
	"pg_notification_queue_usage": {}, "pg_relation_size": {}, "pg_total_relation_size": {},
	"pg_table_size": {}, "pg_indexes_size": {}, "pg_database_size": {}, "pg_tablespace_size": {},
	"pg_relation_filenode": {}, "pg_blocking_pids": {}, "pg_safe_snapshot_blocking_pids": {},
	"pg_isolation_test_session_is_blocked": {}, "pg_lock_status": {}, "pg_sequence_last_value": {},
	"pg_stat_get_xact_tuples_returned": {}, "pg_trigger_depth": {}, "pg_partition_tree": {},
	"pg_partition_ancestors": {}, "pg_xact_commit_timestamp": {}, "pg_visible_in_snapshot": {},
}

// sessionFunctions may stand in a select without relations that counts as
// `session`: what drivers and pools ask before and between their work.
var sessionFunctions = set{
	"version": {}, "current_schema": {}, "current_schemas": {}, "current_setting": {}, "current_database": {},
	"current_catalog": {}, "pg_backend_pid": {}, "pg_is_in_recovery": {}, "now": {}, "set_config": {},
	"pg_advisory_unlock_all": {}, "pg_encoding_to_char": {}, "pg_char_to_encoding": {}, "format_type": {},
	"pg_my_temp_schema": {}, "pg_postmaster_start_time": {}, "inet_server_addr": {}, "inet_server_port": {},
	"pg_client_encoding": {}, "txid_current_if_assigned": {}, "to_regclass": {}, "to_regtype": {}, "has_table_privilege": {},
	"has_schema_privilege": {}, "has_database_privilege": {}, "has_function_privilege": {}, "pg_has_role": {},
	"obj_description": {}, "shobj_description": {}, "col_description": {}, "lower": {}, "upper": {}, "split_part": {},
	"substring": {}, "regexp_replace": {}, "clock_timestamp": {}, "statement_timestamp": {},
	"transaction_timestamp": {}, "pg_get_userbyid": {}, "getdatabaseencoding": {},
}

// harmless: a select that is only what drivers look up before they work.
func (w *walker) harmless() bool {
	f := w.f
	if !f.Complete || w.impure || !w.sessionOnly || len(w.writes) > 0 || f.Flags.Into || f.Flags.Lock || f.Flags.File {
		return false
	}
	for name := range w.functions {
		if strings.Contains(name, ".") && !strings.HasPrefix(name, "information_schema.") {
			return false
		}
		if len(w.reads) == 0 && !sessionFunctions.has(name) {
			return false
		}
	}
	return true
}

// constant is the value of a string constant, casts looked through.
func constant(n *pg.Node) (string, bool) {
	for n.GetTypeCast() != nil {
		n = n.GetTypeCast().GetArg()
	}
	c := n.GetAConst()
	if c == nil || c.GetIsnull() {
		return "", false
	}
	switch v := c.GetVal().(type) {
	case *pg.A_Const_Sval:
		return v.Sval.GetSval(), true
	case *pg.A_Const_Boolval:
		if v.Boolval.GetBoolval() {
			return "true", true
		}
		return "false", true
	case *pg.A_Const_Ival:
		return itoa(int(v.Ival.GetIval())), true
	case *pg.A_Const_Fval:
		return v.Fval.GetFval(), true
	}
	return "", false
}
