package catalog

import "strings"

// sensitiveColumns are columns of the system's own relations that hold samples
// of data, other clients' statements, or secrets (masking.md 6). "*" is every
// column. The names cover majors 14 to 18; one that a server lacks does
// nothing.
var sensitiveColumns = map[string]string{
	"pg_catalog.pg_statistic": "stawidth stanumbers1 stanumbers2 stanumbers3 stanumbers4 stanumbers5" +
		" stavalues1 stavalues2 stavalues3 stavalues4 stavalues5",
	"pg_catalog.pg_stats": "avg_width most_common_vals most_common_freqs histogram_bounds correlation most_common_elems" +
		" most_common_elem_freqs elem_count_histogram range_length_histogram range_empty_frac range_bounds_histogram",
	"pg_catalog.pg_statistic_ext_data": "*",
	"pg_catalog.pg_stats_ext": "n_distinct dependencies most_common_vals most_common_val_nulls most_common_freqs" +
		" most_common_base_freqs",
	"pg_catalog.pg_stats_ext_exprs": "avg_width n_distinct most_common_vals most_common_freqs histogram_bounds correlation" +
		" most_common_elems most_common_elem_freqs elem_count_histogram range_length_histogram range_empty_frac" +
		" range_bounds_histogram",
	"pg_catalog.pg_stat_activity":             "query",
	"pg_catalog.pg_prepared_statements":       "statement",
	"pg_catalog.pg_cursors":                   "statement",
	"pg_catalog.pg_backend_memory_contexts":   "ident",
	"pg_catalog.pg_largeobject":               "data",
	"pg_catalog.pg_attribute":                 "attmissingval",
	"pg_catalog.pg_authid":                    "rolpassword",
	"pg_catalog.pg_shadow":                    "passwd",
	"pg_catalog.pg_user_mapping":              "umoptions",
	"pg_catalog.pg_user_mappings":             "umoptions",
	"information_schema._pg_user_mappings":    "umoptions",
	"information_schema.user_mapping_options": "option_value",
	"pg_catalog.pg_subscription":              "subconninfo",
	"pg_catalog.pg_stat_wal_receiver":         "conninfo",
	"pg_catalog.pg_hba_file_rules":            "options",
	"pg_catalog.pg_file_settings":             "setting",
}

// sensitiveElsewhere are relations of extensions, by name in any schema.
var sensitiveElsewhere = map[string]string{
	"pg_stat_statements": "query",
}

// sensitive answers the columns of masking.md 6 of a relation, which a user
// did not make: nil for none, ["*"] for all.
func (r *Relation) sensitive() []string {
	if r.Kind == 't' { // the long values of any table
		return []string{"*"}
	}
	if r.System() {
		return strings.Fields(sensitiveColumns[r.ID()])
	}
	if r.Kind == 'v' {
		return strings.Fields(sensitiveElsewhere[r.Name])
	}
	return nil
}

// Functions by what they can reach although they are the system's or an
// extension's own (masking.md 6). The names count in every schema: an
// extension can be put anywhere.
//
// pg_input_is_valid (16), domain_in and the like take a type as data: they run
// the checks of a domain that no other part of the statement names.
var (
	deniedFunctions = words(`query_to_xml query_to_xmlschema query_to_xml_and_xmlschema cursor_to_xml cursor_to_xmlschema
 ts_stat ts_rewrite dblink dblink_exec dblink_connect dblink_connect_u dblink_send_query dblink_open dblink_fetch dblink_close
 dblink_get_result dblink_build_sql_insert dblink_build_sql_update dblink_build_sql_delete dblink_get_notify
 crosstab crosstab2 crosstab3 crosstab4 connectby xpath_table
 pg_read_file pg_read_binary_file pg_read_file_old pg_read_file_all pg_file_write pg_file_read pg_file_sync pg_file_rename
 pg_file_unlink pg_logdir_ls pg_ls_dir pg_ls_logdir pg_ls_waldir pg_ls_tmpdir pg_ls_archive_statusdir pg_ls_logicalmapdir
 pg_ls_logicalsnapdir pg_ls_replslotdir pg_stat_file pg_current_logfile lo_export lo_import
 pg_logical_slot_get_changes pg_logical_slot_peek_changes pg_logical_slot_get_binary_changes
 pg_logical_slot_peek_binary_changes pg_walfile_name_offset
 pg_ls_summariesdir pg_wal_summary_contents pg_get_logical_snapshot_meta pg_get_logical_snapshot_info
 get_raw_page heap_page_items heap_page_item_attrs heap_tuple_infomask_flags tuple_data_split page_header fsm_page_contents
 bt_page_items bt_page_stats bt_metap bt_multi_page_stats brin_page_items brin_revmap_data brin_metapage_info
 gin_leafpage_items gin_page_opaque_info gin_metapage_info gist_page_items gist_page_items_bytea gist_page_opaque_info
 hash_page_items hash_page_stats hash_bitmap_info hash_metapage_info
 pg_get_wal_record_info pg_get_wal_records_info pg_get_wal_records_info_till_end_of_wal pg_get_wal_block_info
 binary_upgrade_set_missing_value pg_restore_relation_stats pg_restore_attribute_stats pg_clear_attribute_stats
 pg_clear_relation_stats
 lo_manage brin_summarize_new_values brin_summarize_range`)
	revealingFunctions = words(`table_to_xml table_to_xml_and_xmlschema schema_to_xml schema_to_xml_and_xmlschema
 database_to_xml database_to_xml_and_xmlschema
 lo_get loread pg_stat_get_activity pg_stat_get_backend_activity pg_prepared_statement pg_cursor
 pg_get_backend_memory_contexts pg_stat_statements pg_mcv_list_items pg_show_all_file_settings pg_hba_file_rules
 pg_stat_get_wal_receiver pg_input_is_valid pg_input_error_info domain_in array_in record_in range_in multirange_in
 pg_get_publication_tables pg_notification_queue_usage currtid2 pg_column_toast_chunk_id`)
)

// pureExtensions are those whose C functions compute from their arguments and
// nothing else (masking.md 5).
var pureExtensions = words(`pgcrypto uuid-ossp citext hstore pg_trgm ltree intarray unaccent fuzzystrmatch btree_gin btree_gist
 cube earthdistance isn seg tcn postgis vector`)

func words(s string) map[string]bool {
	m := make(map[string]bool)
	for _, w := range strings.Fields(s) {
		m[w] = true
	}
	return m
}
