-- The catalogue of a PostgreSQL 15 as far as clients ask for it. Our tables are filled in by the program; everything that a ledger has
-- not (indexes, triggers, policies, publications) is there and empty, so that questions about it have an answer.
CREATE TABLE pg_catalog.pg_namespace (oid oid PRIMARY KEY, nspname name, nspowner oid, nspacl text);
CREATE TABLE pg_catalog.pg_class (
    oid oid PRIMARY KEY, relname name, relnamespace oid, reltype oid DEFAULT 0, reloftype oid DEFAULT 0, relowner oid DEFAULT 10,
    relam oid DEFAULT 0, relfilenode oid DEFAULT 0, reltablespace oid DEFAULT 0, relpages int4 DEFAULT 0, reltuples float4 DEFAULT -1,
    relallvisible int4 DEFAULT 0, reltoastrelid oid DEFAULT 0, relhasindex bool DEFAULT 0, relisshared bool DEFAULT 0,
    relpersistence char DEFAULT 'p', relkind char DEFAULT 'r', relnatts int2, relchecks int2 DEFAULT 0, relhasrules bool DEFAULT 0,
    relhastriggers bool DEFAULT 0, relhassubclass bool DEFAULT 0, relrowsecurity bool DEFAULT 0, relforcerowsecurity bool DEFAULT 0,
    relispopulated bool DEFAULT 1, relreplident char DEFAULT 'n', relispartition bool DEFAULT 0, relrewrite oid DEFAULT 0,
    relfrozenxid int8 DEFAULT 0, relminmxid int8 DEFAULT 0, relhasoids bool DEFAULT 0, relacl text, reloptions text, relpartbound text);
CREATE TABLE pg_catalog.pg_attribute (
    attrelid oid, attname name, atttypid oid, attstattarget int4 DEFAULT -1, attlen int2 DEFAULT -1, attnum int2, attndims int4 DEFAULT 0,
    attcacheoff int4 DEFAULT -1, atttypmod int4 DEFAULT -1, attbyval bool DEFAULT 0, attalign char DEFAULT 'i', attstorage char DEFAULT 'x',
    attcompression char DEFAULT '', attnotnull bool DEFAULT 0, atthasdef bool DEFAULT 0, atthasmissing bool DEFAULT 0,
    attidentity char DEFAULT '', attgenerated char DEFAULT '', attisdropped bool DEFAULT 0, attislocal bool DEFAULT 1,
    attinhcount int4 DEFAULT 0, attcollation oid DEFAULT 0, attacl text, attoptions text, attfdwoptions text, attmissingval text,
    PRIMARY KEY (attrelid, attnum));
CREATE TABLE pg_catalog.pg_attrdef (oid oid PRIMARY KEY, adrelid oid, adnum int2, adbin text);
CREATE TABLE pg_catalog.pg_type (
    oid oid PRIMARY KEY, typname name, typnamespace oid DEFAULT 11, typowner oid DEFAULT 10, typlen int2, typbyval bool DEFAULT 0,
    typtype char DEFAULT 'b', typcategory char, typispreferred bool DEFAULT 0, typisdefined bool DEFAULT 1, typdelim char DEFAULT ',',
    typrelid oid DEFAULT 0, typsubscript text, typelem oid DEFAULT 0, typarray oid DEFAULT 0, typinput text, typoutput text,
    typreceive oid DEFAULT 0, typsend text, typmodin text, typmodout text, typanalyze text, typalign char DEFAULT 'i',
    typstorage char DEFAULT 'p', typnotnull bool DEFAULT 0, typbasetype oid DEFAULT 0, typtypmod int4 DEFAULT -1, typndims int4 DEFAULT 0,
    typcollation oid DEFAULT 0, typdefaultbin text, typdefault text, typacl text);
