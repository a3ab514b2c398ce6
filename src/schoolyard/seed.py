"""Fill the ERP's database with a small, seeded world: the same seed and time give the same rows."""

import json
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib import resources

import psycopg
from psycopg import sql

from schoolyard import clock
from schoolyard.people import Account, Person, School, make_schools, people_of, super_admin

SCALES = {"small": 20, "normal": 200}
HISTORY_DAYS = 60
Row = Sequence[object]


@dataclass
class World:
    """What the seed made: the schools and everyone who can log in, with plain passwords for those who play them."""

    schools: list[School] = field(default_factory=list)
    people: list[Person] = field(default_factory=list)

    def account(self, role: str) -> Account:
        """Return the first account of a role (ADMIN, TEACHER, PARENT, STUDENT, SUPER_ADMIN)."""
        return next(person for person in self.people if person.role == role).account()


def make_id(rng: random.Random) -> str:
    """Return an id in the shape of a cuid: 25 characters, the first a c."""
    return "c" + "".join(rng.choices("0123456789abcdefghijklmnopqrstuvwxyz", k=24))


def fill(dsn: str, *, seed: int, scale: str, now: datetime) -> World:
    """Create the schema in an empty database and fill it. Blocks for about a second at the normal scale."""
    rng = random.Random(seed)
    ids: Callable[[], str] = lambda: make_id(rng)  # noqa: E731 - handed on as a maker of ids
    world = World(schools=make_schools(ids))
    world.people.append(super_admin(ids, seed))
    for school in world.schools:
        world.people.extend(people_of(school, SCALES[scale], rng, ids, seed))
    with psycopg.connect(dsn) as connection:
        connection.execute(resources.files("schoolyard").joinpath("schema.sql").read_bytes())
        seeding = _Seeding(connection, rng, ids, clock.naive(now))
        seeding.write_people(world)
        for school in world.schools:
            seeding.write_fees(school, world)
            seeding.write_classroom(school, world)
            seeding.write_messages(school, world)
        seeding.write_logins(world)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("ANALYZE")
    return world


