-- Calendars, credit, limits for a time, thresholds and rates.

ALTER TABLE tenants ADD COLUMN time_zone TEXT NOT NULL DEFAULT 'UTC'; -- by IANA's name

ALTER TABLE budgets RENAME COLUMN requests_per_minute TO per_minute;   -- of mode throttle, in the budget's unit
ALTER TABLE budgets ADD COLUMN time_zone TEXT NOT NULL DEFAULT 'UTC';  -- its tenant's
ALTER TABLE budgets ADD COLUMN when_short TEXT NOT NULL DEFAULT 'lower' CHECK (when_short IN ('lower', 'refuse'));
ALTER TABLE budgets ADD COLUMN credit INTEGER NOT NULL DEFAULT 0;      -- in every window
ALTER TABLE budgets ADD COLUMN override_amount INTEGER;                       -- the limit for a time, and when
ALTER TABLE budgets ADD COLUMN override_from INTEGER;
ALTER TABLE budgets ADD COLUMN override_until INTEGER;

ALTER TABLE counters ADD COLUMN credit INTEGER NOT NULL DEFAULT 0;     -- in this window
ALTER TABLE counters ADD COLUMN raised INTEGER NOT NULL DEFAULT 0;     -- the highest threshold that was told
ALTER TABLE counters ADD COLUMN paced_until INTEGER NOT NULL DEFAULT 0; -- when what is beyond the limit is worked off

-- What people did to budgets beside defining them. Appended to, and never altered.
CREATE TABLE budget_adjustments (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    budget TEXT NOT NULL,
    at INTEGER NOT NULL,
    author TEXT NOT NULL,
    reason TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('credit', 'override', 'end_override')),
    amount INTEGER,
    "window" TEXT,                       -- of a credit: the only one in which it holds
    from_at INTEGER,
    until_at INTEGER
) STRICT;
CREATE INDEX budget_adjustments_by_budget ON budget_adjustments (budget);
CREATE TRIGGER budget_adjustments_are_never_changed BEFORE UPDATE ON budget_adjustments
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER budget_adjustments_are_never_cut BEFORE DELETE ON budget_adjustments
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;

-- Thresholds that were reached, each once in a window.
CREATE TABLE budget_events (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    budget TEXT NOT NULL,
    "window" TEXT NOT NULL,
    threshold INTEGER NOT NULL,          -- per cents of the limit
    at INTEGER NOT NULL,
    spent INTEGER NOT NULL,
    limit_amount INTEGER NOT NULL,
    UNIQUE (budget, "window", threshold)
) STRICT;
