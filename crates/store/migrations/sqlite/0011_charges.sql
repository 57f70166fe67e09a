-- Charges from outside. What one holds is on lease to it, by its id in the place of a replica's.

CREATE TABLE charges (
    call TEXT PRIMARY KEY,               -- what it is recorded as
    key TEXT NOT NULL UNIQUE,            -- its caller, and their own name for it
    state TEXT NOT NULL CHECK (state IN ('waiting', 'held', 'captured', 'voided', 'expired')),
    expires_at INTEGER NOT NULL,
    request TEXT NOT NULL,               -- what was asked for, in one spelling
    record TEXT NOT NULL                 -- captured, or to be: a JSON array of the journal's columns
) STRICT, WITHOUT ROWID;
CREATE INDEX charges_open ON charges (expires_at) WHERE state IN ('waiting', 'held');
CREATE INDEX charges_over ON charges (expires_at) WHERE state NOT IN ('waiting', 'held');
