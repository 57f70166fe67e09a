-- Teams: groups of a tenant's users. Times are microseconds since 1970 (UTC). None is deleted, since the books name them.

CREATE TABLE teams (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL REFERENCES tenants (id),
    name TEXT NOT NULL,
    models TEXT NOT NULL,
    managed_settings TEXT,              -- JSON, and nothing where the tenant's hold
    archived_at INTEGER,
    created_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    UNIQUE (tenant_id, name)
) STRICT;
CREATE INDEX teams_by_version ON teams (version);

-- Looked at when a transaction ends: a copy of a store brings users before teams.
ALTER TABLE users ADD COLUMN team_id TEXT REFERENCES teams (id) DEFERRABLE INITIALLY DEFERRED;
CREATE INDEX users_by_team ON users (team_id) WHERE team_id IS NOT NULL;
