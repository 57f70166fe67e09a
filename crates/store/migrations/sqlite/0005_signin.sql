-- Signing in: keys that are not for good, what is good for a while and whoever comes first, and the passwords of those who
-- have no identity provider. Times are microseconds since 1970 (UTC).

ALTER TABLE keys ADD COLUMN kind TEXT NOT NULL DEFAULT 'long_lived'
    CHECK (kind IN ('long_lived', 'session', 'browser', 'ephemeral'));
ALTER TABLE keys ADD COLUMN parent_id TEXT REFERENCES keys (id);
CREATE INDEX keys_by_parent ON keys (parent_id) WHERE parent_id IS NOT NULL;

CREATE TABLE tickets (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    body TEXT NOT NULL,
    version INTEGER NOT NULL,               -- raised at every change: whoever replaces one says which they saw
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (kind, name)
) STRICT;
CREATE INDEX tickets_by_end ON tickets (expires_at);

CREATE TABLE passwords (
    user_id TEXT PRIMARY KEY REFERENCES users (id),
    login TEXT NOT NULL UNIQUE,        -- an address in lower case
    hash TEXT NOT NULL,                 -- of Argon2id, with its parameters and salt
    changed_at INTEGER NOT NULL
) STRICT;
