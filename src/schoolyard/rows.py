"""How the seed writes: ids, moments and COPY."""

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import psycopg
from psycopg import sql

from schoolyard.people import Account, Person, School

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

    def pupils(self, school: School) -> list[Person]:
        return [person for person in self.people if person.school is school and person.student_id]

    def admin(self, school: School) -> Person:
        return next(person for person in self.people if person.school is school and person.role == "ADMIN")


def make_id(rng: random.Random) -> str:
    """Return an id in the shape of a cuid: 25 characters, the first a c."""
    return "c" + "".join(rng.choices("0123456789abcdefghijklmnopqrstuvwxyz", k=24))


@dataclass
class Writer:
    """Writes rows into one connection. now: when the world was seeded, as the ERP stores times."""

    connection: psycopg.Connection[tuple[object, ...]]
    rng: random.Random
    ids: Callable[[], str]
    now: datetime

    def copy(self, table: str, columns: str, rows: Iterable[Row]) -> None:
        """Append rows; `columns` are their names, separated by blanks."""
        names = sql.SQL(", ").join(sql.Identifier(name) for name in columns.split())
        statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), names)
        with self.connection.cursor().copy(statement) as copy:
            for row in rows:
                copy.write_row(row)

    def past(self, days: float) -> datetime:
        """Return a moment of the last `days`, in school hours (08:30 to 21:30 IST)."""
        day = self.now - timedelta(days=self.rng.uniform(1, days))
        return day.replace(hour=self.rng.randint(3, 15), minute=self.rng.randint(0, 59))
