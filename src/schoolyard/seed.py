"""Fill the ERP's database with a small, seeded world: the same seed and time give the same rows."""

import random
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from importlib import resources

import psycopg
from psycopg import sql

from schoolyard import clock
from schoolyard.history import write_classroom, write_files, write_logins, write_messages
from schoolyard.people import Person, School, make_schools, people_of, super_admin
from schoolyard.rows import HISTORY_DAYS, Row, World, Writer, make_id

SCALES = {"small": 20, "normal": 200}


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
        writer = Writer(connection, rng, ids, clock.naive(now))
        _write_people(writer, world)
        _write_students(writer, world)
        for school in world.schools:
            _write_fees(writer, school, world)
            write_classroom(writer, school, world)
            write_messages(writer, school, world)
            write_files(writer, school, world)
        write_logins(writer, world)
    _analyze(dsn)
    return world


def _write_people(writer: Writer, world: World) -> None:
    born = writer.now - timedelta(days=HISTORY_DAYS * 4)
    schools: list[Row] = [
        (s.id, s.name, s.code, s.subdomain, "ACTIVE", s.plan, True, f"office@{s.subdomain}.example", born, born)
        for s in world.schools
    ]
    columns = "id name schoolCode subdomain subdomainStatus plan isOnboarded email createdAt updatedAt"
    writer.copy("schools", columns, schools)
    writer.copy(
        "User",
        "id name email mobile passwordHash isActive role emailVerified twoFactorEnabled twoFactorSecret "
        "firstName lastName createdAt updatedAt",
        (_user(person, born) for person in world.people),
    )
    members: Iterator[Row] = (
        (writer.ids(), person.id, person.school.id, person.role, True, born, born)
        for person in world.people
        if person.school
    )
    writer.copy("user_schools", "id userId schoolId role isActive createdAt updatedAt", members)


def _user(person: Person, born: datetime) -> Row:
    verified = born if person.is_verified else None
    first, last = person.name.split()[0], person.name.split()[-1]
    return (
        *(person.id, person.name, person.email, person.mobile, person.password_hash, person.is_active, person.role),
        *(verified, bool(person.totp_secret), person.totp_secret, first, last, born, born),
    )


def _write_students(writer: Writer, world: World) -> None:
    admitted = writer.now - timedelta(days=HISTORY_DAYS * 4)
    rows: list[Row] = []
    for number, person in enumerate(world.people):
        if person.school and person.student_id:
            birthday = writer.now - timedelta(days=365 * writer.rng.randint(6, 17))
            gender = writer.rng.choice(["MALE", "FEMALE"])
            identity = (person.student_id, person.id, person.school.id, person.admission)
            rows.append((*identity, admitted, str(number % 40 + 1), birthday, gender, admitted, admitted))
    columns = "id userId schoolId admissionId admissionDate rollNumber dateOfBirth gender createdAt updatedAt"
    writer.copy("Student", columns, rows)


def _write_fees(writer: Writer, school: School, world: World) -> None:
    structures = [(writer.ids(), f"Term {term} fees") for term in (1, 2, 3)]
    year, start = writer.ids(), writer.now - timedelta(days=200)
    writer.copy(
        "FeeStructure",
        "id name academicYearId validFrom isActive createdAt schoolId",
        ((structure, name, year, start, True, start, school.id) for structure, name in structures),
    )
    writer.copy(
        "FeePayment",
        "id studentId feeStructureId amount paidAmount balance paymentDate paymentMethod transactionId "
        "receiptNumber status remarks createdAt updatedAt schoolId",
        (
            _payment(writer, pupil, structure, school)
            for pupil in world.pupils(school)
            for structure, _ in structures
            if writer.rng.random() < 0.8
        ),
    )


def _payment(writer: Writer, pupil: Person, structure: str, school: School) -> Row:
    """Return a fee payment; gateway ones stay paymentSource MANUAL, as the ERP leaves them."""
    rng, at = writer.rng, writer.past(HISTORY_DAYS)
    amount = float(rng.randrange(2000, 15000, 500))
    status = rng.choices(["COMPLETED", "PENDING", "PARTIAL", "FAILED", "REFUNDED"], [88, 5, 3, 3, 1])[0]
    paid = {"COMPLETED": amount, "REFUNDED": amount, "PARTIAL": amount / 2}.get(status, 0.0)
    is_online = rng.random() < 0.4
    method = "ONLINE_PAYMENT" if is_online else rng.choice(["CASH", "CHEQUE", "BANK_TRANSFER"])
    reference = f"pay_{writer.ids()[1:15]}" if is_online else None
    remarks = f"Online payment via Razorpay. Order ID: order_{writer.ids()[1:15]}" if is_online else None
    receipt = f"RCP-{int(at.timestamp() * 1000)}-{(pupil.student_id or '')[-6:]}"
    return (
        *(writer.ids(), pupil.student_id, structure, amount, paid, amount - paid, at, method, reference),
        *(receipt, status, remarks, at, at, school.id),
    )


def _analyze(dsn: str) -> None:
    """Give the planner figures on our tables; a bare ANALYZE would complain about the superuser's."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        found = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        names = sql.SQL(", ").join(sql.Identifier(row[0]) for row in found)
        connection.execute(sql.SQL("ANALYZE {}").format(names))
