-- What people found out about charges that rest on suspicion.

CREATE TABLE corrections (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    at INTEGER NOT NULL,
    author TEXT NOT NULL,
    reason TEXT NOT NULL,
    call TEXT,                           -- either a call
    record TEXT,                         -- as it was before: a JSON array of the journal's columns
    input_tokens INTEGER,                -- and what went in and came out
    output_tokens INTEGER,
    cache_read_tokens INTEGER,
    cache_write_5m_tokens INTEGER,
    cache_write_1h_tokens INTEGER,
    thinking_tokens INTEGER,
    replica TEXT,                        -- or a dead replica's lease
    budget TEXT,
    "window" TEXT,
    before_amount INTEGER NOT NULL,      -- nano-dollars, or the budget's unit
    after_amount INTEGER NOT NULL
) STRICT;
CREATE TRIGGER corrections_are_never_changed BEFORE UPDATE ON corrections
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER corrections_are_never_cut BEFORE DELETE ON corrections
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;

-- Few calls are unresolved, among all that ever were.
CREATE INDEX journal_unresolved ON journal (call) WHERE basis = 'unresolved';
