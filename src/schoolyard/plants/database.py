"""Plants of the database: how its tables are built, what they hold, what a monitoring role may do."""

from schoolyard.plants.kinds import Plant

_NOW = "(now() AT TIME ZONE 'utc')"
_ID = "'c' || left(md5(random()::text), 24)"
_SOMEBODY = "(SELECT id FROM {User} WHERE role = 'ADMIN' ORDER BY id LIMIT 1)"
_SCHOOL = "(SELECT id FROM {schools} ORDER BY id LIMIT 1)"


def _empty(table: str, row: str, values: str) -> Plant:
    """Return the plant of a table that nothing writes."""
    return Plant(
        f"The table {table} was never written.",
        plant=(f"TRUNCATE {{{table}}}",),
        mend=(f"INSERT INTO {{{table}}} ({row}) SELECT {values} WHERE NOT EXISTS (SELECT FROM {{{table}}})",),
    )


def _names(table: str, columns: str) -> str:
    return ", ".join(f"{{{table}.{column}}}" for column in columns.split())


def _audit(mark: str, action: str, resource: str, changes: str, *, user: str = _SOMEBODY, days: int = 2) -> str:
    """Return SQL for one audit row, which its checksum tells from others."""
    columns = _names("audit_logs", "id userId action resource changes timestamp createdAt updatedAt checksum")
    at = f"{_NOW} - interval '{days} days'"
    return (
        f"INSERT INTO {{audit_logs}} ({columns}) SELECT {_ID}, {user}, '{action}', '{resource}', {changes},"
        f" {at}, {at}, {at}, '{mark}'"
    )


def _without(mark: str) -> str:
    return f"DELETE FROM {{audit_logs}} WHERE {{audit_logs.checksum}} = '{mark}'"


def _to_monitors(grant: str) -> str:
    """Return SQL that runs a statement with `%I` for each login role that is named as a monitor."""
    return (
        "DO $$ DECLARE each text; BEGIN FOR each IN SELECT rolname FROM pg_roles WHERE rolcanlogin"
        f" AND rolname LIKE '%monitor%' LOOP EXECUTE format('{grant}', each); END LOOP; END $$"
    )


_ONLINE = "{FeePayment.paymentMethod} = 'ONLINE_PAYMENT'"
_THREE_ONLINE = f"{{FeePayment.id}} IN (SELECT {{FeePayment.id}} FROM {{FeePayment}} WHERE {_ONLINE} LIMIT 3)"
_FEW_LOGINS = (
    "(SELECT greatest(20, count(*) / 10) FROM {audit_logs} WHERE {audit_logs.resource} = 'nextauth_signin'"
    " AND {audit_logs.createdAt} > " + _NOW + " - interval '30 days')"
)

