-- Tenants, users, keys, bootstrap tokens and the audit log.
-- Times are microseconds since 1970 (UTC). Nothing is deleted: keys are revoked, users and tenants disabled.
-- `version` is the directory's version at the row's last change; replicas ask for what is newer than theirs.

CREATE TABLE directory_version (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    version INTEGER NOT NULL
) STRICT;
INSERT INTO directory_version VALUES (1, 1);

CREATE TABLE tenants (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    models TEXT NOT NULL,                -- {"allow": [pattern], "deny": [pattern]}, or empty
    disabled_at INTEGER,
    created_at INTEGER NOT NULL,
    version INTEGER NOT NULL
) STRICT;
CREATE INDEX tenants_by_version ON tenants (version);
INSERT INTO tenants (id, name, models, created_at, version)
VALUES ('default', 'default', '', CAST(unixepoch('subsec') * 1000000 AS INTEGER), 1);

CREATE TABLE users (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL REFERENCES tenants (id),
    name TEXT NOT NULL,
    email TEXT,
    role TEXT NOT NULL CHECK (role IN ('admin', 'team_lead', 'user')),
    models TEXT NOT NULL,
    disabled_at INTEGER,
    created_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    UNIQUE (tenant_id, name)
) STRICT;
CREATE INDEX users_by_version ON users (version);

CREATE TABLE keys (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id),
    name TEXT NOT NULL,
    public_form TEXT NOT NULL,           -- of the newest text
    scopes TEXT NOT NULL,                -- names with spaces between
    models TEXT NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER,
    rotated_at INTEGER,
    created_at INTEGER NOT NULL,
    version INTEGER NOT NULL
) STRICT;
CREATE INDEX keys_by_version ON keys (version);
CREATE INDEX keys_by_user ON keys (user_id);

-- A key has one text, and for a while after a rotation more. Only SHA-256 of it is kept.
CREATE TABLE key_texts (
    digest BLOB PRIMARY KEY CHECK (length(digest) = 32),
    key_id TEXT NOT NULL REFERENCES keys (id),
    retires_at INTEGER,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX key_texts_by_key ON key_texts (key_id);

CREATE TABLE bootstrap_tokens (
    digest BLOB PRIMARY KEY CHECK (length(digest) = 32),
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    request_id TEXT
) STRICT;
CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_is_never_cut BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
