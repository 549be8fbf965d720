from django.db import migrations

FORWARD = """
CREATE FUNCTION executions_refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit entries are append-only';
END $$;
CREATE TRIGGER executions_auditentry_append_only BEFORE UPDATE OR DELETE ON executions_auditentry
    FOR EACH ROW EXECUTE FUNCTION executions_refuse_audit_change();
"""
BACKWARD = """
DROP TRIGGER executions_auditentry_append_only ON executions_auditentry;
DROP FUNCTION executions_refuse_audit_change();
"""


class Migration(migrations.Migration):
    """The database itself refuses to change or delete what was audited."""

    dependencies = [("executions", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