CREATE TABLE pg_catalog.pg_proc (
    oid oid PRIMARY KEY, proname name, pronamespace oid DEFAULT 11, proowner oid DEFAULT 10, prolang oid DEFAULT 12, procost float4,
    prorows float4, provariadic oid DEFAULT 0, prosupport text, prokind char DEFAULT 'f', prosecdef bool DEFAULT 0,
    proleakproof bool DEFAULT 0, proisstrict bool DEFAULT 1, proretset bool DEFAULT 0, provolatile char DEFAULT 'i',
    proparallel char DEFAULT 's', pronargs int2 DEFAULT 0, pronargdefaults int2 DEFAULT 0, prorettype oid DEFAULT 0, proargtypes text,
    proallargtypes text, proargmodes text, proargnames text, proargdefaults text, protrftypes text, prosrc text, probin text,
    prosqlbody text, proconfig text, proacl text, proisagg bool DEFAULT 0, proiswindow bool DEFAULT 0);
CREATE TABLE pg_catalog.pg_description (objoid oid, classoid oid, objsubid int4, description text, PRIMARY KEY (objoid, objsubid));
CREATE TABLE pg_catalog.pg_shdescription (objoid oid, classoid oid, description text);
CREATE TABLE pg_catalog.pg_index (
    indexrelid oid, indrelid oid, indnatts int2, indnkeyatts int2, indisunique bool, indnullsnotdistinct bool, indisprimary bool,
    indisexclusion bool, indimmediate bool, indisclustered bool, indisvalid bool, indcheckxmin bool, indisready bool, indislive bool,
    indisreplident bool, indkey text, indcollation text, indclass text, indoption text, indexprs text, indpred text);
CREATE TABLE pg_catalog.pg_constraint (
    oid oid, conname name, connamespace oid, contype char, condeferrable bool, condeferred bool, convalidated bool, conrelid oid,
    contypid oid, conindid oid, conparentid oid, confrelid oid, confupdtype char, confdeltype char, confmatchtype char, conislocal bool,
    coninhcount int4, connoinherit bool, conkey text, confkey text, conpfeqop text, conppeqop text, conffeqop text, confdelsetcols text,
    conexclop text, conbin text, consrc text);
CREATE TABLE pg_catalog.pg_collation (
    oid oid PRIMARY KEY, collname name, collnamespace oid DEFAULT 11, collowner oid DEFAULT 10, collprovider char DEFAULT 'c',
    collisdeterministic bool DEFAULT 1, collencoding int4 DEFAULT -1, collcollate text, collctype text, colliculocale text, collversion text);
CREATE TABLE pg_catalog.pg_database (
    oid oid PRIMARY KEY, datname name, datdba oid DEFAULT 10, encoding int4 DEFAULT 6, datlocprovider char DEFAULT 'c',
    datistemplate bool DEFAULT 0, datallowconn bool DEFAULT 1, datconnlimit int4 DEFAULT -1, datfrozenxid int8 DEFAULT 0,
    datminmxid int8 DEFAULT 0, dattablespace oid DEFAULT 1663, datcollate text DEFAULT 'C', datctype text DEFAULT 'C', daticulocale text,
    datcollversion text, datlastsysoid oid DEFAULT 0, datacl text);
CREATE TABLE pg_catalog.pg_authid (
    oid oid PRIMARY KEY, rolname name, rolsuper bool DEFAULT 0, rolinherit bool DEFAULT 1, rolcreaterole bool DEFAULT 0,
    rolcreatedb bool DEFAULT 0, rolcanlogin bool DEFAULT 0, rolreplication bool DEFAULT 0, rolbypassrls bool DEFAULT 0,
    rolconnlimit int4 DEFAULT -1, rolpassword text, rolvaliduntil timestamptz);
CREATE TABLE pg_catalog.pg_roles (
    oid oid PRIMARY KEY, rolname name, rolsuper bool DEFAULT 0, rolinherit bool DEFAULT 1, rolcreaterole bool DEFAULT 0,
    rolcreatedb bool DEFAULT 0, rolcanlogin bool DEFAULT 0, rolreplication bool DEFAULT 0, rolconnlimit int4 DEFAULT -1,
    rolpassword text, rolvaliduntil timestamptz, rolbypassrls bool DEFAULT 0, rolconfig text);