@dataclass
class _Seeding:
    connection: psycopg.Connection[tuple[object, ...]]
    rng: random.Random
    ids: Callable[[], str]
    now: datetime

    def copy(self, table: str, columns: str, rows: Iterable[Row]) -> None:
        names = sql.SQL(", ").join(sql.Identifier(name) for name in columns.split())
        statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), names)
        with self.connection.cursor().copy(statement) as copy:
            for row in rows:
                copy.write_row(row)

    def past(self, days: float) -> datetime:
        """Return a moment of the last `days`, in school hours (08:00-22:00 IST)."""
        day = self.now - timedelta(days=self.rng.uniform(0.5, days))
        return day.replace(hour=self.rng.randint(3, 15), minute=self.rng.randint(0, 59))

    def write_people(self, world: World) -> None:
        born = self.now - timedelta(days=HISTORY_DAYS * 4)
        self.copy(
            "schools",
            "id name schoolCode subdomain subdomainStatus plan isOnboarded email createdAt updatedAt",
            (
                (
                    s.id,
                    s.name,
                    s.code,
                    s.subdomain,
                    "ACTIVE",
                    s.plan,
                    True,
                    f"office@{s.subdomain}.example",
                    born,
                    born,
                )
                for s in world.schools
            ),
        )
        self.copy(
            "User",
            "id name email mobile passwordHash isActive role emailVerified twoFactorEnabled twoFactorSecret "
            "firstName lastName createdAt updatedAt",
            (
                (
                    *(p.id, p.name, p.email, p.mobile, p.password_hash, p.is_active, p.role),
                    *(born if p.is_verified else None, bool(p.totp_secret), p.totp_secret),
                    *(p.name.split()[0], p.name.split()[-1], born, born),
                )
                for p in world.people
            ),
        )
        self.copy(
            "user_schools",
            "id userId schoolId role isActive createdAt updatedAt",
            ((self.ids(), p.id, p.school.id, p.role, True, born, born) for p in world.people if p.school),
        )
        self.copy(
            "Student",
            "id userId schoolId admissionId admissionDate rollNumber dateOfBirth gender createdAt updatedAt",
            (
                (
                    *(p.student_id, p.id, p.school.id, p.admission, born, str(n % 40 + 1)),
                    *(
                        self.now - timedelta(days=365 * self.rng.randint(6, 17)),
                        self.rng.choice(["MALE", "FEMALE"]),
                    ),
                    *(born, born),
                )
                for n, p in enumerate(world.people)
                if p.school and p.student_id
            ),
        )

    def write_fees(self, school: School, world: World) -> None:
        structures = [(self.ids(), f"Term {term} fees") for term in (1, 2, 3)]
        year, start = self.ids(), self.now - timedelta(days=200)
        self.copy(
            "FeeStructure",
            "id name academicYearId validFrom isActive createdAt schoolId",
            ((structure, name, year, start, True, start, school.id) for structure, name in structures),
        )
        pupils = [p for p in world.people if p.school is school and p.student_id]
        self.copy(
            "FeePayment",
            "id studentId feeStructureId amount paidAmount balance paymentDate paymentMethod transactionId "
            "receiptNumber status remarks createdAt updatedAt schoolId",
            (self._payment(p, s, school) for p in pupils for s, _ in structures if self.rng.random() < 0.8),
        )

    def _payment(self, pupil: Person, structure: str, school: School) -> Row:
        """Return a fee payment; gateway ones stay paymentSource MANUAL, as the ERP leaves them."""
        at, amount = self.past(HISTORY_DAYS), float(self.rng.randrange(2000, 15000, 500))
        status = self.rng.choices(["COMPLETED", "PENDING", "PARTIAL", "FAILED", "REFUNDED"], [88, 5, 3, 3, 1])[0]
        paid = {"COMPLETED": amount, "REFUNDED": amount, "PARTIAL": amount / 2}.get(status, 0.0)
        is_online = self.rng.random() < 0.4
        method = "ONLINE_PAYMENT" if is_online else self.rng.choice(["CASH", "CHEQUE", "BANK_TRANSFER"])
        reference = f"pay_{self.ids()[1:15]}" if is_online else None
        remarks = f"Online payment via Razorpay. Order ID: order_{self.ids()[1:15]}" if is_online else None
        receipt = f"RCP-{int(at.timestamp() * 1000)}-{(pupil.student_id or '')[-6:]}"
        return (
            *(self.ids(), pupil.student_id, structure, amount, paid, amount - paid, at, method, reference),
            *(receipt, status, remarks, at, at, school.id),
        )

    def write_classroom(self, school: School, world: World) -> None:
        pupils = [p for p in world.people if p.school is school and p.student_id]
        morning = self.now.replace(hour=3, minute=30, second=0, microsecond=0)
        days = [morning - timedelta(days=back) for back in range(1, HISTORY_DAYS)]
        marks = ["PRESENT", "ABSENT", "LATE"]
        section = self.ids()
        self.copy(
            "StudentAttendance",
            "id studentId date sectionId status createdAt updatedAt schoolId",
            (
                (
                    self.ids(),
                    p.student_id,
                    d,
                    section,
                    self.rng.choices(marks, [92, 6, 2])[0],
                    d,
                    d,
                    school.id,
                )
                for d in days
                if d.weekday() < 6
                for p in pupils
            ),
        )
        exams = [self.ids() for _ in range(5)]
        self.copy(
            "ExamResult",
            "id examId studentId marks totalMarks percentage createdAt updatedAt schoolId",
            (
                (self.ids(), exam, p.student_id, float(mark), 100.0, float(mark), morning, morning, school.id)
                for exam in exams
                for p in pupils
                for mark in [self.rng.randint(30, 100)]
            ),
        )

    def write_messages(self, school: School, world: World) -> None:
        admin = next(p for p in world.people if p.school is school and p.role == "ADMIN")
        self.copy(
            "message_history",
            "id messageType recipientCount sentCount failedCount smsCount emailCount totalCost status "
            "sentBy sentAt schoolId",
            (
                (
                    self.ids(),
                    kind,
                    50,
                    49,
                    1,
                    49,
                    49,
                    9.8,
                    "PARTIALLY_SENT",
                    admin.id,
                    self.past(HISTORY_DAYS),
                    school.id,
                )
                for kind in ("SMS", "EMAIL", "BOTH") * 5
            ),
        )
        self.copy(
            "Document",
            "id title fileName fileUrl fileSize userId category createdAt schoolId",
            (
                (
                    *(
                        self.ids(),
                        "Lesson plan",
                        f"plan-{n}.pdf",
                        f"/api/r2/image?key=school-{school.id}/documents/plan-{n}.pdf",
                    ),
                    *(
                        self.rng.randint(20_000, 900_000),
                        admin.id,
                        "LESSON_PLAN",
                        self.past(HISTORY_DAYS),
                        school.id,
                    ),
                )
                for n in range(12)
            ),
        )
        self.copy(
            "Backup",
            "id schoolId filename size location type status completedAt createdAt createdBy",
            [
                (
                    self.ids(),
                    school.id,
                    "backup.zip",
                    48213,
                    "LOCAL",
                    "SCHEDULED",
                    "COMPLETED",
                    self.now,
                    self.now,
                    admin.id,
                )
            ],
        )
        self.copy(
            "usage_counters",
            "id schoolId month smsUsed createdAt updatedAt",
            [(self.ids(), school.id, f"{self.now:%Y-%m}", 120, self.now, self.now)],
        )

    def write_logins(self, world: World) -> None:
        """Write past logins: two audit rows for each success, one with a reason for each failure (2 %)."""
        everyone = [p for p in world.people if p.is_active and p.is_verified and not p.totp_secret]
        rows: list[Row] = []
        for _ in range(HISTORY_DAYS * max(10, len(everyone) // 25)):
            person, at = self.rng.choice(everyone), self.past(HISTORY_DAYS)
            code = person.school.code if person.school else None
            base = {"identifier": person.email, "schoolCode": code, "severity": "MEDIUM"}
            if self.rng.random() < 0.02:
                rows.append(self._login(person, at, "nextauth_login", {**base, "reason": "INVALID_PASSWORD"}))
                continue
            school_id = person.school.id if person.school else None
            first = {**base, "authMethod": "password", "has2FA": False, "schoolId": school_id}
            rows.append(self._login(person, at, "nextauth_login", first))
            second = {"provider": "credentials", "authMethod": "nextauth", "schoolId": school_id}
            rows.append(self._login(person, at, "nextauth_signin", second))
        columns = "id userId action resource resourceId changes ipAddress userAgent timestamp createdAt updatedAt"
        self.copy("audit_logs", columns, rows)

    def _login(self, person: Person, at: datetime, resource: str, changes: Mapping[str, object]) -> Row:
        address = f"103.{self.rng.randint(16, 31)}.{self.rng.randint(0, 255)}.{self.rng.randint(1, 254)}"
        agent = "Mozilla/5.0 (Linux; Android 14) Chrome/131.0"
        return (
            self.ids(),
            person.id,
            "LOGIN",
            resource,
            person.id,
            json.dumps(changes),
            address,
            agent,
            at,
            at,
            at,
        )
