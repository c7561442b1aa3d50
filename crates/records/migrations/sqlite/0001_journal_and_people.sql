-- Times are microseconds since 1970-01-01T00:00Z; days are "YYYY-MM-DD".

-- The last number given to each kind of thing. Numbers are never used twice.
CREATE TABLE counter (
    name TEXT PRIMARY KEY,
    last INTEGER NOT NULL
) STRICT;
INSERT INTO counter (name, last) VALUES
    ('organisation', 0), ('app_user', 0), ('token', 0), ('session', 0), ('share', 0), ('audit', 0),
    ('forecast', 0);

-- The one row that says where the journal ends. Who writes to the journal holds it.
CREATE TABLE journal_head (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    sequence INTEGER NOT NULL,
    at_us INTEGER,
    hash TEXT NOT NULL
) STRICT;
INSERT INTO journal_head (id, sequence, at_us, hash)
    VALUES (1, 0, NULL, '0000000000000000000000000000000000000000000000000000000000000000');

-- What was committed at once, by whom and why. `hash` covers the set and the hash before it;
-- `app_user` and `token` repeat the actor, for queries.
CREATE TABLE change_set (
    sequence INTEGER PRIMARY KEY,
    at_us INTEGER NOT NULL,
    actor TEXT NOT NULL,
    app_user INTEGER,
    token INTEGER,
    why TEXT,
    hash TEXT NOT NULL
) STRICT;
CREATE INDEX change_set_at ON change_set (at_us);

-- One record before and after a change, in canonical form. The settings have kind 'settings'.
CREATE TABLE change (
    sequence INTEGER NOT NULL REFERENCES change_set (sequence),
    ordinal INTEGER NOT NULL,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    text_before TEXT,
    text_after TEXT,
    PRIMARY KEY (sequence, ordinal)
) STRICT;
CREATE INDEX change_record ON change (kind, id, sequence);

-- Which request a change set answered, so that a repeated request is not done twice.
CREATE TABLE commit_key (
    principal TEXT NOT NULL,
    key TEXT NOT NULL,
    sequence INTEGER NOT NULL REFERENCES change_set (sequence),
    at_us INTEGER NOT NULL,
    PRIMARY KEY (principal, key)
) STRICT;
CREATE INDEX commit_key_at ON commit_key (at_us);

-- Answers to requests that may come again; `taken_us` says since when one is being answered.
CREATE TABLE answer (
    principal TEXT NOT NULL,
    key TEXT NOT NULL,
    request_hash TEXT NOT NULL,
    at_us INTEGER NOT NULL,
    taken_us INTEGER,
    status INTEGER,
    headers TEXT,
    body TEXT,
    PRIMARY KEY (principal, key)
) STRICT;
CREATE INDEX answer_at ON answer (at_us);

CREATE TABLE organisation (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    kind TEXT NOT NULL
) STRICT;

-- `email_key` is the address in lower case: what makes two addresses one.
CREATE TABLE app_user (
    id INTEGER PRIMARY KEY,
    email TEXT NOT NULL,
    email_key TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    organisation INTEGER NOT NULL REFERENCES organisation (id),
    discipline TEXT,
    password_hash TEXT,
    disabled INTEGER NOT NULL,
    created_us INTEGER NOT NULL,
    seen_us INTEGER
) STRICT;

CREATE TABLE session (
    id INTEGER PRIMARY KEY,
    secret_hash TEXT NOT NULL UNIQUE,
    app_user INTEGER NOT NULL REFERENCES app_user (id),
    created_us INTEGER NOT NULL,
    seen_us INTEGER NOT NULL,
    client TEXT NOT NULL
) STRICT;
CREATE INDEX session_of_user ON session (app_user);

-- `app_user` is empty for the link with which the first owner is made.
CREATE TABLE one_time (
    secret_hash TEXT PRIMARY KEY,
    app_user INTEGER REFERENCES app_user (id),
    expires_us INTEGER NOT NULL
) STRICT;

CREATE TABLE token (
    id INTEGER PRIMARY KEY,
    secret_hash TEXT NOT NULL UNIQUE,
    app_user INTEGER NOT NULL REFERENCES app_user (id),
    name TEXT NOT NULL,
    scopes TEXT NOT NULL,
    created_us INTEGER NOT NULL,
    expires_us INTEGER,
    seen_us INTEGER,
    revoked_us INTEGER
) STRICT;

CREATE TABLE share (
    id INTEGER PRIMARY KEY,
    organisation INTEGER NOT NULL REFERENCES organisation (id),
    kind TEXT NOT NULL,
    record TEXT NOT NULL,
    level TEXT NOT NULL,
    created_by TEXT NOT NULL,
    at_us INTEGER NOT NULL,
    UNIQUE (organisation, kind, record)
) STRICT;

-- Failed attempts to sign in, by account and by client. Subjects are hashes.
CREATE TABLE sign_in_failure (
    subject TEXT PRIMARY KEY,
    failures INTEGER NOT NULL,
    last_us INTEGER NOT NULL
) STRICT;
CREATE INDEX sign_in_failure_last ON sign_in_failure (last_us);

CREATE TABLE audit (
    id INTEGER PRIMARY KEY,
    at_us INTEGER NOT NULL,
    actor TEXT NOT NULL,
    app_user INTEGER,
    token INTEGER,
    event TEXT NOT NULL,
    detail TEXT NOT NULL,
    client TEXT NOT NULL
) STRICT;

-- Forecasts as they were told, to see later how well they were calibrated.
CREATE TABLE forecast (
    id INTEGER PRIMARY KEY,
    sequence INTEGER NOT NULL,
    at_us INTEGER NOT NULL,
    as_of TEXT NOT NULL
) STRICT;
CREATE INDEX forecast_at ON forecast (at_us);

-- The dates of one milestone or decision in a forecast; `body` is JSON.
CREATE TABLE forecast_item (
    forecast INTEGER NOT NULL REFERENCES forecast (id),
    ordinal INTEGER NOT NULL,
    item TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (forecast, ordinal)
) STRICT;
CREATE INDEX forecast_item_item ON forecast_item (item);

-- What-ifs that are being worked on.
CREATE TABLE draft (
    id TEXT PRIMARY KEY,
    owner INTEGER NOT NULL REFERENCES app_user (id),
    title TEXT NOT NULL,
    changes TEXT NOT NULL,
    shared INTEGER NOT NULL,
    updated_us INTEGER NOT NULL,
    version INTEGER NOT NULL
) STRICT;
CREATE INDEX draft_owner ON draft (owner);
