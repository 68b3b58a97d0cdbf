"""A client in Python at the Flight SQL door: ADBC, as data frames are read with it. Ends with an error when it is not answered."""

import sys

import adbc_driver_flightsql.dbapi as flight
from adbc_driver_flightsql import DatabaseOptions

port, key, nobody = sys.argv[1], sys.argv[2], sys.argv[3]
# With a certificate everything is as without one.
certificate = open(sys.argv[4], encoding="ascii").read() if len(sys.argv) > 4 else None
URI = f"grpc{'+tls' if certificate else ''}://127.0.0.1:{port}"


def connect(user, password, **headers):
    options = {"username": user, "password": password}
    if certificate:
        options[DatabaseOptions.TLS_ROOT_CERTS.value] = certificate
    options.update({f"{DatabaseOptions.RPC_CALL_HEADER_PREFIX.value}{name}": value for name, value in headers.items()})
    return flight.connect(URI, db_kwargs=options, autocommit=True)


with connect("ana", key) as connection, connection.cursor() as cursor:
    cursor.execute("SELECT seq, time, kind, seq = 0 AS first FROM events WHERE seq < 3 ORDER BY seq")
    table = cursor.fetch_arrow_table()
    assert table.column("seq").to_pylist() == [0, 1, 2], table
    assert str(table.schema.field("time").type) == "timestamp[us, tz=UTC]", table.schema
    cursor.execute("SELECT kind FROM events WHERE seq = $1", (0,))
    assert cursor.fetchall() == [("ledger.opened",)]
    try:
        cursor.execute("SELECT nixda FROM events")
        raise SystemExit("a column that is not there was answered")
    except flight.Error as error:
        assert "no column `nixda`" in str(error), error
    objects = connection.adbc_get_objects(depth="columns").read_all().to_pylist()
    tables = [table for catalog in objects for schema in catalog["catalog_db_schemas"] for table in schema["db_schema_tables"]]
    requests = next(table for table in tables if table["table_name"] == "requests")
    assert any(column["column_name"] == "requested_at" for column in requests["table_columns"]), requests
    assert connection.adbc_get_info()["vendor_name"] == "Privyseal"
    assert connection.adbc_get_table_types() == ["TABLE"]

with connect("ana", key, **{"privyseal-as-of-seq": "3"}) as connection, connection.cursor() as cursor:
    cursor.execute("SELECT max(seq) FROM events")
    assert cursor.fetchall() == [(3,)]

for user, password, words in [("ana", nobody, "sign in"), ("nora", nobody, "does not hold the role"), ("ana", "pv_wrong", "sign in")]:
    try:
        with connect(user, password) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT seq FROM events")
        raise SystemExit(f"{user} was answered")
    except flight.Error as error:
        assert words in str(error), error

print("ADBC was answered")
