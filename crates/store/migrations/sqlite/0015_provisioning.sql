-- What identity providers keep of people and groups (SCIM). A person's id is the user's.

CREATE TABLE provisioned (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('user', 'group')),
    tenant_id TEXT NOT NULL REFERENCES tenants (id),
    name_key TEXT NOT NULL,          -- in small letters
    external_id TEXT,                -- what the provider knows it by
    body TEXT NOT NULL,                 -- JSON
    unsettled INTEGER NOT NULL,         -- 1 while the directory has not followed the last change
    version INTEGER NOT NULL,           -- raised at every change: whoever replaces one says which they saw
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    UNIQUE (tenant_id, kind, name_key)
) STRICT;
CREATE INDEX provisioned_by_external_id ON provisioned (tenant_id, kind, external_id);
CREATE INDEX provisioned_unsettled ON provisioned (tenant_id, id) WHERE unsettled = 1;

CREATE TABLE provisioned_members (
    group_id TEXT NOT NULL REFERENCES provisioned (id),
    user_id TEXT NOT NULL REFERENCES provisioned (id),
    PRIMARY KEY (group_id, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX provisioned_members_by_user ON provisioned_members (user_id);
