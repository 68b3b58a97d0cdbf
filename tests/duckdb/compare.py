"""Every view of queries/views/, in DuckDB over the same Parquet files, row by row against what Privyseal says.

    compare.py DATA QUERIES --program PRIVYSEAL     asks `privyseal sql` over the data folder
    compare.py DATA QUERIES --answers FOLDER        reads FOLDER/<view>.json: {"columns": [...], "rows": [[...], ...]}

The SQL of the views is taken as it stands. What it needs from us is written here a second time, in DuckDB's SQL and in Python, and
shares no line with the program: the few functions, and the four inner tables (`entries`, `head`, `calendar`, `notes`). Segments come
from their Parquet files; entries that are not sealed yet come from the log, and their columns from their own JSON.

Exit code 0 when every row of every view is equal, 1 when one is not, 2 when a comparison cannot be made.
"""

import argparse
import base64
import collections
import datetime
import hashlib
import json
import pathlib
import re
import sqlite3
import subprocess
import sys

import duckdb

# Views that cannot be said in DuckDB, each with why (a function that does cryptography, for example). The test that runs this script
# knows how many there are: none.
NOT_COMPARED: dict[str, str] = {}

# Our functions, for those that views use. `doc` is the JSON text, `path` a JSON path with every name in quotes.
MACROS = """
CREATE MACRO text_at(doc, path) AS
  CASE WHEN json_type(doc, path) IN ('VARCHAR', 'BIGINT', 'UBIGINT', 'DOUBLE', 'BOOLEAN') THEN json_extract_string(doc, path) END;
CREATE MACRO int_at(doc, path) AS
  CASE WHEN json_type(doc, path) IN ('BIGINT', 'UBIGINT') THEN TRY_CAST(json_extract_string(doc, path) AS BIGINT) END;
CREATE MACRO bool_at(doc, path) AS
  CASE WHEN json_type(doc, path) = 'BOOLEAN' THEN json_extract_string(doc, path) = 'true' END;
CREATE MACRO time_at(doc, path) AS
  CASE WHEN json_type(doc, path) = 'VARCHAR' THEN CAST(json_extract_string(doc, path) AS TIMESTAMPTZ) END;
CREATE MACRO json_at(doc, path) AS
  CASE WHEN json_type(doc, path) <> 'NULL' THEN CAST(json_extract(doc, path) AS VARCHAR) END;
CREATE MACRO as_texts(items) AS
  list_transform(list_filter(items, lambda item: json_type(item) <> 'NULL'), lambda item: json_extract_string(item, '$'));
CREATE MACRO list_at(doc, path) AS
  CASE WHEN json_type(doc, path) = 'ARRAY' THEN as_texts(json_extract(doc, path || '[*]')) END;
CREATE MACRO list_through(doc, path, rest) AS
  CASE WHEN json_type(doc, path) = 'ARRAY' THEN as_texts(json_extract(doc, path || '[*]' || rest)) END;
CREATE MACRO utc(moment) AS CAST(moment AS TIMESTAMPTZ);
CREATE MACRO btrim(words) AS trim(words);
CREATE MACRO never_overlaps(name, key, from_seq, before_to_seq) AS
  CASE WHEN before_to_seq > from_seq THEN CAST(error(name || ' overlaps: ' || key) AS BOOLEAN) ELSE true END;
"""

KINDS = {"text": "text_at", "int": "int_at", "bool": "bool_at", "time": "time_at", "json": "json_at"}


def json_path(steps: list[str]) -> str:
    return "$" + "".join(f'."{step}"' for step in steps)


def member(kind: str, doc: str, steps: list[str]) -> str:
    """One member as an SQL expression."""
    if kind != "list":
        return f"{KINDS[kind]}({doc}, '{json_path(steps)}')"
    if "*" not in steps:
        return f"list_at({doc}, '{json_path(steps)}')"
    star = steps.index("*")
    return f"list_through({doc}, '{json_path(steps[:star])}', '{json_path(steps[star + 1:])[1:]}')"


