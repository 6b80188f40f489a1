package facts

import (
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// call is one call of a built-in function with effects of its own.
type call struct {
	name  string
	nodes []*pg.Node
	args  []origin
}

type special func(w *walker, c call)

// specials are the built-ins whose name says more than their volatility does
// (masking.md 6).
var specials = map[string]special{}

func init() {
	each := func(s special, list string) {
		for _, name := range strings.Fields(list) {
			specials[name] = s
		}
	}
	each((*walker).callSetConfig, "set_config")
	each((*walker).callSequence, "nextval setval currval lastval")
	each((*walker).callRunsSQL, `query_to_xml query_to_xmlschema query_to_xml_and_xmlschema cursor_to_xml
		cursor_to_xmlschema ts_stat`)
	each((*walker).callRewrite, "ts_rewrite")
	each((*walker).callReadsTable, "table_to_xml table_to_xmlschema table_to_xml_and_xmlschema")
	each((*walker).callReadsAll, `schema_to_xml schema_to_xmlschema schema_to_xml_and_xmlschema database_to_xml
		database_to_xmlschema database_to_xml_and_xmlschema`)
	each(effect("notify"), "pg_notify")
	each((*walker).callLock, `pg_advisory_lock pg_advisory_lock_shared pg_advisory_xact_lock
		pg_advisory_xact_lock_shared pg_try_advisory_lock pg_try_advisory_lock_shared pg_try_advisory_xact_lock
		pg_try_advisory_xact_lock_shared pg_advisory_unlock pg_advisory_unlock_shared`)
	each(func(*walker, call) {}, "pg_advisory_unlock_all")
	each(largeObject("select"), "loread lo_get lo_lseek lo_lseek64 lo_tell lo_tell64 lo_close")
	each(largeObject("select", "update"), "lo_open")
	each(largeObject("create"), "lo_creat lo_create lo_from_bytea")
	each(largeObject("update"), "lowrite lo_put lo_truncate lo_truncate64")
	each(largeObject("drop"), "lo_unlink")
	each((*walker).callFile, `pg_read_file pg_read_file_all pg_read_file_off pg_read_binary_file pg_read_binary_file_all pg_read_binary_file_off pg_read_file_old pg_stat_file pg_ls_dir pg_ls_logdir pg_ls_waldir
		pg_ls_archive_statusdir pg_ls_tmpdir pg_ls_logicalsnapdir pg_ls_logicalmapdir pg_ls_replslotdir
		pg_hba_file_rules pg_ident_file_mappings pg_show_all_file_settings pg_current_logfile`)
	each((*walker).callFileImport, "lo_import")
	each((*walker).callFileExport, "lo_export")
	each(sensitive("pg_catalog.pg_stat_activity"), "pg_stat_get_activity pg_stat_get_backend_activity")
	each(sensitive("pg_catalog.pg_prepared_statements"), "pg_prepared_statement")
	each(sensitive("pg_catalog.pg_cursors"), "pg_cursor")
	each(sensitive("pg_catalog.pg_prepared_xacts"), "pg_prepared_xact")
	each(effect("other"), `pg_terminate_backend pg_cancel_backend pg_reload_conf pg_rotate_logfile pg_rotate_logfile_old
		pg_log_backend_memory_contexts pg_switch_wal pg_create_restore_point pg_backup_start pg_backup_stop
		pg_start_backup pg_stop_backup pg_promote pg_wal_replay_pause pg_wal_replay_resume pg_log_standby_snapshot
		pg_create_physical_replication_slot pg_create_logical_replication_slot pg_drop_replication_slot
		pg_copy_physical_replication_slot pg_copy_logical_replication_slot pg_replication_slot_advance
		pg_logical_slot_get_changes pg_logical_slot_peek_changes pg_logical_slot_get_binary_changes
		pg_logical_slot_peek_binary_changes pg_logical_emit_message pg_sync_replication_slots
		pg_replication_origin_create pg_replication_origin_drop pg_replication_origin_advance
		pg_replication_origin_session_setup pg_replication_origin_session_reset
		pg_replication_origin_xact_setup pg_replication_origin_xact_reset pg_import_system_collations
		pg_stat_reset pg_stat_reset_shared pg_stat_reset_single_table_counters pg_stat_reset_single_function_counters
		pg_stat_reset_slru pg_stat_reset_replication_slot pg_stat_reset_subscription_stats pg_stat_clear_snapshot
		pg_stat_force_next_flush brin_summarize_new_values brin_summarize_range brin_desummarize_range
		gin_clean_pending_list pg_extension_config_dump pg_export_snapshot pg_nextoid pg_stop_making_pinned_objects
		pg_set_relation_stats pg_set_attribute_stats pg_restore_relation_stats pg_restore_attribute_stats
		pg_clear_relation_stats pg_clear_attribute_stats pg_collation_actual_version`)
}

// effect is a function that does one of the listed operations, all told by its name.
func effect(operation string) special {
	return func(w *walker, c call) {
		w.impure, w.f.Flags.Volatile = true, true
		w.op(operation)
	}
}

// sensitive is a function behind a view that shows data of others.
func sensitive(view string) special {
	return func(w *walker, _ call) {
		w.reads.add(view)
		w.sessionOnly = false
	}
}

const largeObjects = "pg_catalog.pg_largeobject"

// largeObject is a function of the large-object interface (PostgreSQL 35.4).
func largeObject(operations ...string) special {
	return func(w *walker, c call) {
		w.op(operations...)
		w.impure, w.sessionOnly, w.f.Flags.Volatile = true, false, true
		for _, op := range operations {
			if op == "select" {
				w.reads.add(largeObjects)
			} else {
				w.writes.add(largeObjects)
			}
		}
	}
}

func (w *walker) callSetConfig(c call) {
	if len(c.nodes) != 3 {
		w.unsure("set_config with " + itoa(len(c.nodes)) + " arguments")
		return
	}
	w.f.literalMatters = true
	w.f.Flags.Volatile = true
	name, ok := constant(c.nodes[0])
	if !ok {
		w.impure = true
		w.op("set")
		w.unsure("set_config of a setting that is not a constant")
		w.anySetting()
		return
	}
	value, known := constant(c.nodes[1])
	local, _ := constant(c.nodes[2])
	w.setting(Setting{Name: fold(name), Value: value, Known: known, Local: local == "true" || local == "t"})
}

func (w *walker) callSequence(c call) {
	w.f.literalMatters = true
	if c.name == "lastval" || c.name == "currval" {
		w.f.Flags.Volatile = true
		return
	}
	w.impure, w.f.Flags.Volatile, w.sessionOnly = true, true, false
	if c.name == "setval" {
		w.op("update")
	}
	rel, ok := w.regclass(c)
	if !ok {
		w.unsure(c.name + " of a sequence that is not a constant or not known")
		return
	}
	w.writes.add(rel.ID())
}

// regclass resolves a first argument that names a relation, as regclass input does.
func (w *walker) regclass(c call) (*Relation, bool) {
	if len(c.nodes) == 0 || w.r == nil {
		return nil, false
	}
	text, ok := constant(c.nodes[0])
	if !ok {
		return nil, false
	}
	list, ok := splitName(text)
	if !ok || len(list) > 2 {
		return nil, false
	}
	schema, name := qualified(list)
	rel, ok := w.r.Relation(schema, name)
	return &rel, ok
}

// splitName reads a qualified name as stringToQualifiedNameList does.
func splitName(s string) (list []string, ok bool) {
	l := lex(s)
	if l.bad || len(l.tokens)%2 == 0 {
		return nil, false
	}
	for i, t := range l.tokens {
		text := t.text(s)
		switch {
		case i%2 == 1:
			if text != "." {
				return nil, false
			}
		case t.kind == tokIdent:
			list = append(list, fold(text))
		case t.kind == tokQuoted && text[0] == '"':
			list = append(list, strings.ReplaceAll(text[1:len(text)-1], `""`, `"`))
		default:
			return nil, false
		}
	}
	return list, true
}

func (w *walker) callRunsSQL(c call) {
	w.impure, w.sessionOnly = true, false
	w.f.Flags.Dynamic, w.f.Flags.Volatile = true, true
	for _, a := range c.args {
		w.code(a)
	}
	w.unsure(c.name + " runs SQL given as text")
}

func (w *walker) callRewrite(c call) {
	if len(c.args) == 3 {
		return
	}
	w.callRunsSQL(c)
}

func (w *walker) callReadsTable(c call) {
	w.f.literalMatters, w.sessionOnly = true, false
	if rel, ok := w.regclass(c); ok {
		w.read(rel)
		for _, name := range rel.Columns {
			w.touch(rel.ID() + "." + name)
		}
		return
	}
	w.unsure(c.name + " of a relation that is not a constant or not known")
}

func (w *walker) callReadsAll(c call) {
	w.sessionOnly = false
	w.unsure(c.name + " reads every relation")
}

func (w *walker) callLock(call) {
	w.op("lock")
	w.impure, w.f.Flags.Lock, w.f.Flags.Volatile = true, true, true
}

func (w *walker) callFile(call) {
	w.impure, w.sessionOnly, w.f.Flags.File = true, false, true
}

func (w *walker) callFileImport(c call) {
	largeObject("create")(w, c)
	w.callFile(c)
}

func (w *walker) callFileExport(c call) {
	largeObject("select")(w, c)
	w.callFile(c)
}

// largeObjectOIDs are pg_proc OIDs, the same in every major version.
var largeObjectOIDs = map[uint32]string{
	715: "lo_create", 952: "lo_open", 953: "lo_close", 954: "loread", 955: "lowrite", 956: "lo_lseek",
	957: "lo_creat", 958: "lo_tell", 964: "lo_unlink", 1004: "lo_truncate", 3170: "lo_lseek64",
	3171: "lo_tell64", 3172: "lo_truncate64", 3457: "lo_from_bytea", 3458: "lo_get", 3459: "lo_get", 3460: "lo_put",
}

// LargeObjectFunction is the name in pg_catalog of a function that the
// protocol's FunctionCall message (55.2.4) may name by OID, so that it is
// decided as its SQL form. Files of the server (lo_import, lo_export) are not
// among them, nor is any other function.
func LargeObjectFunction(oid uint32) (name string, ok bool) {
	name, ok = largeObjectOIDs[oid]
	return name, ok
}

// FunctionCall says whether a function is one of those by name, and its facts:
// those of SELECT schema.name($1, …).
func FunctionCall(schema, name string, nargs int) (f *Facts, ok bool) {
	s, ok := specials[name]
	if schema != "pg_catalog" || !ok || !strings.HasPrefix(name, "lo") || name == "lo_import" || name == "lo_export" || nargs > 8 {
		return nil, false
	}
	args := make([]string, nargs)
	for i := range args {
		args[i] = "$" + itoa(i+1)
	}
	text := "SELECT pg_catalog." + name + "(" + strings.Join(args, ", ") + ")"
	l := lex(text)
	w := newWalker(&Statement{Text: text, Params: nargs, tokens: l.tokens, shape: shape(text, l.tokens)}, nil)
	w.f.Resolved = "catalog"
	w.op("select")
	w.functions.add(name)
	s(w, call{name: name})
	w.verb, w.targets = "CALL", []string{name}
	return w.done(), true
}
