"""Make the ledger's table and the triggers that let lines be added and nothing else."""

from django.db import migrations

TABLE = """
CREATE TABLE access_ledgerline (
    seq bigint PRIMARY KEY CHECK (seq > 0),
    at timestamptz NOT NULL,
    by varchar(254) NOT NULL,
    action varchar(100) NOT NULL,
    what text NOT NULL,
    detail_json text NOT NULL,
    mac char(64) NOT NULL
);
CREATE INDEX access_ledgerline_at ON access_ledgerline (at);
CREATE FUNCTION access_ledger_refuses() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'The ledger is append-only: % is refused.', TG_OP USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER access_ledger_keeps_lines BEFORE UPDATE OR DELETE ON access_ledgerline
    FOR EACH ROW EXECUTE FUNCTION access_ledger_refuses();
CREATE TRIGGER access_ledger_keeps_all BEFORE TRUNCATE ON access_ledgerline
    FOR EACH STATEMENT EXECUTE FUNCTION access_ledger_refuses();
"""


class Migration(migrations.Migration):
    """Forward only: undoing it would throw the ledger away."""

    dependencies = [("access", "0001_initial")]
    operations = [migrations.RunSQL(TABLE)]
