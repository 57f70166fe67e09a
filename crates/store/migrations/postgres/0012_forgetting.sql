-- When keys were last used, and which of those that came by themselves are over and forgotten but for their names.

ALTER TABLE keys ADD COLUMN last_used_at BIGINT;
ALTER TABLE keys ADD COLUMN is_forgotten BOOLEAN NOT NULL DEFAULT false;
CREATE INDEX keys_to_forget ON keys (expires_at) WHERE kind <> 'long_lived' AND NOT is_forgotten;
CREATE INDEX usage_series_by_key ON usage_series (key);
