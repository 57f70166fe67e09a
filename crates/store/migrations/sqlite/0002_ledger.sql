-- Budgets, leases and the journal. Amounts are whole numbers in the unit of their budget: nano-dollars or tokens.
-- Times are microseconds since 1970 (UTC). A window is a part of a counter's key; nothing is ever reset.

CREATE TABLE budgets (
    id TEXT PRIMARY KEY,
    account TEXT NOT NULL,               -- tenant:ID, team:ID, user:ID, key:ID
    "window" TEXT NOT NULL CHECK ("window" IN ('total', 'daily', 'weekly', 'monthly')),
    unit TEXT NOT NULL CHECK (unit IN ('usd', 'tokens')),
    limit_amount INTEGER NOT NULL CHECK (limit_amount >= 0),
    mode TEXT NOT NULL CHECK (mode IN ('block', 'throttle', 'notify')),
    requests_per_minute INTEGER,         -- of mode throttle
    model_filter TEXT,
    thresholds TEXT NOT NULL,            -- [percent]
    removed INTEGER NOT NULL DEFAULT 0,  -- what was spent stays on record
    version INTEGER NOT NULL             -- of all budgets, at this one's last change
) STRICT;
CREATE UNIQUE INDEX budgets_by_version ON budgets (version);

CREATE TABLE counters (
    budget TEXT NOT NULL,
    "window" TEXT NOT NULL,              -- total, 2026-11-21, 2026-W47, 2026-11
    spent INTEGER NOT NULL,
    leased INTEGER NOT NULL,             -- the sum of this counter's leases
    uncovered INTEGER NOT NULL,          -- the part of spent that was not on lease when it was charged
    PRIMARY KEY (budget, "window")
) STRICT, WITHOUT ROWID;

CREATE TABLE leases (
    replica TEXT NOT NULL,
    budget TEXT NOT NULL,
    "window" TEXT NOT NULL,
    leased INTEGER NOT NULL,
    written_off INTEGER NOT NULL DEFAULT 0, -- counted as spent when the replica was declared dead
    PRIMARY KEY (budget, "window", replica)
) STRICT, WITHOUT ROWID;
CREATE INDEX leases_by_replica ON leases (replica);

CREATE TABLE replicas (
    id TEXT PRIMARY KEY,                 -- one life of one process
    sequence INTEGER NOT NULL,           -- of the last request that was taken
    heard_at INTEGER NOT NULL,
    is_dead INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

-- Calls under way that the store was told of: the record that each leaves if nothing more is heard of it.
CREATE TABLE opened_calls (
    call TEXT PRIMARY KEY,
    replica TEXT NOT NULL,
    record TEXT NOT NULL                 -- a JSON array of the journal's columns
) STRICT, WITHOUT ROWID;

-- One row per call. Call ids sort by time, so the table itself is the index for spans of time.
CREATE TABLE journal (
    call TEXT PRIMARY KEY,
    started_at INTEGER NOT NULL,
    tenant TEXT NOT NULL,
    team TEXT,
    user TEXT NOT NULL,
    key TEXT,
    dialect TEXT NOT NULL,
    client TEXT,
    model_requested TEXT NOT NULL,
    model_served TEXT NOT NULL,
    endpoint TEXT,
    input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    cache_read_tokens INTEGER NOT NULL,
    cache_write_5m_tokens INTEGER NOT NULL,
    cache_write_1h_tokens INTEGER NOT NULL,
    thinking_tokens INTEGER,
    cost INTEGER NOT NULL,               -- nano-dollars
    price_version TEXT NOT NULL,
    first_byte_us INTEGER,
    total_us INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    basis TEXT NOT NULL,
    stop_reason TEXT,
    upstream_request_id TEXT,
    status INTEGER NOT NULL,
    stream INTEGER NOT NULL,
    counters TEXT NOT NULL               -- what it was charged to: BUDGET@WINDOW, with spaces between
) STRICT, WITHOUT ROWID;
