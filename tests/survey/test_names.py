"""Finding a database's own names: by what the guide offers, by columns, and why not."""

from __future__ import annotations

from nigrani.guide import Table
from nigrani.guide.model import Where
from nigrani.survey.names import Absent, Mapped, find, placeholders, why_not

HERE = Where("survey.yaml", 3, 1)
AUDIT = Table(
    "audit",
    "database",
    ("audit_logs", "AuditLog"),
    {"user": ("userId", "user_id"), "at": ("createdAt", "created_at")},
    HERE,
)


def test_names_are_tried_in_turn_and_quoted() -> None:
    names = find([AUDIT], {("public", "AuditLog"): ("id", "user_id", "createdAt")})
    assert placeholders(names) == {
        "audit": '"public"."AuditLog"', "audit!": "'\"public\".\"AuditLog\"'",
        "audit.user": '"user_id"', "audit.user!": "'user_id'",
        "audit.at": '"createdAt"', "audit.at!": "'createdAt'",
    }  # fmt: skip


def test_a_renamed_table_is_known_by_its_columns() -> None:
    catalog = {("public", "events"): ("userId", "createdAt", "more"), ("public", "users"): ("id", "createdAt")}
    found = find([AUDIT], catalog)["audit"]
    assert isinstance(found, Mapped)
    assert found.shown == "events"


def test_of_two_that_fit_none_is_chosen() -> None:
    catalog = {("public", "a"): ("userId", "createdAt"), ("erp", "b"): ("user_id", "created_at")}
    found = find([AUDIT], catalog)["audit"]
    assert isinstance(found, Absent)
    assert found.because == (
        "Several tables have its columns (public.a, erp.b). Say in the guide which is meant: survey.yaml:3:1."
    )


def test_a_table_that_is_nowhere_and_a_column_that_was_renamed_are_told_with_the_nearest_name() -> None:
    names = find([AUDIT], {("public", "audit_log"): ("id",)})
    assert why_not(names, [("audit", "")]).endswith("The nearest name is audit_log.")
    names = find([AUDIT], {("public", "audit_logs"): ("userId", "createdOn")})
    assert why_not(names, [("audit", "user")]) == ""
    assert why_not(names, [("audit", "at")]) == (
        "The table audit_logs has no column createdAt. The nearest is createdOn."
    )
    assert "audit.at" not in placeholders(names)


def test_a_schema_may_be_named_and_public_comes_first() -> None:
    catalog = {("erp", "audit_logs"): ("userId", "createdAt"), ("public", "audit_logs"): ("userId", "createdAt")}
    found = find([AUDIT], catalog)["audit"]
    assert isinstance(found, Mapped)
    assert found.schema == "public"
    named = Table("audit", "database", ("erp.audit_logs",), AUDIT.columns, HERE)
    found = find([named], catalog)["audit"]
    assert isinstance(found, Mapped)
    assert found.shown == "erp.audit_logs"


def test_names_that_would_break_out_of_quotes_stay_names() -> None:
    odd = Table("odd", "database", ('x"; DROP TABLE y; --',), {"a": ("b'c",)}, HERE)
    filled = placeholders(find([odd], {("public", 'x"; DROP TABLE y; --'): ("b'c",)}))
    assert filled["odd"] == '"public"."x""; DROP TABLE y; --"'
    assert filled["odd.a!"] == "'b''c'"
