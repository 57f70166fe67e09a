-- Signing in: keys that are not for good, what is good for a while and whoever comes first, and the passwords of those who
-- have no identity provider. Times are microseconds since 1970 (UTC).

ALTER TABLE keys ADD COLUMN kind TEXT NOT NULL DEFAULT 'long_lived'
    CHECK (kind IN ('long_lived', 'session', 'browser', 'ephemeral'));
ALTER TABLE keys ADD COLUMN parent_id TEXT COLLATE "C" REFERENCES keys (id);
CREATE INDEX keys_by_parent ON keys (parent_id) WHERE parent_id IS NOT NULL;

CREATE TABLE tickets (
    kind TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    body TEXT NOT NULL,
    version BIGINT NOT NULL,               -- raised at every change: whoever replaces one says which they saw
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (kind, name)
);
CREATE INDEX tickets_by_end ON tickets (expires_at);

CREATE TABLE passwords (
    user_id TEXT COLLATE "C" PRIMARY KEY REFERENCES users (id),
    login TEXT COLLATE "C" NOT NULL UNIQUE,        -- an address in lower case
    hash TEXT NOT NULL,                 -- of Argon2id, with its parameters and salt
    changed_at BIGINT NOT NULL
);
