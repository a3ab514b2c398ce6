"""NIGRANI_HOME: the one folder in which an installation keeps everything it owns."""

from __future__ import annotations

import hashlib
import os
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path

from .secret import Secret, Vault

_SOCKET_PATH_MAX = 100  # bytes; the kernel takes 107 and PostgreSQL adds a lock file's suffix


@dataclass(frozen=True)
class Home:
    """The folders of one installation. Nothing in it is readable by other users."""

    path: Path

    @classmethod
    def from_environment(cls) -> Home:
        """Return NIGRANI_HOME, or /var/lib/nigrani for root and ~/.nigrani for anyone else."""
        if chosen := os.environ.get("NIGRANI_HOME"):
            return cls(Path(chosen).absolute())
        return cls(Path("/var/lib/nigrani") if os.geteuid() == 0 else Path.home() / ".nigrani")

    @property
    def run(self) -> Path:
        """Pids, ports and locks of what runs now."""
        return self.path / "run"

    @property
    def secrets(self) -> Path:
        """One 0600 file a secret."""
        return self.path / "secrets"

    @property
    def postgres(self) -> Path:
        """The embedded PostgreSQL: its data, its socket and, for root, its binaries."""
        return self.path / "postgres"

    @property
    def socket(self) -> Path:
        """The folder of PostgreSQL's socket: in the home, unless that path is too long for a socket's address."""
        inside = self.postgres / "socket"
        if len(os.fsencode(inside / ".s.PGSQL.5432")) <= _SOCKET_PATH_MAX:
            return inside
        mark = hashlib.sha256(os.fsencode(self.path)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"nigrani-{os.geteuid()}-{mark}"

    @property
    def telemetry(self) -> Path:
        """The embedded ClickHouse engine's data."""
        return self.path / "telemetry"

    @property
    def journal(self) -> Path:
        """Facts that were acknowledged and not yet shipped to telemetry."""
        return self.path / "journal"

    @property
    def log(self) -> Path:
        """What our own processes said."""
        return self.path / "log"

    @property
    def upgrades(self) -> Path:
        """What was saved before each of the last upgrades."""
        return self.path / "upgrades"

    @property
    def guide(self) -> Path:
        """The team's own guide, if it has one here."""
        return self.path / "guide"

    @property
    def vault(self) -> Vault:
        """Where `${NAME}` is looked up."""
        return Vault(self.secrets)

    def ensure(self) -> None:
        """Create the folders. The top can be crossed (0711) but not listed by others; the rest is ours alone."""
        self.path.mkdir(mode=0o711, parents=True, exist_ok=True)
        for folder in (self.run, self.secrets, self.journal, self.log):
            folder.mkdir(mode=0o700, exist_ok=True)

    def own_secret(self, name: str) -> Secret:
        """Return a secret of the installation itself (a store's password, a signing key), made at first use."""
        kept = self.vault.get(name)
        if kept is None:
            kept = Secret(secrets.token_urlsafe(32))
            self.vault.put(name, kept)
        return kept
