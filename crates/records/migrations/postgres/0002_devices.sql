-- The device registry. Instants are microseconds since 1970-01-01T00:00Z; an interval without an
-- end ends at 9223372036854775807.

INSERT INTO counter (name, last) VALUES
    ('device', 0), ('device_change', 0), ('device_event', 0), ('device_import', 0);

-- What was changed at once, by whom, why and from where. Who writes to the registry holds the
-- counter of this table first, so that one change follows the other.
CREATE TABLE device_change (
    id BIGINT PRIMARY KEY,
    at_us BIGINT NOT NULL,
    actor TEXT NOT NULL,
    app_user BIGINT,
    token BIGINT,
    why TEXT,
    origin TEXT NOT NULL
);

-- Each device as it is today. `version` is the number of the last row written to its versions.
CREATE TABLE device (
    id BIGINT PRIMARY KEY,
    serial TEXT COLLATE "C" NOT NULL UNIQUE,
    product TEXT,
    revision TEXT,
    build TEXT,
    lot TEXT,
    market TEXT,
    carrier TEXT,
    firmware TEXT,
    owner BIGINT REFERENCES organisation (id),
    gateway TEXT,
    state TEXT NOT NULL,
    state_us BIGINT,
    since_us BIGINT NOT NULL,
    version BIGINT NOT NULL
);
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
    device BIGINT NOT NULL REFERENCES device (id),
    number BIGINT NOT NULL,
    since_us BIGINT NOT NULL,
    until_us BIGINT NOT NULL,
    said BIGINT NOT NULL,
    change BIGINT NOT NULL REFERENCES device_change (id),
    written BIGINT NOT NULL REFERENCES device_change (id),
    superseded BIGINT,
    product TEXT,
    revision TEXT,
    build TEXT,
    lot TEXT,
    market TEXT,
    carrier TEXT,
    firmware TEXT,
    owner BIGINT,
    gateway TEXT,
    PRIMARY KEY (device, number)
);

-- What happened to a device. `retracted` is the change that struck the event out.
CREATE TABLE device_event (
    id BIGINT PRIMARY KEY,
    device BIGINT NOT NULL REFERENCES device (id),
    kind TEXT NOT NULL,
    at_us BIGINT NOT NULL,
    cause TEXT,
    source TEXT,
    note TEXT,
    change BIGINT NOT NULL REFERENCES device_change (id),
    retracted BIGINT
);
CREATE INDEX device_event_at ON device_event (device, at_us, id);

-- How many devices are alike; what is not known is '' and 0. Kept in step by every change.
CREATE TABLE device_count (
    product TEXT NOT NULL,
    revision TEXT NOT NULL,
    firmware TEXT NOT NULL,
    market TEXT NOT NULL,
    carrier TEXT NOT NULL,
    state TEXT NOT NULL,
    owner BIGINT NOT NULL,
    n BIGINT NOT NULL,
    PRIMARY KEY (product, revision, firmware, market, carrier, state, owner)
);

-- Changes on their way in: previewed, then applied at once. `applied` is the change they became.
CREATE TABLE device_import (
    id BIGINT PRIMARY KEY,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    actor TEXT NOT NULL,
    at_us BIGINT NOT NULL,
    token TEXT NOT NULL,
    refused BIGINT NOT NULL,
    refusals TEXT NOT NULL,
    applied BIGINT
);

-- `given` has a bit for each fact that the row gives, `said` for each that would change; `device`
-- and `seen` are the device and its version as the preview found them. `is_late` is 1 where the
-- change reaches back before the newest version.
CREATE TABLE device_import_row (
    import BIGINT NOT NULL,
    line BIGINT NOT NULL,
    serial TEXT COLLATE "C" NOT NULL,
    since_us BIGINT NOT NULL,
    given BIGINT NOT NULL,
    product TEXT,
    revision TEXT,
    build TEXT,
    lot TEXT,
    market TEXT,
    carrier TEXT,
    firmware TEXT,
    owner BIGINT,
    gateway TEXT,
    device BIGINT,
    seen BIGINT,
    is_late BIGINT NOT NULL DEFAULT 0,
    said BIGINT NOT NULL DEFAULT 0,
    verdict TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (import, line)
);
CREATE INDEX device_import_row_serial ON device_import_row (import, serial, line);

CREATE TABLE device_import_event (
    import BIGINT NOT NULL,
    line BIGINT NOT NULL,
    serial TEXT COLLATE "C" NOT NULL,
    kind TEXT NOT NULL,
    at_us BIGINT NOT NULL,
    cause TEXT,
    source TEXT,
    note TEXT,
    device BIGINT,
    verdict TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (import, line)
);
CREATE INDEX device_import_event_serial ON device_import_event (import, serial, at_us, kind, line);