def text(column: str) -> str:
    """An entry is kept as bytes; what was taken out of one is text."""
    return f"decode({column})" if column == "entry" else column


def fields(call: re.Match) -> str:
    """`fields(doc, 'name kind path, …')` as a struct."""
    doc, spec = text(call[1]), call[2]
    members = []
    for output in spec.split(","):
        words = output.split()
        name, kind, path = words if len(words) == 3 else (words[0], words[1], words[0])
        members.append(f"'{name}': {member(kind, doc, path.split('.'))}")
    return "{" + ", ".join(members) + "}"


def one_member(call: re.Match) -> str:
    """`json_text(doc, 'step', …)` and its siblings."""
    steps = re.findall(r"'([^']*)'", call[3])
    return member("json" if call[1] == "value" else call[1], text(call[2]), steps)


def translate(sql: str) -> str:
    """The SQL of a view in DuckDB's words. Nothing is rewritten but calls of our functions, and where IGNORE NULLS stands."""
    sql = re.sub(r"\bfields\((\w+),\s*'([^']*)'\)", fields, sql)
    sql = re.sub(r"\bjson_(text|int|bool|time|list|value)\((\w+)((?:,\s*'[^']*')+)\)", one_member, sql)
    sql = re.sub(r"\blast_value\((\w+)\) IGNORE NULLS", r"last_value(\1 IGNORE NULLS)", sql)
    left = re.search(r"\b(fields|json_\w+)\((?!doc|item)\w+,\s*'(?!\$)", sql)
    if left:
        raise SystemExit(f"2: {left[0]} was not translated")
    return sql


def leaf_hash(entry: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + entry).digest()


def root(leaves: list[bytes]) -> bytes:
    """RFC 6962, section 2.1: a stack of complete subtrees, folded from the right at the end."""
    stack: list[tuple[int, bytes]] = []
    for leaf in leaves:
        stack.append((1, leaf))
        while len(stack) > 1 and stack[-1][0] == stack[-2][0]:
            (size, right), (_, left) = stack.pop(), stack.pop()
            stack.append((2 * size, hashlib.sha256(b"\x01" + left + right).digest()))
    _, node = stack.pop()
    while stack:
        node = hashlib.sha256(b"\x01" + stack.pop()[1] + node).digest()
    return node


