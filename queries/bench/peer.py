"""The peer of `privyseal bench sql`: DuckDB over the same Parquet files, one JSON line in, one out."""

import datetime
import json
import sys
import time

import duckdb


def plain(value):
    """A value as our own answers write it."""
    if isinstance(value, datetime.datetime):
        return value.isoformat(timespec="microseconds") + "Z"
    if isinstance(value, (bytes, bytearray)):
        return value.hex()
    return value


def forget_peak():
    """Lets the kernel count the peak of resident memory anew."""
    with open("/proc/self/clear_refs", "w", encoding="ascii") as clear:
        clear.write("5")


def peak_kib():
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))


def main():
    start = json.loads(sys.stdin.readline())
    connection = duckdb.connect()
    for setting in start["settings"]:
        connection.execute(setting)
    files = ", ".join("'" + file.replace("'", "''") + "'" for file in start["files"])
    connection.execute(f"CREATE VIEW entries AS SELECT * FROM read_parquet([{files}])")
    print(json.dumps({"version": duckdb.__version__}), flush=True)
    for line in sys.stdin:
        question = json.loads(line)
        forget_peak()
        begun = time.perf_counter()
        try:
            rows = connection.execute(question["sql"]).fetchall()
        except duckdb.Error as error:
            print(json.dumps({"error": str(error)}), flush=True)
            continue
        took = time.perf_counter() - begun
        answer = {"ms": took * 1000, "count": len(rows), "peak_kib": peak_kib()}
        if question["rows"]:
            answer["rows"] = [[plain(value) for value in row] for row in rows]
        print(json.dumps(answer), flush=True)


main()
