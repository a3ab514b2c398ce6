"""Who is at the schools, and the passwords they use. Names and secrets are made up from the seed."""

import base64
import hashlib
import hmac
import random
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

FIRST = [
    "Aarav",
    "Diya",
    "Ishaan",
    "Kavya",
    "Rohan",
    "Meera",
    "Arjun",
    "Ananya",
    "Vivaan",
    "Saanvi",
    "Kabir",
    "Nisha",
    "Aditya",
    "Pooja",
    "Dev",
    "Riya",
]
LAST = [
    "Sharma",
    "Verma",
    "Gupta",
    "Iyer",
    "Nair",
    "Reddy",
    "Patel",
    "Singh",
    "Das",
    "Mehta",
    "Joshi",
    "Khan",
    "Bose",
    "Rao",
    "Kulkarni",
    "Menon",
]
STAFF = (("ADMIN", 2), ("TEACHER", 12))
Ids = Callable[[], str]


@dataclass(frozen=True)
class School:
    id: str
    name: str
    code: str
    subdomain: str
    plan: str


@dataclass(frozen=True)
class Account:
    """What someone types into the login form."""

    email: str
    password: str
    school_code: str | None
    role: str
    user_id: str


@dataclass(frozen=True)
class Person:
    id: str
    name: str
    email: str
    mobile: str
    role: str
    password: str
    school: School | None = None
    student_id: str | None = None
    admission: str | None = None
    is_active: bool = True
    is_verified: bool = True
    totp_secret: str | None = None

    @property
    def password_hash(self) -> str:
        return hash_password(self.password, salt=self.id)

    def account(self) -> Account:
        return Account(self.email, self.password, self.school.code if self.school else None, self.role, self.id)


def hash_password(password: str, *, salt: str) -> str:
    """Return `sha256$salt$hex`. The ERP uses bcrypt; a stand-in must log thousands in on one core."""
    return f"sha256${salt}${hashlib.sha256(f'{salt}:{password}'.encode()).hexdigest()}"


def password_matches(password: str, stored: str) -> bool:
    salt = stored.split("$")[1]
    return hmac.compare_digest(hash_password(password, salt=salt), stored)


def make_schools(ids: Ids) -> list[School]:
    return [
        School(ids(), "Saraswati Vidya Mandir", "SVM001", "saraswati", "DOMINATE"),
        School(ids(), "Green Valley Public School", "GVPS02", "greenvalley", "GROWTH"),
        School(ids(), "St. Xavier's High School", "SXHS03", "stxaviers", "STARTER"),
    ]


def super_admin(ids: Ids, seed: int) -> Person:
    identity = ids()
    return Person(
        identity,
        "Platform Admin",
        "root@sikshamitra.example",
        "9800000000",
        "SUPER_ADMIN",
        _password(seed, identity),
    )


def people_of(school: School, pupils: int, rng: random.Random, ids: Ids, seed: int) -> Iterator[Person]:
    """Make a school's staff, pupils and one parent for each pupil.

    The last teacher uses two factors, the last pupil is deactivated, the last parent never confirmed the e-mail:
    one of each way in which a login is refused.
    """
    roles = [role for role, count in STAFF for _ in range(count)]
    roles += ["STUDENT"] * pupils + ["PARENT"] * pupils
    for number, role in enumerate(roles):
        is_last = number + 1 == len(roles) or roles[number + 1] != role
        identity = ids()
        name = f"{rng.choice(FIRST)} {rng.choice(LAST)}"
        login = f"{role.lower()}{number}@{school.subdomain}.example"
        yield Person(
            identity,
            name,
            login,
            f"9{school.code[-2:]}{number:04d}{rng.randrange(1000):03d}",
            role,
            _password(seed, identity),
            school=school,
            student_id=ids() if role == "STUDENT" else None,
            admission=f"{school.code}-{number:05d}" if role == "STUDENT" else None,
            is_active=not (role == "STUDENT" and is_last),
            is_verified=not (role == "PARENT" and is_last),
            totp_secret=_totp_secret(seed, identity) if role == "TEACHER" and is_last else None,
        )


def _password(seed: int, identity: str) -> str:
    return hmac.new(str(seed).encode(), identity.encode(), "sha256").hexdigest()[:16]


def _totp_secret(seed: int, identity: str) -> str:
    return base64.b32encode(hmac.new(str(seed).encode(), identity.encode(), "sha1").digest()).decode()


def totp(secret: str, at: float) -> str:
    """Return the six digits of RFC 6238 (SHA-1, 30 s) for a Unix time."""
    digest = hmac.new(base64.b32decode(secret), struct.pack(">Q", int(at) // 30), "sha1").digest()
    offset = digest[-1] & 15
    number: int = struct.unpack(">I", digest[offset : offset + 4])[0] & 0x7FFFFFFF
    return f"{number % 10**6:06d}"