CREATE TABLE pg_catalog.pg_user (usename name, usesysid oid, usecreatedb bool, usesuper bool, userepl bool, usebypassrls bool,
    passwd text, valuntil timestamptz, useconfig text);
CREATE TABLE pg_catalog.pg_group (groname name, grosysid oid, grolist text);
CREATE TABLE pg_catalog.pg_auth_members (roleid oid, member oid, grantor oid, admin_option bool);
CREATE TABLE pg_catalog.pg_am (oid oid PRIMARY KEY, amname name, amhandler text, amtype char);
CREATE TABLE pg_catalog.pg_range (rngtypid oid, rngsubtype oid, rngmultitypid oid, rngcollation oid, rngsubopc oid, rngcanonical text, rngsubdiff text);
CREATE TABLE pg_catalog.pg_enum (oid oid, enumtypid oid, enumsortorder float4, enumlabel name);
CREATE TABLE pg_catalog.pg_inherits (inhrelid oid, inhparent oid, inhseqno int4, inhdetachpending bool);
CREATE TABLE pg_catalog.pg_trigger (
    oid oid, tgrelid oid, tgparentid oid, tgname name, tgfoid oid, tgtype int2, tgenabled char, tgisinternal bool, tgconstrrelid oid,
    tgconstrindid oid, tgconstraint oid, tgdeferrable bool, tginitdeferred bool, tgnargs int2, tgattr text, tgargs text, tgqual text,
    tgoldtable name, tgnewtable name);
CREATE TABLE pg_catalog.pg_rewrite (oid oid, rulename name, ev_class oid, ev_type char, ev_enabled char, is_instead bool, ev_qual text, ev_action text);
CREATE TABLE pg_catalog.pg_policy (oid oid, polname name, polrelid oid, polcmd char, polpermissive bool, polroles text, polqual text, polwithcheck text);
CREATE TABLE pg_catalog.pg_statistic_ext (oid oid, stxrelid oid, stxname name, stxnamespace oid, stxowner oid, stxstattarget int4, stxkeys text, stxkind text, stxexprs text);
CREATE TABLE pg_catalog.pg_publication (oid oid, pubname name, pubowner oid, puballtables bool, pubinsert bool, pubupdate bool, pubdelete bool, pubtruncate bool, pubviaroot bool);
CREATE TABLE pg_catalog.pg_publication_rel (oid oid, prpubid oid, prrelid oid, prqual text, prattrs text);
CREATE TABLE pg_catalog.pg_publication_namespace (oid oid, pnpubid oid, pnnspid oid);
CREATE TABLE pg_catalog.pg_publication_tables (pubname name, schemaname name, tablename name, attnames text, rowfilter text);
CREATE TABLE pg_catalog.pg_subscription (oid oid, subdbid oid, subname name, subowner oid, subenabled bool, subbinary bool, substream bool, subtwophasestate char, subdisableonerr bool, subsynccommit text, subconninfo text, subpublications text, subskiplsn text);
CREATE TABLE pg_catalog.pg_foreign_table (ftrelid oid, ftserver oid, ftoptions text);
CREATE TABLE pg_catalog.pg_foreign_server (oid oid, srvname name, srvowner oid, srvfdw oid, srvtype text, srvversion text, srvacl text, srvoptions text);
CREATE TABLE pg_catalog.pg_foreign_data_wrapper (oid oid, fdwname name, fdwowner oid, fdwhandler oid, fdwvalidator oid, fdwacl text, fdwoptions text);
CREATE TABLE pg_catalog.pg_user_mapping (oid oid, umuser oid, umserver oid, umoptions text);
CREATE TABLE pg_catalog.pg_partitioned_table (partrelid oid, partstrat char, partnatts int2, partdefid oid, partattrs text, partclass text, partcollation text, partexprs text);
CREATE TABLE pg_catalog.pg_settings (
    name text, setting text, unit text, category text, short_desc text, extra_desc text, context text, vartype text, source text,
    min_val text, max_val text, enumvals text, boot_val text, reset_val text, sourcefile text, sourceline int4, pending_restart bool);
