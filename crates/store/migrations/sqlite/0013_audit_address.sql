-- Where the request of an act came from. What was written before has none, and keeps its seals.
ALTER TABLE audit ADD COLUMN address TEXT;
