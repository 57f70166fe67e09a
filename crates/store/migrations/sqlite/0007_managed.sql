-- What a tenant's administrators want of Claude Code on its users' machines: JSON, and nothing where there is no policy.

ALTER TABLE tenants ADD COLUMN managed_settings TEXT;
