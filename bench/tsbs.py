"""Loads readings.csv and diagnostics.csv of a folder into tables on disk, with DuckDB or chDB, asks
all questions of a JSON file, and prints how long each took.

    tsbs.py ENGINE FOLDER QUESTIONS ROUNDS
"""

import csv
import json
import os
import resource
import sys
import time

engine, folder, asked, rounds = sys.argv[1:5]
with open(asked) as file:
    questions = json.load(file)

TAGS = ["device", "fleet", "driver", "model", "device_version"]
STATICS = ["load_capacity", "fuel_capacity", "nominal_fuel_consumption"]
TABLES = {
    "readings": [
        "latitude",
        "longitude",
        "elevation",
        "velocity",
        "heading",
        "grade",
        "fuel_consumption",
    ],
    "diagnostics": ["fuel_state", "current_load", "status"],
}


def columns(table, text, time_type, number):
    named = [(it, text) for it in TAGS] + [("captured", time_type)]
    return named + [(it, number) for it in STATICS + TABLES[table]]


def listed(pairs):
    return ", ".join(f"{name} {kind}" for name, kind in pairs)


home = os.path.join(folder, engine)
os.makedirs(home)
load_seconds = 0.0
if engine == "duckdb":
    import duckdb

    version = duckdb.__version__
    database = os.path.join(home, "tsbs.duckdb")
    connection = duckdb.connect(database)
    connection.execute("SET TimeZone = 'UTC'")
    for table in TABLES:
        connection.execute(
            f"CREATE TABLE {table}({listed(columns(table, 'VARCHAR', 'TIMESTAMP', 'DOUBLE'))})"
        )
        names = [name for name, _ in columns(table, "VARCHAR", "BIGINT", "DOUBLE")]
        typed = dict(columns(table, "VARCHAR", "BIGINT", "DOUBLE"))
        chosen = ", ".join(
            "make_timestamp(captured * 1000000)" if it == "captured" else it for it in names
        )
        begun = time.perf_counter()
        connection.execute(
            f"INSERT INTO {table} SELECT {chosen} FROM "
            f"read_csv('{folder}/{table}.csv', header = false, columns = {json.dumps(typed)})"
        )
        connection.execute("CHECKPOINT")
        load_seconds += time.perf_counter() - begun

    def ask(question):
        return connection.execute(question).fetchall()

    def size():
        return os.path.getsize(database)

else:
    import chdb
    from chdb import session

    version = chdb.__version__
    connection = session.Session(home)
    connection.query("CREATE DATABASE IF NOT EXISTS bench")
    for table in TABLES:
        kinds = columns(table, "LowCardinality(String)", "DateTime('UTC')", "Float64")
        connection.query(
            f"CREATE TABLE bench.{table}({listed(kinds)}) "
            "ENGINE = MergeTree ORDER BY (device, captured)"
        )
        read = listed(columns(table, "String", "DateTime('UTC')", "Float64"))
        read = read.replace("'", "\\'")
        begun = time.perf_counter()
        connection.query(
            f"INSERT INTO bench.{table} SELECT * FROM file('{folder}/{table}.csv', CSV, '{read}')"
        )
        load_seconds += time.perf_counter() - begun
        # Parts are merged in the background; questions are asked of the settled table.
        connection.query(f"OPTIMIZE TABLE bench.{table} FINAL")
    connection.query("USE bench")

    def ask(question):
        return list(csv.reader(str(connection.query(question, "CSV")).splitlines()))

    def size():
        told = connection.query(
            "SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database = 'bench'", "CSV"
        )
        return int(str(told).strip())


answers = []
for question in questions:
    best, rows = float("inf"), []
    for _ in range(int(rounds)):
        begun = time.perf_counter()
        rows = ask(question)
        best = min(best, time.perf_counter() - begun)
    texts = [["" if cell is None else str(cell) for cell in row] for row in rows]
    answers.append({"seconds": best, "rows": texts})

print(
    json.dumps(
        {
            "version": version,
            "load_seconds": load_seconds,
            "bytes": size(),
            "peak_kib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
            "questions": answers,
        }
    )
)
