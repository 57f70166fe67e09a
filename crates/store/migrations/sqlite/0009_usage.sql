-- Tags, what caching saved, and sums.

ALTER TABLE journal ADD COLUMN tags TEXT;          -- NAME=VALUE, with commas between
ALTER TABLE journal ADD COLUMN uncached_cost INTEGER; -- nano-dollars at the same price without any caching
ALTER TABLE keys ADD COLUMN tags TEXT;             -- of all calls with the key

-- Sums of the journal by the hour and the day, for each series: all calls that have their labels in common. Each append to
-- the journal adds to them in its own transaction. They stay when records go.

CREATE TABLE usage_series (
    id INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    team TEXT NOT NULL,
    "user" TEXT NOT NULL,
    key TEXT NOT NULL,
    model TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    client TEXT NOT NULL,
    dialect TEXT NOT NULL,
    tags TEXT NOT NULL,
    UNIQUE (tenant, team, "user", key, model, endpoint, client, dialect, tags)
) STRICT;

CREATE TABLE usage_hours (
    hour INTEGER NOT NULL,  -- since 1970, UTC
    series INTEGER NOT NULL,
    calls INTEGER NOT NULL,
    estimated INTEGER NOT NULL,
    unresolved INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    cache_read_tokens INTEGER NOT NULL,
    cache_write_5m_tokens INTEGER NOT NULL,
    cache_write_1h_tokens INTEGER NOT NULL,
    thinking_tokens INTEGER,
    cost INTEGER NOT NULL,
    uncached_cost INTEGER NOT NULL,
    PRIMARY KEY (hour, series)
) STRICT, WITHOUT ROWID;

CREATE TABLE usage_days (
    day INTEGER NOT NULL,  -- since 1970, UTC
    series INTEGER NOT NULL,
    calls INTEGER NOT NULL,
    estimated INTEGER NOT NULL,
    unresolved INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    cache_read_tokens INTEGER NOT NULL,
    cache_write_5m_tokens INTEGER NOT NULL,
    cache_write_1h_tokens INTEGER NOT NULL,
    thinking_tokens INTEGER,
    cost INTEGER NOT NULL,
    uncached_cost INTEGER NOT NULL,
    PRIMARY KEY (day, series)
) STRICT, WITHOUT ROWID;
