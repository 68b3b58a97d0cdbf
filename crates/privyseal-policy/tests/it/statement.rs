//! Classification of SQL: one row per text, by dialect.

use privyseal_policy::facts::statement::{MAX_SQL_BYTES, SqlDialect, StatementClass, classify};
use proptest::prelude::*;

use SqlDialect::{Any, MsSql, MySql, PostgreSql, Sqlite};
use StatementClass::{Access, None, Read, Schema, SchemaDestructive, Unknown, Write, WriteAll};

#[test]
fn classes() {
    let rows: &[(SqlDialect, &str, StatementClass)] = &[
        // Nothing.
        (PostgreSql, "", None),
        (PostgreSql, "  ;; \n", None),
        (PostgreSql, "-- DROP TABLE orders", None),
        (PostgreSql, "/* DROP TABLE orders; */", None),
        // Reading.
        (PostgreSql, "SELECT * FROM orders WHERE id = 1", Read),
        (PostgreSql, "SELECT 'DROP TABLE orders'", Read),
        (PostgreSql, "SELECT 'it''s; DELETE FROM orders' -- ; DROP TABLE x", Read),
        (PostgreSql, "SELECT $q$ ; DROP TABLE orders; $q$", Read),
        (PostgreSql, "WITH recent AS (SELECT * FROM orders) SELECT count(*) FROM recent", Read),
        (PostgreSql, "EXPLAIN DELETE FROM orders", Read),
        (PostgreSql, "BEGIN; SELECT 1; COMMIT", Read),
        (PostgreSql, "SHOW search_path", Read),
        (PostgreSql, "SET lock_timeout = '5s'", Read),
        (PostgreSql, "COPY orders TO STDOUT", Read),
        (Sqlite, "PRAGMA table_info('orders')", Read),
        (Sqlite, "PRAGMA table_info(orders)", Read),
        // Writing.
        (PostgreSql, "INSERT INTO orders (id) VALUES (1)", Write),
        (PostgreSql, "INSERT INTO archive SELECT * FROM orders", Write),
        (PostgreSql, "UPDATE orders SET note = 'x' WHERE id = 1", Write),
        (PostgreSql, "DELETE FROM orders WHERE id IN (SELECT id FROM old)", Write),
        (PostgreSql, "WITH gone AS (DELETE FROM orders WHERE id = 1 RETURNING *) SELECT * FROM gone", Write),
        (PostgreSql, "EXPLAIN ANALYZE UPDATE orders SET a = 1 WHERE id = 1", Write),
        (PostgreSql, "EXPLAIN (ANALYZE, BUFFERS) UPDATE orders SET a = 1 WHERE id = 1", Write),
        (PostgreSql, "COPY orders FROM '/tmp/orders.csv'", Write),
        (PostgreSql, "SELECT setval('orders_id_seq', 1)", Write),
        (MySql, "REPLACE INTO orders (id) VALUES (1)", Write),
        (MySql, "INSERT INTO orders (id) VALUES (1) ON DUPLICATE KEY UPDATE id = 2", Write),
        (Sqlite, "PRAGMA writable_schema = 1", Write),
        (Sqlite, "PRAGMA foreign_keys = OFF; SELECT 1", Write),
        (Sqlite, "INSERT OR REPLACE INTO orders (id) VALUES (1)", Write),
        (PostgreSql, "WITH old AS (SELECT id FROM t) DELETE FROM orders WHERE id IN (SELECT id FROM old)", Write),
        (PostgreSql, "UPDATE t SET a = 1 FROM s WHERE t.id = s.id", Write),
        (PostgreSql, "CREATE TABLE t (id int); COPY t FROM stdin;\n1\n\\.\n", Schema),
        (MsSql, "MERGE INTO t USING s ON t.id = s.id WHEN MATCHED THEN UPDATE SET t.a = s.a;", Write),
        // Writing everything.
        (PostgreSql, "UPDATE orders SET note = 'x'", WriteAll),
        (PostgreSql, "DELETE FROM orders", WriteAll),
        (PostgreSql, "DELETE FROM orders WHERE 1 = 1", WriteAll),
        (PostgreSql, "DELETE FROM orders WHERE id = 5 OR true", WriteAll),
        (PostgreSql, "DELETE FROM orders WHERE id = id", WriteAll),
        (PostgreSql, "DELETE FROM orders WHERE (id IS NOT NULL)", WriteAll),
        (PostgreSql, "UPDATE orders SET a = 1 WHERE name LIKE '%'", WriteAll),
        (PostgreSql, "WITH gone AS (DELETE FROM orders RETURNING *) SELECT * FROM gone", WriteAll),
        (PostgreSql, "WITH old AS (SELECT 1) DELETE FROM orders", WriteAll),
        (PostgreSql, "DELETE FROM orders USING other", WriteAll),
        (PostgreSql, "DELETE FROM orders WHERE EXISTS (SELECT 1 FROM other)", WriteAll),
        (PostgreSql, "DELETE FROM orders WHERE random() < 2 AND NOT false", WriteAll),
        (PostgreSql, "PREPARE p AS DELETE FROM orders", WriteAll),
        // Objects.
        (PostgreSql, "CREATE TABLE t (id int PRIMARY KEY DEFAULT nextval('t_id_seq'))", Schema),
        (PostgreSql, "ALTER TABLE orders ADD COLUMN note text", Schema),
        (PostgreSql, "CREATE UNIQUE INDEX CONCURRENTLY i ON orders (id)", Schema),
        (PostgreSql, "SELECT * INTO backup FROM orders", Schema),
        (PostgreSql, "CREATE OR REPLACE VIEW v AS SELECT 1", Schema),
        (PostgreSql, "ALTER TABLE orders ALTER COLUMN note DROP NOT NULL", Schema),
        (Sqlite, "ALTER TABLE orders RENAME TO orders_old", Schema),
        // Rights.
        (PostgreSql, "GRANT SELECT ON orders TO reporting", Access),
        (PostgreSql, "REVOKE ALL ON orders FROM reporting", Access),
        (PostgreSql, "CREATE ROLE bob SUPERUSER", Access),
        (PostgreSql, "ALTER ROLE bob WITH SUPERUSER", Access),
        (PostgreSql, "SET ROLE postgres", Access),
        (PostgreSql, "ALTER TABLE orders DISABLE ROW LEVEL SECURITY", Access),
        (PostgreSql, "SET session_replication_role = replica", Access),
        (PostgreSql, "SELECT set_config('role', 'postgres', false)", Access),
        (MySql, "GRANT ALL ON shop.* TO eve", Access),
        // Destroying.
        (PostgreSql, "DROP TABLE orders", SchemaDestructive),
        (PostgreSql, "drop/**/table orders", SchemaDestructive),
        (PostgreSql, "TRUNCATE orders", SchemaDestructive),
        (PostgreSql, "ALTER TABLE orders DROP COLUMN note", SchemaDestructive),
        (PostgreSql, "ALTER TABLE orders ADD COLUMN a int, DROP COLUMN note", SchemaDestructive),
        (PostgreSql, "SELECT 1; SELECT 2; DROP TABLE orders; SELECT 3", SchemaDestructive),
        (PostgreSql, "SELECT ';'; DROP INDEX i", SchemaDestructive),
        (PostgreSql, "DO $$ BEGIN EXECUTE 'x'; END $$; DROP TABLE orders", SchemaDestructive),
        (MySql, "SELECT 1 /*! ; DROP TABLE orders */", SchemaDestructive),
        (Any, "DROP DATABASE shop", SchemaDestructive),
        // The same text, another database: quotes, comments and their nesting differ.
        (PostgreSql, "SELECT 'a\\'; DROP TABLE t; --'", SchemaDestructive),
        (MySql, "SELECT 'a\\'; DROP TABLE t; --'", Read),
        (PostgreSql, "SELECT 1 --1; DROP TABLE t", Read),
        (MySql, "SELECT 1 --1; DROP TABLE t", SchemaDestructive),
        (PostgreSql, "/* /* */ ; DROP TABLE t; */ SELECT 1", Read),
        (Sqlite, "/* /* */ ; DROP TABLE t; */ SELECT 1", SchemaDestructive),
        (PostgreSql, "SELECT \"drop\" FROM \"DELETE FROM orders\"", Read),
        (MsSql, "SELECT [;DROP TABLE t] FROM x", Read),
        (Any, "SELECT 'a\\'; DROP TABLE t; --'", SchemaDestructive),
        // Not readable.
        (PostgreSql, "SELECT 'DROP TABLE t' \\gexec", Unknown),
        (PostgreSql, "ALTER SYSTEM SET archive_command = 'curl x'", Unknown),
        (PostgreSql, "ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO eve", Unknown),
        (PostgreSql, "REASSIGN OWNED BY ana TO eve", Unknown),
        (MySql, "LOAD DATA INFILE 'x' INTO TABLE t", Unknown),
        (MySql, "SELECT * FROM t INTO OUTFILE '/tmp/x'", Unknown),
        (PostgreSql, "DROP TABLEAU orders", Unknown),
        (PostgreSql, "SELECT 1; frobnicate the database", Unknown),
        (PostgreSql, "UPDATE orders SET note = 'unclosed", Unknown),
        (PostgreSql, "DO $$ BEGIN EXECUTE 'DROP TABLE orders'; END $$", Unknown),
        (PostgreSql, "CALL rebuild_everything()", Unknown),
        (PostgreSql, "EXECUTE p", Unknown),
        (PostgreSql, "SELECT dblink_exec('host=x', 'DROP TABLE orders')", Unknown),
        (PostgreSql, "SELECT * FROM dblink('host=x', 'DROP TABLE orders') AS t(a int)", Unknown),
        (PostgreSql, "SELECT pg_catalog.pg_read_file('/etc/passwd')", Unknown),
        (PostgreSql, "COPY orders TO PROGRAM 'curl x'", Unknown),
        (PostgreSql, "\\! rm -rf /", Unknown),
        (PostgreSql, "\\i other.sql", Unknown),
        (Sqlite, ".read other.sql", Unknown),
        (Sqlite, "ATTACH DATABASE 'x' AS y", Unknown),
        (MySql, "SELECT 1 /*M! ; DROP TABLE orders */", Unknown),
        (MsSql, "EXEC xp_cmdshell 'dir'", Unknown),
        (PostgreSql, "\u{0}\u{1}garbage ☃ \"", Unknown),
        (Any, "this is not SQL", Unknown),
    ];
    assert!(rows.len() >= 30);
    let wrong: Vec<String> = rows
        .iter()
        .filter_map(|(dialect, sql, expected)| {
            let got = classify(sql, *dialect).class;
            (got != *expected).then(|| format!("{dialect:?} {sql:?}: expected {expected:?}, got {got:?}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_known_survives_what_is_not() {
    let mixed = classify("frobnicate; DELETE FROM orders", PostgreSql);
    assert_eq!((mixed.class, mixed.destructive, mixed.unread), (Unknown, true, true));
    let grant = classify("SELECT 1; GRANT ALL ON orders TO eve; TRUNCATE orders", PostgreSql);
    assert_eq!((grant.class, grant.destructive, grant.grants, grant.unread), (SchemaDestructive, true, true, false));
    let exotic = classify("DROP OWNED BY CURRENT_USER AND ALL THAT", PostgreSql);
    assert_eq!((exotic.class, exotic.destructive), (Unknown, true));
    assert!(classify("CREATE USER 'eve'@'%' IDENTIFIED BY 'x'", MySql).grants);
    assert!(!classify("REVOKE ALL ON orders FROM eve", PostgreSql).grants);
}

/// Texts on which the parser alone would be busy for minutes to centuries.
fn hostile() -> Vec<String> {
    let units = [
        "(",
        "[",
        "f(",
        "CAST(",
        "POSITION(",
        "SUBSTRING(",
        "CEIL(",
        "EXTRACT(",
        "CONVERT(",
        "ARRAY[",
        "ROW(",
        "CASE WHEN 1=1 THEN ",
        "CASE ",
        "INTERVAL ",
        "INTERVAL (",
        "NOT ",
        "- ",
        "1 + ",
        "EXISTS (SELECT ",
        "1 FROM (SELECT ",
        "1 FROM ((",
        "POSITION(CASE ",
        "f(CAST(POSITION(",
        "a.",
        "a::",
        "/*",
        "CASE WHEN f(",
    ];
    let mut texts: Vec<String> =
        [12, 40, 3_000].iter().flat_map(|n| units.iter().map(move |unit| format!("SELECT {}", unit.repeat(*n)))).collect();
    // Many statements, each as expensive as one may be.
    texts.push(format!("SELECT {};", "CAST(".repeat(7)).repeat(3_000));
    texts.push(format!("SELECT {}; nonsense", "CASE ".repeat(14)).repeat(500));
    texts.push("SELECT 1;".repeat(20_000));
    texts.push(format!("SELECT {}1{}", "f(".repeat(30), ")".repeat(30)));
    texts.push(format!("SELECT '{}'", "x".repeat(MAX_SQL_BYTES)));
    texts
}

/// Whoever can ask could otherwise stop the engine. The limit is far above what it takes and far below what it took.
#[test]
fn hostile_texts_are_answered_soon() {
    for text in hostile() {
        for dialect in [PostgreSql, MySql, Sqlite, MsSql] {
            let start = std::time::Instant::now();
            let _ = classify(&text, dialect);
            let took = start.elapsed();
            assert!(took.as_secs() < 20, "{dialect:?} took {took:?} for {}", text.chars().take(60).collect::<String>());
        }
    }
}

#[test]
fn a_large_script_is_read() {
    let script = "INSERT INTO t (a, b) VALUES (1, now());\n".repeat(18_000);
    for dialect in [PostgreSql, Any] {
        assert_eq!(classify(&script, dialect).class, Write, "{dialect:?}");
    }
}

#[test]
fn ordinary_nesting_is_read() {
    for text in [
        "SELECT coalesce(round(avg(CASE WHEN (a + (b * c)) > 0 THEN nullif(cast(x AS int), 0) END), 2), 0) FROM t WHERE id IN (SELECT id FROM (SELECT max(id) AS id FROM u GROUP BY a) AS v)",
        "SELECT a FROM t WHERE ts > now() - INTERVAL '1 day' AND ((a = 1 OR (b = 2 AND (c = 3 OR (d = 4 AND e = 5)))))",
        "SELECT lower(trim(substring(split_part(name, ' ', 1) FROM 1 FOR 10))) FROM people",
    ] {
        assert_eq!(classify(text, PostgreSql).class, Read, "{text}");
    }
}

proptest! {
    #[test]
    fn any_text_has_an_answer(text in ".{0,200}") {
        for dialect in [PostgreSql, MySql, Sqlite, Any] {
            let _ = classify(&text, dialect);
        }
    }

    /// Adding a statement never makes a text look more harmless.
    #[test]
    fn joining_never_lowers(parts in prop::collection::vec(prop::sample::select(vec![
        "SELECT 1", "INSERT INTO t VALUES (1)", "DELETE FROM t", "CREATE TABLE t (a int)", "GRANT SELECT ON t TO r", "DROP TABLE t", "nonsense here",
    ]), 1..5)) {
        let worst = parts.iter().map(|part| classify(part, PostgreSql).class).max().unwrap();
        prop_assert_eq!(classify(&parts.join(";\n"), PostgreSql).class, worst);
    }
}
