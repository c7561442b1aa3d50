-- Times are microseconds since 1970-01-01T00:00Z; days are "YYYY-MM-DD".

-- The last number given to each kind of thing. Numbers are never used twice.
CREATE TABLE counter (
    name TEXT PRIMARY KEY,
    last BIGINT NOT NULL
);
INSERT INTO counter (name, last) VALUES
    ('organisation', 0), ('app_user', 0), ('token', 0), ('session', 0), ('share', 0), ('audit', 0),
    ('forecast', 0);

-- The one row that says where the journal ends. Who writes to the journal holds it.
CREATE TABLE journal_head (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    sequence BIGINT NOT NULL,
    at_us BIGINT,
    hash TEXT NOT NULL
);
INSERT INTO journal_head (id, sequence, at_us, hash)
    VALUES (1, 0, NULL, '0000000000000000000000000000000000000000000000000000000000000000');

-- What was committed at once, by whom and why. `hash` covers the set and the hash before it;
-- `app_user` and `token` repeat the actor, for queries.
CREATE TABLE change_set (
    sequence BIGINT PRIMARY KEY,
    at_us BIGINT NOT NULL,
    actor TEXT NOT NULL,
    app_user BIGINT,
    token BIGINT,
    why TEXT,
    hash TEXT NOT NULL
);
CREATE INDEX change_set_at ON change_set (at_us);

-- One record before and after a change, in canonical form. The settings have kind 'settings'.
CREATE TABLE change (
    sequence BIGINT NOT NULL REFERENCES change_set (sequence),
    ordinal BIGINT NOT NULL,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    text_before TEXT,
    text_after TEXT,
    PRIMARY KEY (sequence, ordinal)
);
CREATE INDEX change_record ON change (kind, id, sequence);

-- Which request a change set answered, so that a repeated request is not done twice.
CREATE TABLE commit_key (
    principal TEXT NOT NULL,
    key TEXT NOT NULL,
    sequence BIGINT NOT NULL REFERENCES change_set (sequence),
    at_us BIGINT NOT NULL,
    PRIMARY KEY (principal, key)
);
CREATE INDEX commit_key_at ON commit_key (at_us);

-- Answers to requests that may come again; `taken_us` says since when one is being answered.
CREATE TABLE answer (
    principal TEXT NOT NULL,
    key TEXT NOT NULL,
    request_hash TEXT NOT NULL,
    at_us BIGINT NOT NULL,
    taken_us BIGINT,
    status BIGINT,
    headers TEXT,
    body TEXT,
    PRIMARY KEY (principal, key)
);
CREATE INDEX answer_at ON answer (at_us);

CREATE TABLE organisation (
    id BIGINT PRIMARY KEY,
    name TEXT NOT NULL,
    kind TEXT NOT NULL
);

-- `email_key` is the address in lower case: what makes two addresses one.
CREATE TABLE app_user (
    id BIGINT PRIMARY KEY,
    email TEXT NOT NULL,
    email_key TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    organisation BIGINT NOT NULL REFERENCES organisation (id),
    discipline TEXT,
    password_hash TEXT,
    disabled BIGINT NOT NULL,
    created_us BIGINT NOT NULL,
    seen_us BIGINT
);

CREATE TABLE session (
    id BIGINT PRIMARY KEY,
    secret_hash TEXT NOT NULL UNIQUE,
    app_user BIGINT NOT NULL REFERENCES app_user (id),
    created_us BIGINT NOT NULL,
    seen_us BIGINT NOT NULL,
    client TEXT NOT NULL
);
CREATE INDEX session_of_user ON session (app_user);

-- `app_user` is empty for the link with which the first owner is made.
CREATE TABLE one_time (
    secret_hash TEXT PRIMARY KEY,
    app_user BIGINT REFERENCES app_user (id),
    expires_us BIGINT NOT NULL
);

CREATE TABLE token (
    id BIGINT PRIMARY KEY,
    secret_hash TEXT NOT NULL UNIQUE,
    app_user BIGINT NOT NULL REFERENCES app_user (id),
    name TEXT NOT NULL,
    scopes TEXT NOT NULL,
    created_us BIGINT NOT NULL,
    expires_us BIGINT,
    seen_us BIGINT,
    revoked_us BIGINT
);

CREATE TABLE share (
    id BIGINT PRIMARY KEY,
    organisation BIGINT NOT NULL REFERENCES organisation (id),
    kind TEXT NOT NULL,
    record TEXT NOT NULL,
    level TEXT NOT NULL,
    created_by TEXT NOT NULL,
    at_us BIGINT NOT NULL,
    UNIQUE (organisation, kind, record)
);

-- Failed attempts to sign in, by account and by client. Subjects are hashes.
CREATE TABLE sign_in_failure (
    subject TEXT PRIMARY KEY,
    failures BIGINT NOT NULL,
    last_us BIGINT NOT NULL
);
CREATE INDEX sign_in_failure_last ON sign_in_failure (last_us);

CREATE TABLE audit (
    id BIGINT PRIMARY KEY,
    at_us BIGINT NOT NULL,
    actor TEXT NOT NULL,
    app_user BIGINT,
    token BIGINT,
    event TEXT NOT NULL,
    detail TEXT NOT NULL,
    client TEXT NOT NULL
);

-- Forecasts as they were told, to see later how well they were calibrated.
CREATE TABLE forecast (
    id BIGINT PRIMARY KEY,
    sequence BIGINT NOT NULL,
    at_us BIGINT NOT NULL,
    as_of TEXT NOT NULL
);
CREATE INDEX forecast_at ON forecast (at_us);

-- The dates of one milestone or decision in a forecast; `body` is JSON.
CREATE TABLE forecast_item (
    forecast BIGINT NOT NULL REFERENCES forecast (id),
    ordinal BIGINT NOT NULL,
    item TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (forecast, ordinal)
);
CREATE INDEX forecast_item_item ON forecast_item (item);

-- What-ifs that are being worked on.
CREATE TABLE draft (
    id TEXT PRIMARY KEY,
    owner BIGINT NOT NULL REFERENCES app_user (id),
    title TEXT NOT NULL,
    changes TEXT NOT NULL,
    shared BIGINT NOT NULL,
    updated_us BIGINT NOT NULL,
    version BIGINT NOT NULL
);
CREATE INDEX draft_owner ON draft (owner);