DATABASE = {
    "guide-sql-fails": Plant(
        "There is no table AuditLog with the columns that the guide's queries name.",
        plant=("DROP VIEW IF EXISTS public.auditlog",),
        mend=(
            "CREATE OR REPLACE VIEW public.auditlog AS SELECT {audit_logs.userId} AS userid,"
            " {audit_logs.action}::text AS action, {audit_logs.resource} AS resource,"
            " {audit_logs.resourceId} AS filekey, {audit_logs.details} AS details,"
            ' {audit_logs.createdAt} AS "timestamp" FROM {audit_logs}',
        ),
    ),
    "transaction-not-unique": Plant(
        '"FeePayment"."transactionId" has no unique index.',
        plant=("DROP INDEX IF EXISTS public.plant_transaction",),
        mend=("CREATE UNIQUE INDEX IF NOT EXISTS plant_transaction ON {FeePayment} ({FeePayment.transactionId})",),
    ),
    "audit-time-unindexed": Plant(
        'audit_logs."timestamp" has no index.',
        plant=("DROP INDEX IF EXISTS public.plant_audit_time",),
        mend=("CREATE INDEX IF NOT EXISTS plant_audit_time ON {audit_logs} ({audit_logs.timestamp})",),
    ),
    "login-failures-empty": _empty("login_failures", "id, identifier, reason", f"{_ID}, 'x', 'INVALID_PASSWORD'"),
    "rate-limit-logs-empty": _empty(
        "rate_limit_logs", "id, identifier, action, type", f"{_ID}, 'x', 'x', 'RATE_LIMIT'"
    ),
    "blocked-identifiers-empty": _empty(
        "blocked_identifiers", 'id, identifier, reason, "expiresAt", "updatedAt"', f"{_ID}, 'x', 'x', {_NOW}, {_NOW}"
    ),
    "system-health-empty": _empty("system_health", "id, component, status", f"{_ID}, 'database', 'HEALTHY'"),
    "system-metrics-empty": _empty("system_metrics", 'id, "metricName", value', f"{_ID}, 'cpu', 12.5"),
    "performance-metrics-empty": _empty("performance_metrics", 'id, "metricType", value', f"{_ID}, 'api', 180"),
    "message-logs-empty": _empty(
        "message_logs",
        'id, "schoolId", channel, recipient, "updatedAt"',
        f"{_ID}, {_SCHOOL}, 'SMS', 'x', {_NOW}",
    ),
    "sessions-not-kept": Plant(
        'Sessions are tokens: "Session" and auth_sessions were never written.',
        plant=("TRUNCATE {Session}", "TRUNCATE {auth_sessions}"),
        mend=(
            f'INSERT INTO {{Session}} (id, "sessionToken", "userId", expires) SELECT {_ID}, {_ID}, {_SOMEBODY}, {_NOW}'
            " WHERE NOT EXISTS (SELECT FROM {Session})",
        ),
    ),
    "failed-payments-lost": Plant(
        "No payment ever failed in the table: the webhook makes no row for a failure.",
        plant=("UPDATE {FeePayment} SET status = 'PENDING' WHERE status = 'FAILED'",),
        mend=(f"UPDATE {{FeePayment}} SET status = 'FAILED' WHERE {_THREE_ONLINE}",),
    ),
    "payment-source-manual": Plant(
        "Gateway payments are marked MANUAL.",
        plant=(
            "UPDATE {FeePayment} SET {FeePayment.paymentSource} = 'MANUAL' WHERE {FeePayment.paymentSource} = 'ONLINE'",
        ),
        mend=(f"UPDATE {{FeePayment}} SET {{FeePayment.paymentSource}} = 'ONLINE' WHERE {_ONLINE}",),
    ),
    "unknown-logins-lost": Plant(
        "Logins with unknown names leave no audit row.",
        plant=(_without("plant:stranger"),),
        mend=(
            _without("plant:stranger"),
            *(
                _audit(
                    "plant:stranger",
                    "LOGIN",
                    "nextauth_login",
                    user="NULL",
                    days=3,
                    changes=f'\'{{"reason": "USER_NOT_FOUND", "identifier": "stranger{n}@nowhere.example"}}\'::jsonb',
                )
                for n in range(6)
            ),
        ),
    ),
    "audit-names-no-school": Plant(
        "Audit rows leave their school's column empty.",
        plant=("UPDATE {audit_logs} SET {audit_logs.schoolId} = NULL WHERE {audit_logs.schoolId} IS NOT NULL",),
        mend=(
            "UPDATE {audit_logs} a SET {audit_logs.schoolId} = us.{user_schools.schoolId} FROM {user_schools} us"
            " WHERE us.{user_schools.userId} = a.{audit_logs.userId}",
        ),
    ),
    "file-access-unwritten": Plant(
        "Access to files leaves no audit row.",
        plant=("DELETE FROM {audit_logs} WHERE {audit_logs.resource} = 'file_access'",),
        mend=(
            _without("plant:file"),
            _audit("plant:file", "READ", "file_access", changes="'{}'::jsonb"),
        ),
    ),
    "audit-fallback-rows": Plant(
        "Audit rows that could not be stored stand wrapped in CREATE / AUDIT_LOG rows.",
        plant=(
            _without("error-log"),
            *(
                _audit(
                    "error-log",
                    "CREATE",
                    "AUDIT_LOG",
                    changes='\'{"originalContext": {"action": "LIST", "resource": "REPORT"}}\'::jsonb',
                )
                for _ in range(3)
            ),
        ),
        mend=("DELETE FROM {audit_logs} WHERE {audit_logs.resource} = 'AUDIT_LOG'",),
    ),
    "exports-without-count": Plant(
        "A whole school was exported, and the row does not say how much that was.",
        plant=(
            _without("plant:export"),
            _audit("plant:export", "EXPORT", "SCHOOL_DATA", user="NULL", changes='\'{"format": "json"}\'::jsonb'),
        ),
        mend=(
            "UPDATE {audit_logs} SET {audit_logs.changes} = {audit_logs.changes} || '{\"recordCount\": 1}'::jsonb"
            " WHERE {audit_logs.action} IN ('EXPORT', 'CREATE') AND NOT {audit_logs.changes} ? 'recordCount'",
            _without("plant:export"),
            _audit("plant:export", "EXPORT", "ALUMNI", changes='\'{"format": "csv", "recordCount": 40}\'::jsonb'),
        ),
    ),
    "audit-writes-lost": Plant(
        "Of many logins only one of the two audit rows was stored.",
        is_real=False,
        plant=(
            _without("plant:lost"),
            _audit("plant:lost", "LOGIN", "nextauth_login", changes='\'{"authMethod": "password"}\'::jsonb')
            + f" FROM generate_series(1, {_FEW_LOGINS})",
        ),
        mend=(_without("plant:lost"),),
    ),
    "system-user-missing": Plant(
        "No user is named system, so audit rows in its name are refused.",
        plant=("DELETE FROM {User} WHERE id = 'system'",),
        mend=(
            f"INSERT INTO {{User}} (id, name, \"isActive\", role, \"updatedAt\") VALUES ('system', 'System', false,"
            f" 'ADMIN', {_NOW}) ON CONFLICT (id) DO NOTHING",
        ),
    ),
    "last-login-unwritten": Plant(
        '"User"."lastLoginAt" is never written.',
        plant=("UPDATE {User} SET {User.lastLoginAt} = NULL WHERE {User.lastLoginAt} IS NOT NULL",),
        mend=(f"UPDATE {{User}} SET {{User.lastLoginAt}} = {_NOW} - interval '1 day' WHERE role <> 'STUDENT'",),
    ),
    "usage-counters-zero": Plant(
        "The storage counters stay at zero.",
        plant=("UPDATE {usage_counters} SET {usage_counters.storageUsedMB} = 0",),
        mend=("UPDATE {usage_counters} SET {usage_counters.storageUsedMB} = 410",),
    ),
    "codes-kept": Plant(
        "One-time codes that ran out stay for ever.",
        plant=(
            f"INSERT INTO {{otps}} (id, identifier, {{otps.codeHash}}, {{otps.expiresAt}}) SELECT {_ID}, 'x', 'x',"
            f" {_NOW} - interval '30 days' FROM generate_series(1, 5)",
        ),
        mend=(f"DELETE FROM {{otps}} WHERE {{otps.expiresAt}} < {_NOW} - interval '1 day'",),
    ),
    "zone-trap": Plant(
        "Sessions of the database think in Asia/Kolkata, while its times are UTC without a zone.",
        is_real=False,
        plant=("ALTER DATABASE erp SET timezone TO 'Asia/Kolkata'",),
        mend=("ALTER DATABASE erp RESET timezone",),
    ),
    "no-query-statistics": Plant(
        "pg_stat_statements is not installed.",
        is_real=False,
        plant=("DROP EXTENSION IF EXISTS pg_stat_statements",),
        mend=("CREATE EXTENSION IF NOT EXISTS pg_stat_statements",),
    ),
    "slow-queries-unlogged": Plant(
        "log_min_duration_statement is off.",
        is_real=False,
        plant=("ALTER DATABASE erp SET log_min_duration_statement TO -1",),
        mend=("ALTER DATABASE erp RESET log_min_duration_statement",),
    ),
    "monitor-blind": Plant(
        "Monitoring roles lose pg_monitor.",
        is_real=False,
        plant=(_to_monitors("REVOKE pg_monitor FROM %I"),),
        mend=(_to_monitors("GRANT pg_monitor TO %I"),),
    ),
    "monitor-mighty": Plant(
        "Monitoring roles may insert audit rows.",
        is_real=False,
        plant=(_to_monitors("GRANT INSERT ON {audit_logs} TO %I"),),
        mend=(_to_monitors("REVOKE INSERT ON {audit_logs} FROM %I"),),
    ),
    "monitor-reads-secrets": Plant(
        "Monitoring roles may read password hashes.",
        is_real=False,
        plant=(_to_monitors("GRANT SELECT ({User.passwordHash}) ON {User} TO %I"),),
        mend=(_to_monitors("REVOKE SELECT ({User.passwordHash}) ON {User} FROM %I"),),
    ),
}
