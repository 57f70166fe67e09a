-- Budgets, leases and the journal: the tables and columns that SQLite's step of this name makes. Amounts are whole numbers
-- in the unit of their budget: nano-dollars or tokens. Times are microseconds since 1970 (UTC). A window is a part of a
-- counter's key; nothing is ever reset.

CREATE TABLE budgets (
    id TEXT COLLATE "C" PRIMARY KEY,
    account TEXT COLLATE "C" NOT NULL,   -- tenant:ID, team:ID, user:ID, key:ID
    "window" TEXT NOT NULL CHECK ("window" IN ('total', 'daily', 'weekly', 'monthly')),
    unit TEXT NOT NULL CHECK (unit IN ('usd', 'tokens')),
    limit_amount BIGINT NOT NULL CHECK (limit_amount >= 0),
    mode TEXT NOT NULL CHECK (mode IN ('block', 'throttle', 'notify')),
    requests_per_minute BIGINT,          -- of mode throttle
    model_filter TEXT,
    thresholds TEXT NOT NULL,            -- [percent]
    removed BOOLEAN NOT NULL DEFAULT false, -- what was spent stays on record
    version BIGINT NOT NULL              -- of all budgets, at this one's last change
);
CREATE UNIQUE INDEX budgets_by_version ON budgets (version);

-- Written by every sync and never at an indexed column: with room on its page a row stays there.
CREATE TABLE counters (
    budget TEXT COLLATE "C" NOT NULL,
    "window" TEXT COLLATE "C" NOT NULL,  -- total, 2026-11-21, 2026-W47, 2026-11
    spent BIGINT NOT NULL,
    leased BIGINT NOT NULL,              -- the sum of this counter's leases
    uncovered BIGINT NOT NULL,           -- the part of spent that was not on lease when it was charged
    PRIMARY KEY (budget, "window")
) WITH (fillfactor = 50);

CREATE TABLE leases (
    replica TEXT COLLATE "C" NOT NULL,
    budget TEXT COLLATE "C" NOT NULL,
    "window" TEXT COLLATE "C" NOT NULL,
    leased BIGINT NOT NULL,
    written_off BIGINT NOT NULL DEFAULT 0, -- counted as spent when the replica was declared dead
    PRIMARY KEY (budget, "window", replica)
) WITH (fillfactor = 50);
CREATE INDEX leases_by_replica ON leases (replica);

CREATE TABLE replicas (
    id TEXT COLLATE "C" PRIMARY KEY,     -- one life of one process
    sequence BIGINT NOT NULL,            -- of the last request that was taken
    heard_at BIGINT NOT NULL,            -- by this server's clock
    is_dead BOOLEAN NOT NULL DEFAULT false
) WITH (fillfactor = 50);
CREATE INDEX replicas_alive ON replicas (id) WHERE NOT is_dead;

-- Calls under way that the store was told of: the record that each leaves if nothing more is heard of it.
CREATE TABLE opened_calls (
    call TEXT COLLATE "C" PRIMARY KEY,
    replica TEXT COLLATE "C" NOT NULL,
    record TEXT NOT NULL                 -- a JSON array of the journal's columns
);
CREATE INDEX opened_calls_by_replica ON opened_calls (replica);

-- One row per call. Call ids sort by time, so that the primary key is the index for spans of time, and what is new goes to
-- its end.
CREATE TABLE journal (
    call TEXT COLLATE "C" PRIMARY KEY,
    started_at BIGINT NOT NULL,
    tenant TEXT COLLATE "C" NOT NULL,
    team TEXT COLLATE "C",
    "user" TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C",
    dialect TEXT COLLATE "C" NOT NULL,
    client TEXT COLLATE "C",
    model_requested TEXT COLLATE "C" NOT NULL,
    model_served TEXT COLLATE "C" NOT NULL,
    endpoint TEXT COLLATE "C",
    input_tokens BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL,
    cache_read_tokens BIGINT NOT NULL,
    cache_write_5m_tokens BIGINT NOT NULL,
    cache_write_1h_tokens BIGINT NOT NULL,
    thinking_tokens BIGINT,
    cost BIGINT NOT NULL,                -- nano-dollars
    price_version TEXT NOT NULL,
    first_byte_us BIGINT,
    total_us BIGINT NOT NULL,
    outcome TEXT NOT NULL,
    basis TEXT NOT NULL,
    stop_reason TEXT,
    upstream_request_id TEXT,
    status BIGINT NOT NULL,
    stream BOOLEAN NOT NULL,
    counters TEXT NOT NULL               -- what it was charged to: BUDGET@WINDOW, with spaces between
);
