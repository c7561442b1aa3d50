-- The device registry. Instants are microseconds since 1970-01-01T00:00Z; an interval without an
-- end ends at 9223372036854775807.

INSERT INTO counter (name, last) VALUES
    ('device', 0), ('device_change', 0), ('device_event', 0), ('device_import', 0);

-- What was changed at once, by whom, why and from where. Who writes to the registry holds the
-- counter of this table first, so that one change follows the other.
CREATE TABLE device_change (
    id INTEGER PRIMARY KEY,
    at_us INTEGER NOT NULL,
    actor TEXT NOT NULL,
    app_user INTEGER,
    token INTEGER,
    why TEXT,
    origin TEXT NOT NULL
) STRICT;

-- Each device as it is today. `version` is the number of the last row written to its versions.
CREATE TABLE device (
    id INTEGER PRIMARY KEY,
    serial TEXT NOT NULL UNIQUE,
    product TEXT,
    revision TEXT,
    build TEXT,
    lot TEXT,
    market TEXT,
    carrier TEXT,
    firmware TEXT,
    owner INTEGER REFERENCES organisation (id),
    gateway TEXT,
    state TEXT NOT NULL,
    state_us INTEGER,
    since_us INTEGER NOT NULL,
    version INTEGER NOT NULL
) STRICT;
CREATE INDEX device_revision ON device (revision, serial);
CREATE INDEX device_firmware ON device (firmware, serial);
CREATE INDEX device_market ON device (market, serial);
CREATE INDEX device_carrier ON device (carrier, serial);
CREATE INDEX device_state ON device (state, serial);
CREATE INDEX device_build ON device (build, serial) WHERE build IS NOT NULL;
CREATE INDEX device_lot ON device (lot, serial) WHERE lot IS NOT NULL;
CREATE INDEX device_owner ON device (owner, serial) WHERE owner IS NOT NULL;
CREATE INDEX device_gateway ON device (gateway, serial) WHERE gateway IS NOT NULL;

-- What was true of a device from one instant until another. `said` has a bit for each fact that
-- this version's own change said; `change` is that change, `written` the one that wrote the row,
-- later where a change that reaches back had to write it anew. `superseded` is the change that
-- replaced the row: nothing is removed.
CREATE TABLE device_version (
    device INTEGER NOT NULL REFERENCES device (id),
    number INTEGER NOT NULL,
    since_us INTEGER NOT NULL,
    until_us INTEGER NOT NULL,
    said INTEGER NOT NULL,
    change INTEGER NOT NULL REFERENCES device_change (id),
    written INTEGER NOT NULL REFERENCES device_change (id),
    superseded INTEGER,
    product TEXT,
    revision TEXT,
    build TEXT,
    lot TEXT,
    market TEXT,
    carrier TEXT,
    firmware TEXT,
    owner INTEGER,
    gateway TEXT,
    PRIMARY KEY (device, number)
) STRICT, WITHOUT ROWID;

-- What happened to a device. `retracted` is the change that struck the event out.
CREATE TABLE device_event (
    id INTEGER PRIMARY KEY,
    device INTEGER NOT NULL REFERENCES device (id),
    kind TEXT NOT NULL,
    at_us INTEGER NOT NULL,
    cause TEXT,
    source TEXT,
    note TEXT,
    change INTEGER NOT NULL REFERENCES device_change (id),
    retracted INTEGER
) STRICT;
CREATE INDEX device_event_at ON device_event (device, at_us, id);

-- How many devices are alike; what is not known is '' and 0. Kept in step by every change.
CREATE TABLE device_count (
    product TEXT NOT NULL,
    revision TEXT NOT NULL,
    firmware TEXT NOT NULL,
    market TEXT NOT NULL,
    carrier TEXT NOT NULL,
    state TEXT NOT NULL,
    owner INTEGER NOT NULL,
    n INTEGER NOT NULL,
    PRIMARY KEY (product, revision, firmware, market, carrier, state, owner)
) STRICT, WITHOUT ROWID;

-- Changes on their way in: previewed, then applied at once. `applied` is the change they became.
CREATE TABLE device_import (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    actor TEXT NOT NULL,
    at_us INTEGER NOT NULL,
    token TEXT NOT NULL,
    refused INTEGER NOT NULL,
    refusals TEXT NOT NULL,
    applied INTEGER
) STRICT;

-- `given` has a bit for each fact that the row gives, `said` for each that would change; `device`
-- and `seen` are the device and its version as the preview found them. `is_late` is 1 where the
-- change reaches back before the newest version.
CREATE TABLE device_import_row (
    import INTEGER NOT NULL,
    line INTEGER NOT NULL,
    serial TEXT NOT NULL,
    since_us INTEGER NOT NULL,
    given INTEGER NOT NULL,
    product TEXT,
    revision TEXT,
    build TEXT,
    lot TEXT,
    market TEXT,
    carrier TEXT,
    firmware TEXT,
    owner INTEGER,
    gateway TEXT,
    device INTEGER,
    seen INTEGER,
    is_late INTEGER NOT NULL DEFAULT 0,
    said INTEGER NOT NULL DEFAULT 0,
    verdict TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (import, line)
) STRICT, WITHOUT ROWID;
CREATE INDEX device_import_row_serial ON device_import_row (import, serial, line);

CREATE TABLE device_import_event (
    import INTEGER NOT NULL,
    line INTEGER NOT NULL,
    serial TEXT NOT NULL,
    kind TEXT NOT NULL,
    at_us INTEGER NOT NULL,
    cause TEXT,
    source TEXT,
    note TEXT,
    device INTEGER,
    verdict TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (import, line)
) STRICT, WITHOUT ROWID;
CREATE INDEX device_import_event_serial ON device_import_event (import, serial, at_us, kind, line);
