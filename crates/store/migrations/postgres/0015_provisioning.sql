-- What identity providers keep of people and groups (SCIM). A person's id is the user's.

CREATE TABLE provisioned (
    id TEXT COLLATE "C" PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('user', 'group')),
    tenant_id TEXT COLLATE "C" NOT NULL REFERENCES tenants (id),
    name_key TEXT COLLATE "C" NOT NULL,          -- in small letters
    external_id TEXT COLLATE "C",                -- what the provider knows it by
    body TEXT NOT NULL,                 -- JSON
    unsettled BIGINT NOT NULL,         -- 1 while the directory has not followed the last change
    version BIGINT NOT NULL,           -- raised at every change: whoever replaces one says which they saw
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    UNIQUE (tenant_id, kind, name_key)
);
CREATE INDEX provisioned_by_external_id ON provisioned (tenant_id, kind, external_id);
CREATE INDEX provisioned_unsettled ON provisioned (tenant_id, id) WHERE unsettled = 1;

CREATE TABLE provisioned_members (
    group_id TEXT COLLATE "C" NOT NULL REFERENCES provisioned (id),
    user_id TEXT COLLATE "C" NOT NULL REFERENCES provisioned (id),
    PRIMARY KEY (group_id, user_id)
);
CREATE INDEX provisioned_members_by_user ON provisioned_members (user_id);