CREATE TABLE pg_catalog.pg_tables (schemaname name, tablename name, tableowner name, tablespace name, hasindexes bool, hasrules bool, hastriggers bool, rowsecurity bool);
CREATE TABLE pg_catalog.pg_views (schemaname name, viewname name, viewowner name, definition text);
CREATE TABLE pg_catalog.pg_matviews (schemaname name, matviewname name, matviewowner name, tablespace name, hasindexes bool, ispopulated bool, definition text);
CREATE TABLE pg_catalog.pg_indexes (schemaname name, tablename name, indexname name, tablespace name, indexdef text);
CREATE TABLE pg_catalog.pg_sequence (seqrelid oid, seqtypid oid, seqstart int8, seqincrement int8, seqmax int8, seqmin int8, seqcache int8, seqcycle bool);
CREATE TABLE pg_catalog.pg_sequences (schemaname name, sequencename name, sequenceowner name, data_type text, start_value int8, min_value int8, max_value int8, increment_by int8, cycle bool, cache_size int8, last_value int8);
CREATE TABLE pg_catalog.pg_depend (classid oid, objid oid, objsubid int4, refclassid oid, refobjid oid, refobjsubid int4, deptype char);
CREATE TABLE pg_catalog.pg_shdepend (dbid oid, classid oid, objid oid, objsubid int4, refclassid oid, refobjid oid, deptype char);
CREATE TABLE pg_catalog.pg_tablespace (oid oid PRIMARY KEY, spcname name, spcowner oid DEFAULT 10, spcacl text, spcoptions text);
CREATE TABLE pg_catalog.pg_extension (oid oid, extname name, extowner oid, extnamespace oid, extrelocatable bool, extversion text, extconfig text, extcondition text);
CREATE TABLE pg_catalog.pg_available_extensions (name name, default_version text, installed_version text, comment text);
CREATE TABLE pg_catalog.pg_language (oid oid PRIMARY KEY, lanname name, lanowner oid DEFAULT 10, lanispl bool DEFAULT 0, lanpltrusted bool DEFAULT 1, lanplcallfoid oid DEFAULT 0, laninline oid DEFAULT 0, lanvalidator oid DEFAULT 0, lanacl text);
CREATE TABLE pg_catalog.pg_operator (oid oid, oprname name, oprnamespace oid, oprowner oid, oprkind char, oprleft oid, oprright oid, oprresult oid, oprcode text);
CREATE TABLE pg_catalog.pg_aggregate (aggfnoid oid, aggkind char, aggnumdirectargs int2);
CREATE TABLE pg_catalog.pg_cast (oid oid, castsource oid, casttarget oid, castfunc oid, castcontext char, castmethod char);
CREATE TABLE pg_catalog.pg_opclass (oid oid, opcmethod oid, opcname name, opcnamespace oid, opcowner oid, opcfamily oid, opcintype oid, opcdefault bool, opckeytype oid);
CREATE TABLE pg_catalog.pg_conversion (oid oid, conname name, connamespace oid);
CREATE TABLE pg_catalog.pg_opfamily (oid oid, opfmethod oid, opfname name, opfnamespace oid, opfowner oid);
CREATE TABLE pg_catalog.pg_ts_dict (oid oid, dictname name, dictnamespace oid, dictowner oid, dicttemplate oid, dictinitoption text);
CREATE TABLE pg_catalog.pg_ts_config (oid oid, cfgname name, cfgnamespace oid, cfgowner oid, cfgparser oid);
CREATE TABLE pg_catalog.pg_ts_parser (oid oid, prsname name, prsnamespace oid);
CREATE TABLE pg_catalog.pg_ts_template (oid oid, tmplname name, tmplnamespace oid);
CREATE TABLE pg_catalog.pg_event_trigger (oid oid, evtname name, evtevent name, evtowner oid, evtfoid oid, evtenabled char, evttags text);
CREATE TABLE pg_catalog.pg_default_acl (oid oid, defaclrole oid, defaclnamespace oid, defaclobjtype char, defaclacl text);
CREATE TABLE pg_catalog.pg_db_role_setting (setdatabase oid, setrole oid, setconfig text);
CREATE TABLE pg_catalog.pg_largeobject_metadata (oid oid, lomowner oid, lomacl text);
CREATE TABLE pg_catalog.pg_init_privs (objoid oid, classoid oid, objsubid int4, privtype char, initprivs text);
CREATE TABLE pg_catalog.pg_seclabels (objoid oid, classoid oid, objsubid int4, objtype text, objnamespace oid, objname text, provider text, label text);
CREATE TABLE pg_catalog.pg_stat_activity (datid oid, datname name, pid int4, leader_pid int4, usesysid oid, usename name, application_name text, client_addr text, client_hostname text, client_port int4, backend_start timestamptz, xact_start timestamptz, query_start timestamptz, state_change timestamptz, wait_event_type text, wait_event text, state text, backend_xid int8, backend_xmin int8, query_id int8, query text, backend_type text);
CREATE TABLE pg_catalog.pg_locks (locktype text, database oid, relation oid, pid int4, mode text, granted bool, transactionid int8);
CREATE TABLE pg_catalog.pg_stat_user_tables (relid oid, schemaname name, relname name, n_live_tup int8, n_dead_tup int8);
CREATE TABLE pg_catalog.pg_stat_all_tables (relid oid, schemaname name, relname name, n_live_tup int8, n_dead_tup int8);
CREATE TABLE pg_catalog.pg_stats (schemaname name, tablename name, attname name, null_frac float4, n_distinct float4);
CREATE TABLE pg_catalog.pg_stat_ssl (pid int4, ssl bool, version text, cipher text, bits int4);
CREATE TABLE pg_catalog.pg_stat_gssapi (pid int4, gss_authenticated bool, principal text, encrypted bool);
CREATE TABLE pg_catalog.pg_replication_slots (slot_name name, plugin name, slot_type text, database name, active bool);
CREATE TABLE pg_catalog.pg_prepared_statements (name text, statement text);
CREATE TABLE pg_catalog.pg_cursors (name text, statement text);
CREATE TABLE pg_catalog.pg_timezone_names (name text, abbrev text, utc_offset text, is_dst bool);
CREATE TABLE pg_catalog.pg_timezone_abbrevs (abbrev text, utc_offset text, is_dst bool);
CREATE TABLE pg_catalog.pg_get_keywords (word text, catcode char, barelabel bool, catdesc text, baredesc text);
CREATE TABLE pg_catalog.pg_show_all_settings (name text, setting text);

