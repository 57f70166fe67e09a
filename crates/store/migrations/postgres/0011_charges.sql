-- Charges from outside: as SQLite's step of this name.

CREATE TABLE charges (
    call TEXT COLLATE "C" PRIMARY KEY,   -- what it is recorded as
    key TEXT COLLATE "C" NOT NULL UNIQUE, -- its caller, and their own name for it
    state TEXT NOT NULL CHECK (state IN ('waiting', 'held', 'captured', 'voided', 'expired')),
    expires_at BIGINT NOT NULL,
    request TEXT NOT NULL,               -- what was asked for, in one spelling
    record TEXT NOT NULL                 -- captured, or to be: a JSON array of the journal's columns
);
CREATE INDEX charges_open ON charges (expires_at) WHERE state IN ('waiting', 'held');
CREATE INDEX charges_over ON charges (expires_at) WHERE state NOT IN ('waiting', 'held');
