-- What callers leave for a while. Times are microseconds since 1970 (UTC).

CREATE TABLE documents (
    tenant TEXT NOT NULL,
    "user" TEXT NOT NULL,
    id TEXT NOT NULL,
    body BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, "user", id)
) STRICT;
CREATE INDEX documents_by_end ON documents (expires_at);