CREATE TABLE information_schema.schemata (catalog_name name, schema_name name, schema_owner name, default_character_set_catalog name, default_character_set_schema name, default_character_set_name name, sql_path text);
CREATE TABLE information_schema.tables (
    table_catalog name, table_schema name, table_name name, table_type text, self_referencing_column_name name, reference_generation text,
    user_defined_type_catalog name, user_defined_type_schema name, user_defined_type_name name, is_insertable_into text DEFAULT 'NO',
    is_typed text DEFAULT 'NO', commit_action text, meaning text);
CREATE TABLE information_schema.columns (
    table_catalog name, table_schema name, table_name name, column_name name, ordinal_position int4, column_default text,
    is_nullable text DEFAULT 'YES', data_type text, character_maximum_length int4, character_octet_length int4, numeric_precision int4,
    numeric_precision_radix int4, numeric_scale int4, datetime_precision int4, interval_type text, interval_precision int4,
    character_set_catalog name, character_set_schema name, character_set_name name, collation_catalog name, collation_schema name,
    collation_name name, domain_catalog name, domain_schema name, domain_name name, udt_catalog name, udt_schema name, udt_name name,
    scope_catalog name, scope_schema name, scope_name name, maximum_cardinality int4, dtd_identifier name, is_self_referencing text DEFAULT 'NO',
    is_identity text DEFAULT 'NO', identity_generation text, identity_start text, identity_increment text, identity_maximum text,
    identity_minimum text, identity_cycle text DEFAULT 'NO', is_generated text DEFAULT 'NEVER', generation_expression text,
    is_updatable text DEFAULT 'NO', meaning text);
