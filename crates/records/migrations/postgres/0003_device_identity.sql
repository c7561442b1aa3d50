-- Who devices are: what they enrol with, the certificates that they got, and when they were
-- revoked. Instants are microseconds since 1970-01-01T00:00Z.

INSERT INTO counter (name, last) VALUES
    ('device_claim', 0), ('device_certificate', 0), ('device_revocation', 0);

-- Claim tokens, of which only the hash is kept. `key_hash` is that of the public key that it was
-- used for: the token is good for no other. `void_us` is when its device was revoked.
CREATE TABLE device_claim (
    id BIGINT PRIMARY KEY,
    device BIGINT NOT NULL REFERENCES device (id),
    secret_hash TEXT NOT NULL UNIQUE,
    made_us BIGINT NOT NULL,
    actor TEXT NOT NULL,
    app_user BIGINT,
    token BIGINT,
    expires_us BIGINT NOT NULL,
    key_hash TEXT,
    used_us BIGINT,
    void_us BIGINT
);
CREATE INDEX device_claim_device ON device_claim (device, id);

-- `proof` says what the device was let in by: claim, factory or rotation.
CREATE TABLE device_certificate (
    id BIGINT PRIMARY KEY,
    device BIGINT NOT NULL REFERENCES device (id),
    number TEXT NOT NULL,
    proof TEXT NOT NULL,
    since_us BIGINT NOT NULL,
    until_us BIGINT NOT NULL
);
CREATE INDEX device_certificate_device ON device_certificate (device, id);

-- No certificate from before is good, and none of the factory.
CREATE TABLE device_revocation (
    id BIGINT PRIMARY KEY,
    device BIGINT NOT NULL REFERENCES device (id),
    at_us BIGINT NOT NULL,
    actor TEXT NOT NULL,
    app_user BIGINT,
    token BIGINT,
    why TEXT
);
CREATE INDEX device_revocation_device ON device_revocation (device, id);
