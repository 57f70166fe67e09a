-- What an act changed, and the seal over each entry and the one before it.
ALTER TABLE audit ADD COLUMN before TEXT;
ALTER TABLE audit ADD COLUMN after TEXT;
ALTER TABLE audit ADD COLUMN seal BLOB CHECK (length(seal) = 32);
CREATE INDEX audit_by_subject ON audit (subject, number);