CREATE TABLE information_schema.views (table_catalog name, table_schema name, table_name name, view_definition text, check_option text, is_updatable text, is_insertable_into text);
CREATE TABLE information_schema.table_constraints (constraint_catalog name, constraint_schema name, constraint_name name, table_catalog name, table_schema name, table_name name, constraint_type text, is_deferrable text, initially_deferred text, enforced text);
CREATE TABLE information_schema.key_column_usage (constraint_catalog name, constraint_schema name, constraint_name name, table_catalog name, table_schema name, table_name name, column_name name, ordinal_position int4, position_in_unique_constraint int4);
CREATE TABLE information_schema.constraint_column_usage (table_catalog name, table_schema name, table_name name, column_name name, constraint_catalog name, constraint_schema name, constraint_name name);
CREATE TABLE information_schema.referential_constraints (constraint_catalog name, constraint_schema name, constraint_name name, unique_constraint_catalog name, unique_constraint_schema name, unique_constraint_name name, match_option text, update_rule text, delete_rule text);
CREATE TABLE information_schema.check_constraints (constraint_catalog name, constraint_schema name, constraint_name name, check_clause text);
CREATE TABLE information_schema.routines (specific_catalog name, specific_schema name, specific_name name, routine_catalog name, routine_schema name, routine_name name, routine_type text, data_type text, routine_definition text, external_language text, type_udt_name name);
CREATE TABLE information_schema.parameters (specific_catalog name, specific_schema name, specific_name name, ordinal_position int4, parameter_mode text, parameter_name name, data_type text, udt_name name);
CREATE TABLE information_schema.triggers (trigger_catalog name, trigger_schema name, trigger_name name, event_manipulation text, event_object_schema name, event_object_table name, action_statement text, action_timing text);
CREATE TABLE information_schema.sequences (sequence_catalog name, sequence_schema name, sequence_name name, data_type text, start_value text, minimum_value text, maximum_value text, increment text, cycle_option text);
CREATE TABLE information_schema.table_privileges (grantor name, grantee name, table_catalog name, table_schema name, table_name name, privilege_type text, is_grantable text, with_hierarchy text);
CREATE TABLE information_schema.column_privileges (grantor name, grantee name, table_catalog name, table_schema name, table_name name, column_name name, privilege_type text, is_grantable text);
CREATE TABLE information_schema.role_table_grants (grantor name, grantee name, table_catalog name, table_schema name, table_name name, privilege_type text, is_grantable text, with_hierarchy text);
CREATE TABLE information_schema.character_sets (character_set_catalog name, character_set_schema name, character_set_name name, character_repertoire name, form_of_use name, default_collate_catalog name, default_collate_schema name, default_collate_name name);
CREATE TABLE information_schema.collations (collation_catalog name, collation_schema name, collation_name name, pad_attribute text);
CREATE TABLE information_schema.domains (domain_catalog name, domain_schema name, domain_name name, data_type text);
CREATE TABLE information_schema.element_types (object_catalog name, object_schema name, object_name name, object_type text, collection_type_identifier name, data_type text, udt_name name);
CREATE TABLE information_schema.enabled_roles (role_name name);
CREATE TABLE information_schema.applicable_roles (grantee name, role_name name, is_grantable text);
CREATE TABLE information_schema.information_schema_catalog_name (catalog_name name);

