"""What the schools did before the yard opened: lessons, messages, files, logins."""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from schoolyard.people import Person, School
from schoolyard.rows import HISTORY_DAYS, Row, World, Writer

AGENT = "Mozilla/5.0 (Linux; Android 14) Chrome/131.0"


def write_classroom(writer: Writer, school: School, world: World) -> None:
    """Write attendance for each school day (Monday to Saturday) and five exams: the bulk of the database."""
    pupils, section, rng = world.pupils(school), writer.ids(), writer.rng
    morning = writer.now.replace(hour=3, minute=30, second=0, microsecond=0)
    days = [morning - timedelta(days=back) for back in range(1, HISTORY_DAYS)]
    marks = ["PRESENT", "ABSENT", "LATE"]
    attendance: Iterator[Row] = (
        (writer.ids(), pupil.student_id, day, section, rng.choices(marks, [92, 6, 2])[0], day, day, school.id)
        for day in days
        if day.weekday() < 6
        for pupil in pupils
    )
    writer.copy("StudentAttendance", "id studentId date sectionId status createdAt updatedAt schoolId", attendance)
    exams = [writer.ids() for _ in range(5)]
    results: Iterator[Row] = (
        (writer.ids(), exam, pupil.student_id, float(mark), 100.0, float(mark), morning, morning, school.id)
        for exam in exams
        for pupil in pupils
        for mark in [rng.randint(30, 100)]
    )
    writer.copy("ExamResult", "id examId studentId marks totalMarks percentage createdAt updatedAt schoolId", results)


def write_messages(writer: Writer, school: School, world: World) -> None:
    """Write bulk sends. message_logs stays empty: the real senders fail to write it."""
    admin = world.admin(school).id
    sends = [
        (writer.ids(), kind, 50, 49, 1, 49, 49, 9.8, "PARTIALLY_SENT", admin, writer.past(HISTORY_DAYS), school.id)
        for kind in ("SMS", "EMAIL", "BOTH") * 5
    ]
    writer.copy(
        "message_history",
        "id messageType recipientCount sentCount failedCount smsCount emailCount totalCost "
        "status sentBy sentAt schoolId",
        sends,
    )


def write_files(writer: Writer, school: School, world: World) -> None:
    """Write documents, one of the ERP's own backups, and the month's usage."""
    admin, now = world.admin(school).id, writer.now
    documents: list[Row] = []
    for number in range(12):
        name = f"plan-{number}.pdf"
        url = f"/api/r2/image?key=school-{school.id}/documents/{name}"
        size = writer.rng.randint(20_000, 900_000)
        at = writer.past(HISTORY_DAYS)
        documents.append((writer.ids(), "Lesson plan", name, url, size, admin, "LESSON_PLAN", at, school.id))
    writer.copy("Document", "id title fileName fileUrl fileSize userId category createdAt schoolId", documents)
    backup = (writer.ids(), school.id, "backup.zip", 48213, "LOCAL", "SCHEDULED", "COMPLETED", now, now, admin)
    writer.copy("Backup", "id schoolId filename size location type status completedAt createdAt createdBy", [backup])
    usage = (writer.ids(), school.id, f"{now:%Y-%m}", 120, now, now)
    writer.copy("usage_counters", "id schoolId month smsUsed createdAt updatedAt", [usage])


def write_logins(writer: Writer, world: World) -> None:
    """Write past logins: two audit rows for each success, one with a reason for each failure (2 %)."""
    everyone = [p for p in world.people if p.is_active and p.is_verified and not p.totp_secret]
    rows: list[Row] = []
    for _ in range(HISTORY_DAYS * max(10, len(everyone) // 25)):
        person, at = writer.rng.choice(everyone), writer.past(HISTORY_DAYS)
        code = person.school.code if person.school else None
        base = {"identifier": person.email, "schoolCode": code, "severity": "MEDIUM"}
        if writer.rng.random() < 0.02:
            rows.append(_login(writer, person, at, "nextauth_login", {**base, "reason": "INVALID_PASSWORD"}))
            continue
        school_id = person.school.id if person.school else None
        first = {**base, "authMethod": "password", "has2FA": False, "schoolId": school_id}
        rows.append(_login(writer, person, at, "nextauth_login", first))
        second = {"provider": "credentials", "authMethod": "nextauth", "schoolId": school_id}
        rows.append(_login(writer, person, at, "nextauth_signin", second))
    columns = "id userId action resource resourceId changes ipAddress userAgent timestamp createdAt updatedAt"
    writer.copy("audit_logs", columns, rows)


def _login(writer: Writer, person: Person, at: datetime, resource: str, changes: Mapping[str, object]) -> Row:
    rng, told = writer.rng, json.dumps(changes)
    address = f"103.{rng.randint(16, 31)}.{rng.randint(0, 255)}.{rng.randint(1, 254)}"
    return (writer.ids(), person.id, "LOGIN", resource, person.id, told, address, AGENT, at, at, at)
