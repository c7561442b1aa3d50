-- What people and programs told devices to do. Instants are microseconds since
-- 1970-01-01T00:00Z. `state` is queued until the device has the command, refuses it, or it expires.

INSERT INTO counter (name, last) VALUES ('device_command', 0);

CREATE TABLE device_command (
    id BIGINT PRIMARY KEY,
    device BIGINT NOT NULL REFERENCES device (id),
    name TEXT NOT NULL,
    payload TEXT NOT NULL,
    made_us BIGINT NOT NULL,
    actor TEXT NOT NULL,
    app_user BIGINT,
    token BIGINT,
    why TEXT,
    expires_us BIGINT NOT NULL,
    state TEXT NOT NULL,
    state_us BIGINT NOT NULL
);
CREATE INDEX device_command_device ON device_command (device, id);
CREATE INDEX device_command_queued ON device_command (id) WHERE state = 'queued';
