-- What callers leave for a while. Times are microseconds since 1970 (UTC).

CREATE TABLE documents (
    tenant TEXT COLLATE "C" NOT NULL,
    "user" TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    body BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, "user", id)
);
CREATE INDEX documents_by_end ON documents (expires_at);
