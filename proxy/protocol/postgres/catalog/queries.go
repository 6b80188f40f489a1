package catalog

// The catalog queries. They run in one read-only transaction whose search_path
// is pg_catalog alone, so that nobody's operator or function can stand in for
// the system's. OIDs below 16384 were given by initdb.
const (
	sqlServer  = `select current_setting('server_version_num'), current_database(), current_user`
	sqlSchemas = `select nspname from pg_namespace`

	sqlRelations = `select c.oid, n.nspname, c.relname, c.relkind, c.relpersistence, c.reltype
 from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind not in ('i','I')`

	sqlColumns = `select a.attrelid, a.attnum, case when a.attisdropped then '' else a.attname end, a.atttypid, a.attgenerated
 from pg_attribute a join pg_class c on c.oid = a.attrelid
 where a.attnum > 0 and c.relkind not in ('i','I') order by 1, 2`

	sqlInherits = `select inhrelid, inhparent from pg_inherits`

	sqlConstraints = `select contype, conrelid, contypid, confrelid, array_to_string(conkey, ','), array_to_string(confkey, ','),
 confdeltype, confupdtype, conbin from pg_constraint where contype in ('f','c')`

	sqlRewrite = `select ev_class, ev_type, rulename, ev_action, ev_qual from pg_rewrite`

	sqlViewColumns = `select w.ev_class, d.refobjid, d.refobjsubid from pg_depend d join pg_rewrite w on w.oid = d.objid
 where d.classid = 'pg_rewrite'::regclass and d.refclassid = 'pg_class'::regclass and d.refobjsubid > 0
 and w.rulename = '_RETURN' and d.refobjid <> w.ev_class`

	sqlTriggers = `select tgrelid, tgfoid, tgtype, tgqual from pg_trigger where not tgisinternal and tgenabled <> 'D'`

	sqlDefaults = `select adrelid, adnum, adbin from pg_attrdef`

	sqlIndexes = `select indrelid, indexprs, indpred from pg_index where indexprs is not null or indpred is not null`

	sqlPolicies = `select polrelid, polqual, polwithcheck from pg_policy`

	sqlPartitions = `select partrelid, partexprs from pg_partitioned_table where partexprs is not null`

	sqlFunctions = `select p.oid, n.nspname, p.proname, l.lanname, p.prokind, p.provolatile, p.proretset, p.pronargs,
 p.pronargdefaults, p.provariadic <> 0, p.prorettype, p.proargtypes,
 array_to_string(p.proargmodes, ','), case when p.proargmodes is not null then to_json(p.proargnames) end,
 case when p.oid >= 16384 and l.lanname in ('sql', 'plpgsql') then p.prosrc || ' ' || coalesce(pg_get_function_sqlbody(p.oid), '') end,
 case when p.oid >= 16384 then p.proargdefaults end
 from pg_proc p join pg_namespace n on n.oid = p.pronamespace join pg_language l on l.oid = p.prolang`

	sqlExtensions = `select d.objid, e.extname from pg_depend d join pg_extension e on e.oid = d.refobjid
 where d.classid = 'pg_proc'::regclass and d.refclassid = 'pg_extension'::regclass and d.deptype = 'e'`

	sqlAggregates = `select aggfnoid::oid, aggtransfn::oid, aggfinalfn::oid, aggcombinefn::oid, aggserialfn::oid, aggdeserialfn::oid,
 aggmtransfn::oid, aggminvtransfn::oid, aggmfinalfn::oid from pg_aggregate where aggfnoid >= 16384`

	sqlOperators = `select o.oid, n.nspname, o.oprname, o.oprleft, o.oprright, o.oprcode::oid
 from pg_operator o join pg_namespace n on n.oid = o.oprnamespace`

	sqlCasts = `select castsource, casttarget, castfunc, castcontext from pg_cast where oid >= 16384`

	sqlTypes = `select t.oid, n.nspname, t.typname, t.typtype, t.typcategory, t.typbasetype, t.typelem, t.typrelid,
 case when t.oid >= 16384 then concat_ws(',', t.typinput::oid, t.typoutput::oid, t.typreceive::oid, t.typsend::oid) end
 from pg_type t join pg_namespace n on n.oid = t.typnamespace`

	sqlRanges = `select rngtypid, rngmultitypid, rngsubtype, rngcanonical::oid, rngsubdiff::oid from pg_range where rngtypid >= 16384`

	sqlEventTriggers = `select evtfoid from pg_event_trigger where evtenabled <> 'D'`

	// The sums do not depend on the order of rows. xmin changes with every new
	// version of a row; pg_class is updated in place by VACUUM and ANALYZE.
	sqlHash = `select concat_ws('.',
 (select sum(hashoidextended(oid, xmin::text::int8)) from pg_class where relkind not in ('i','I','t')),
 (select sum(hashoidextended(attrelid, attnum::int8 << 32 | xmin::text::int8)) from pg_attribute where attrelid >= 16384),
 (select sum(hashoidextended(oid, xmin::text::int8)) from pg_proc),
 (select sum(hashoidextended(oid, xmin::text::int8)) from pg_rewrite),
 (select sum(hashoidextended(inhrelid, inhparent::text::int8 << 32 | xmin::text::int8)) from pg_inherits),
 (select sum(hashoidextended(oid, xmin::text::int8)) from pg_constraint),
 (select sum(hashoidextended(oid, xmin::text::int8)) from pg_attrdef),
 (select sum(hashoidextended(oid, xmin::text::int8)) from pg_trigger),
 (select sum(hashoidextended(oid, xmin::text::int8)) from pg_type),
 (select sum(hashoidextended(oid, xmin::text::int8)) from pg_operator),
 (select sum(hashoidextended(oid, xmin::text::int8)) from pg_cast),
 (select sum(hashoidextended(oid, xmin::text::int8)) from pg_policy),
 (select sum(hashoidextended(oid, xmin::text::int8)) from pg_namespace),
 (select sum(hashoidextended(oid, xmin::text::int8)) from pg_event_trigger),
 (select sum(hashoidextended(indexrelid, xmin::text::int8)) from pg_index where indexprs is not null or indpred is not null),
 (select sum(hashoidextended(aggfnoid::oid, xmin::text::int8)) from pg_aggregate where aggfnoid >= 16384))`
)
