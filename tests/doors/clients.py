"""Clients in Python at the doors of a server: psycopg, in the ways in which programs use it. Ends with an error when one is not answered."""

import sys

import psycopg

port, key = sys.argv[1], sys.argv[2]
TARGET = f"host=127.0.0.1 port={port} user=ana password={key} dbname=privyseal"

with psycopg.connect(TARGET) as connection:
    with connection.cursor() as cursor:
        cursor.execute("SELECT kind, count(*) FROM events GROUP BY kind ORDER BY kind")
        kinds = dict(cursor.fetchall())
        assert kinds["ledger.opened"] == 1, kinds
        cursor.execute("SELECT seq, time FROM events WHERE seq = %s AND kind = %s", (0, "ledger.opened"))
        seq, time = cursor.fetchone()
        assert seq == 0 and time.tzinfo is not None, (seq, time)
    with connection.cursor(binary=True) as cursor:
        cursor.execute("SELECT seq, time, kind, seq = 0, 1.5 FROM events WHERE seq < %s ORDER BY seq", (3,))
        rows = cursor.fetchall()
        assert [row[0] for row in rows] == [0, 1, 2] and rows[0][3] is True and float(rows[0][4]) == 1.5, rows
    connection.rollback()
    try:
        connection.execute("SELECT nixda FROM events")
        raise SystemExit("a column that is not there was answered")
    except psycopg.errors.UndefinedColumn as error:
        assert "no column `nixda`" in str(error), error
    connection.rollback()
    # What SQLAlchemy, DBeaver and the JDBC driver ask when they begin.
    for statement in [
        "select pg_catalog.version()",
        "select current_schema()",
        "show transaction isolation level",
        "show standard_conforming_strings",
        "SELECT t.oid, typarray FROM pg_type t WHERE t.typname = 'hstore'",
        "SELECT nspname FROM pg_catalog.pg_namespace WHERE nspname NOT LIKE 'pg\\_%' ORDER BY nspname",
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'",
        "SELECT c.relname, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod) FROM pg_catalog.pg_class c "
        "JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid WHERE c.relkind = ANY (ARRAY['r', 'p', 'f', 'v', 'm']) AND a.attnum > 0",
        "select string_agg(word, ',') from pg_catalog.pg_get_keywords() where word <> ALL ('{a,abs}'::text[])",
        "SELECT db.oid, db.* FROM pg_catalog.pg_database db WHERE datallowconn AND NOT datistemplate ORDER BY db.datname",
        "SELECT setting FROM pg_catalog.pg_settings WHERE name = 'server_version_num'",
    ]:
        connection.execute(statement).fetchall()
    connection.rollback()

print("psycopg", psycopg.__version__, "was answered")
