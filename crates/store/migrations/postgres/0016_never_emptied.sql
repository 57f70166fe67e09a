-- Emptying a table fires no trigger of its rows.
CREATE TRIGGER audit_is_never_emptied BEFORE TRUNCATE ON audit
FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER budget_adjustments_are_never_emptied BEFORE TRUNCATE ON budget_adjustments
FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_append_only();
CREATE TRIGGER corrections_are_never_emptied BEFORE TRUNCATE ON corrections
FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_append_only();