def base64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def connect(data: pathlib.Path) -> duckdb.DuckDBPyConnection:
    """A database with the inner tables."""
    db = duckdb.connect()
    db.execute("SET TimeZone = 'UTC'")
    db.execute(MACROS)
    segments = sorted(str(path) for path in (data / "ledger" / "events").rglob("*.parquet"))
    if not segments:
        raise SystemExit("2: there is no segment: seal the ledger first")
    db.execute("CREATE TABLE entries AS SELECT * FROM read_parquet(?)", [segments])
    sealed = db.execute("SELECT count(*), max(seq) + 1 FROM entries").fetchone()
    if sealed[0] != sealed[1]:
        raise SystemExit(f"2: {sealed[0]} sealed entries end at {sealed[1]}")

    log = sqlite3.connect(f"{(data / 'log.sqlite').resolve().as_uri()}?mode=ro", uri=True)
    tail = log.execute("SELECT seq, entry, leaf, signature, key_id FROM entry WHERE seq >= ? ORDER BY seq", [sealed[1]])
    for seq, entry, leaf, signature, key_id in tail:
        event = json.loads(entry)
        actor = event["actor"]
        row = [seq, event["time"], event["id"], event["kind"], actor["id"], actor["kind"], actor["channel"], event.get("request_id")]
        db.execute(
            "INSERT INTO entries (seq, time, id, kind, actor_id, actor_kind, actor_channel, request_id, leaf, signature, key_id, entry)"
            " VALUES (?, CAST(? AS TIMESTAMPTZ), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [*row, leaf, signature, key_id, entry],
        )
    # The columns of the files say what the signed bytes say.
    lies = db.execute(
        """SELECT count(*) FROM entries WHERE seq <> int_at(decode(entry), '$."seq"') OR id <> text_at(decode(entry), '$."id"')
           OR kind <> text_at(decode(entry), '$."kind"') OR time <> time_at(decode(entry), '$."time"')
           OR actor_id <> text_at(decode(entry), '$."actor"."id"') OR actor_kind <> text_at(decode(entry), '$."actor"."kind"')
           OR actor_channel <> text_at(decode(entry), '$."actor"."channel"')
           OR request_id IS DISTINCT FROM text_at(decode(entry), '$."request_id"')"""
    ).fetchone()[0]
    leaves = []
    for entry, leaf in db.execute("SELECT entry, leaf FROM entries ORDER BY seq").fetchall():
        lies += leaf_hash(entry) != leaf
        leaves.append(leaf)
    if lies:
        raise SystemExit(f"1: {lies} entries whose columns are not what their bytes say")

    size, checkpoint = log.execute("SELECT size, checkpoint FROM head").fetchone()
    if size != len(leaves):
        raise SystemExit(f"2: the log has {size} entries, {len(leaves)} were found")
    db.execute("CREATE TABLE head (size BIGINT, root VARCHAR, checkpoint VARCHAR, origin VARCHAR)")
    origin = json.loads(db.execute("SELECT decode(entry) FROM entries WHERE seq = 0").fetchone()[0])["log"]
    db.execute("INSERT INTO head VALUES (?, ?, ?, ?)", [size, base64url(root(leaves)), checkpoint, origin])
    for column, moment in (("opened_at", "min"), ("last_at", "max")):
        db.execute(f"ALTER TABLE head ADD COLUMN {column} TIMESTAMPTZ")
        db.execute(f"UPDATE head SET {column} = (SELECT {moment}(time) FROM entries)")
    db.execute("CREATE TABLE notes (size BIGINT, note VARCHAR)")
    db.executemany("INSERT INTO notes VALUES (?, ?)", log.execute("SELECT size, note FROM checkpoint").fetchall())
    db.execute(
        """CREATE TABLE calendar AS
           SELECT strftime(day, '%Y-%m-%d') AS day, day AS starts_at, day + INTERVAL 1 DAY AS ends_at, day + INTERVAL 1 DAY <= last_at AS is_over
           FROM (SELECT last_at, unnest(generate_series(date_trunc('day', opened_at), date_trunc('day', last_at), INTERVAL 1 DAY)) AS day FROM head)"""
    )
    return db


def create_views(db: duckdb.DuckDBPyConnection, queries: pathlib.Path) -> list[str]:
    """Every view, those that others need first."""
    waiting = {path.stem: translate(path.read_text("utf-8")) for path in sorted((queries / "views").glob("*.sql"))}
    names = sorted(waiting)
    for name in NOT_COMPARED:
        waiting.pop(name, None)
    while waiting:
        made = []
        for name, sql in waiting.items():
            others = set(re.findall(r"\b(?:FROM|JOIN)\s+(\w+)", sql)) & set(waiting) - {name}
            # A common table expression of the same name stands in front of the view.
            others -= set(re.findall(r"\b(\w+) AS \(", sql))
            if not others:
                db.execute(f"CREATE VIEW {name} AS {sql}")
                made.append(name)
        if not made:
            raise SystemExit(f"2: {sorted(waiting)} wait for each other")
        for name in made:
            del waiting[name]
    return names