INSERT INTO pg_catalog.pg_namespace VALUES (11, 'pg_catalog', 10, NULL), (2200, 'public', 10, NULL), (13000, 'information_schema', 10, NULL);
INSERT INTO pg_catalog.pg_database (oid, datname) VALUES (16383, 'privyseal');
INSERT INTO pg_catalog.pg_authid (oid, rolname) VALUES (10, 'privyseal');
INSERT INTO pg_catalog.pg_roles (oid, rolname) VALUES (10, 'privyseal');
INSERT INTO pg_catalog.pg_user (usename, usesysid, usecreatedb, usesuper, userepl, usebypassrls) VALUES ('privyseal', 10, 0, 0, 0, 0);
INSERT INTO pg_catalog.pg_am VALUES (2, 'heap', 'heap_tableam_handler', 't');
INSERT INTO pg_catalog.pg_tablespace (oid, spcname) VALUES (1663, 'pg_default');
INSERT INTO pg_catalog.pg_language (oid, lanname) VALUES (12, 'internal');
INSERT INTO pg_catalog.pg_collation (oid, collname, collcollate, collctype) VALUES (100, 'default', NULL, NULL), (950, 'C', 'C', 'C');
INSERT INTO pg_catalog.pg_timezone_names VALUES ('UTC', 'UTC', '00:00:00', 0);
INSERT INTO pg_catalog.pg_proc (oid, proname) VALUES (2400, 'array_recv'), (2404, 'int2recv');
INSERT INTO information_schema.information_schema_catalog_name VALUES ('privyseal');
INSERT INTO information_schema.character_sets VALUES (NULL, NULL, 'UTF8', 'UCS', 'UTF8', 'privyseal', 'pg_catalog', 'C');
INSERT INTO information_schema.schemata (catalog_name, schema_name, schema_owner)
    VALUES ('privyseal', 'pg_catalog', 'privyseal'), ('privyseal', 'public', 'privyseal'), ('privyseal', 'information_schema', 'privyseal');

-- Types, and those that are lists of them: number, name, length, category, number of the list.
INSERT INTO pg_catalog.pg_type (oid, typname, typlen, typcategory, typarray, typbyval) VALUES
    (16, 'bool', 1, 'B', 1000, 1), (17, 'bytea', -1, 'U', 1001, 0), (18, 'char', 1, 'Z', 1002, 1), (19, 'name', 64, 'S', 1003, 0),
    (20, 'int8', 8, 'N', 1016, 1), (21, 'int2', 2, 'N', 1005, 1), (23, 'int4', 4, 'N', 1007, 1), (24, 'regproc', 4, 'N', 1008, 1),
    (25, 'text', -1, 'S', 1009, 0), (26, 'oid', 4, 'N', 1028, 1), (114, 'json', -1, 'U', 199, 0), (700, 'float4', 4, 'N', 1021, 1),
    (701, 'float8', 8, 'N', 1022, 1), (705, 'unknown', -2, 'X', 0, 0), (1042, 'bpchar', -1, 'S', 1014, 0),
    (1043, 'varchar', -1, 'S', 1015, 0), (1082, 'date', 4, 'D', 1182, 1), (1083, 'time', 8, 'D', 1183, 1),
    (1114, 'timestamp', 8, 'D', 1115, 1), (1184, 'timestamptz', 8, 'D', 1185, 1), (1186, 'interval', 16, 'T', 1187, 0),
    (1700, 'numeric', -1, 'N', 1231, 0), (2205, 'regclass', 4, 'N', 2210, 1), (2206, 'regtype', 4, 'N', 2211, 1),
    (2950, 'uuid', 16, 'U', 2951, 0), (3802, 'jsonb', -1, 'U', 3807, 0), (2278, 'void', 4, 'P', 0, 1);
INSERT INTO pg_catalog.pg_type (oid, typname, typlen, typcategory, typelem, typreceive)
    SELECT typarray, '_' || typname, -1, 'A', oid, 2400 FROM pg_catalog.pg_type WHERE typarray > 0;
UPDATE pg_catalog.pg_type SET typcollation = 100 WHERE typcategory = 'S' OR oid = 1009;
