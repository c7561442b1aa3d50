"""Loads readings from CSV into a table on disk, with DuckDB or chDB, and prints how that went.

    load_csv.py ENGINE CSV FOLDER
"""

import json
import os
import resource
import sys
import time

engine, csv, folder = sys.argv[1:4]
os.makedirs(folder)


def size(path):
    return sum(
        os.path.getsize(os.path.join(at, name)) for at, _, names in os.walk(path) for name in names
    )


if engine == "duckdb":
    import duckdb

    version = duckdb.__version__
    table = duckdb.connect(os.path.join(folder, "climate.duckdb"))
    table.execute(
        "CREATE TABLE climate(device VARCHAR, captured TIMESTAMP, temperature DOUBLE, "
        "humidity DOUBLE, battery DOUBLE, rssi BIGINT, door_open BOOLEAN)"
    )
    begun = time.perf_counter()
    table.execute(f"COPY climate FROM '{csv}' (HEADER)")
    table.execute("CHECKPOINT")
    seconds = time.perf_counter() - begun
    rows = table.execute("SELECT count(*) FROM climate").fetchone()[0]
    table.close()
else:
    import chdb
    from chdb import session

    version = chdb.__version__
    table = session.Session(folder)
    table.query("CREATE DATABASE IF NOT EXISTS bench")
    table.query(
        "CREATE TABLE bench.climate(device LowCardinality(String), captured DateTime, "
        "temperature Float64, humidity Float64, battery Float64, rssi Int64, door_open Bool) "
        "ENGINE = MergeTree ORDER BY (device, captured)"
    )
    begun = time.perf_counter()
    table.query(
        f"INSERT INTO bench.climate SELECT * FROM file('{csv}', CSVWithNames, "
        "'device String, captured DateTime, temperature Float64, humidity Float64, "
        "battery Float64, rssi Int64, door_open Bool')"
    )
    seconds = time.perf_counter() - begun
    rows = int(str(table.query("SELECT count() FROM bench.climate", "CSV")).strip())
    # Else the bytes of parts that were merged count too.
    table.query("OPTIMIZE TABLE bench.climate FINAL")
    active = "SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND table = 'climate'"
    stored = int(str(table.query(active, "CSV")).strip())

print(
    json.dumps(
        {
            "version": version,
            "seconds": seconds,
            "rows": rows,
            "bytes": size(folder) if engine == "duckdb" else stored,
            "peak_kib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        }
    )
)
