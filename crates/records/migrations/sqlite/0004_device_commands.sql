-- What people and programs told devices to do. Instants are microseconds since
-- 1970-01-01T00:00Z. `state` is queued until the device has the command, refuses it, or it expires.

INSERT INTO counter (name, last) VALUES ('device_command', 0);

CREATE TABLE device_command (
    id INTEGER PRIMARY KEY,
    device INTEGER NOT NULL REFERENCES device (id),
    name TEXT NOT NULL,
    payload TEXT NOT NULL,
    made_us INTEGER NOT NULL,
    actor TEXT NOT NULL,
    app_user INTEGER,
    token INTEGER,
    why TEXT,
    expires_us INTEGER NOT NULL,
    state TEXT NOT NULL,
    state_us INTEGER NOT NULL
) STRICT;
CREATE INDEX device_command_device ON device_command (device, id);
CREATE INDEX device_command_queued ON device_command (id) WHERE state = 'queued';