def theirs(db: duckdb.DuckDBPyConnection, name: str) -> tuple[list[str], list[tuple]]:
    """The rows of a view in DuckDB, in the form that answers of Privyseal have."""
    described = db.execute(f"DESCRIBE {name}").fetchall()
    columns, cells = [], []
    for column, kind, *_ in described:
        columns.append(column)
        quoted = f'"{column}"'
        if kind == "TIMESTAMP WITH TIME ZONE":
            cells.append(f"strftime(timezone('UTC', {quoted}), '%Y-%m-%dT%H:%M:%S.%fZ')")
        elif kind == "BLOB":
            cells.append(f"lower(hex({quoted}))")
        elif kind in ("VARCHAR", "BIGINT", "BOOLEAN", "VARCHAR[]", "JSON", "INTEGER"):
            cells.append(quoted)
        else:
            raise SystemExit(f"2: {name}.{column} is {kind} in DuckDB")
    return columns, db.execute(f"SELECT {', '.join(cells)} FROM {name}").fetchall()


def ours(name: str, arguments: argparse.Namespace) -> tuple[list[str], list[list]]:
    if arguments.answers:
        answer = json.loads((pathlib.Path(arguments.answers) / f"{name}.json").read_text("utf-8"))
        return answer["columns"], answer["rows"]
    command = [arguments.program, "--data", arguments.data, "sql", "--format", "json", "--limit", "100000000", f"SELECT * FROM {name}"]
    ran = subprocess.run(command, capture_output=True, check=False)
    if ran.returncode:
        raise SystemExit(f"2: {name}: {ran.stderr.decode()}")
    rows = json.loads(ran.stdout)
    columns = list(rows[0]) if rows else []
    return columns, [list(row.values()) for row in rows]


def compare(name: str, db: duckdb.DuckDBPyConnection, arguments: argparse.Namespace) -> tuple[int, list[str]]:
    """Rows compared, and what differs."""
    (columns, expected), (their_columns, found) = ours(name, arguments), theirs(db, name)
    if columns and columns != their_columns:
        return 0, [f"columns: Privyseal says {columns}, DuckDB {their_columns}"]
    line = lambda row: json.dumps(list(row), ensure_ascii=False)  # noqa: E731
    mine, other = collections.Counter(map(line, expected)), collections.Counter(map(line, found))
    wrong = []
    if mine != other:
        missing, more = sorted((mine - other).elements()), sorted((other - mine).elements())
        wrong.append(f"{len(expected)} rows in Privyseal, {len(found)} in DuckDB; {len(missing)} only here, {len(more)} only there")
        for one, two in zip(missing, more):
            differs = [
                f"{column}: {a!r} / {b!r}" for column, a, b in zip(their_columns, json.loads(one), json.loads(two)) if a != b
            ]
            wrong.append("; ".join(differs)[:1_000])
            break
        else:
            wrong.append((missing or more)[0][:1_000])
    return len(expected), wrong


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("data")
    parser.add_argument("queries")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--program")
    source.add_argument("--answers")
    arguments = parser.parse_args()
    began = datetime.datetime.now()
    db = connect(pathlib.Path(arguments.data))
    names = create_views(db, pathlib.Path(arguments.queries))
    unknown = sorted(set(NOT_COMPARED) - set(names))
    if unknown:
        raise SystemExit(f"2: NOT_COMPARED names {unknown}, which are no views")
    bad, empty, rows = 0, [], 0
    for name in names:
        if name in NOT_COMPARED:
            print(f"left out: {name}: {NOT_COMPARED[name]}")
            continue
        count, wrong = compare(name, db, arguments)
        rows += count
        bad += bool(wrong)
        if not count:
            empty.append(name)
        for text in wrong:
            print(f"differs: {name}: {text}")
    took = (datetime.datetime.now() - began).total_seconds()
    print(f"compared: {len(names) - len(NOT_COMPARED)} of {len(names)} views, {rows} rows, {took:.1f} s with DuckDB {duckdb.__version__}")
    print(f"empty: {', '.join(empty) or 'none'}")
    return 1 if bad else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except SystemExit as stop:
        if isinstance(stop.code, str):
            code, _, text = stop.code.partition(": ")
            print(text)
            sys.exit(int(code) if code.isdigit() else 2)
        raise
