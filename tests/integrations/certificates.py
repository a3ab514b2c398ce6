"""Certificates for tests, made by openssl at the time they are needed, so that none in the repository runs out."""

from __future__ import annotations

import subprocess
from datetime import timedelta
from pathlib import Path

from nigrani.lib import clock

_CONFIG = """
[ca]
default_ca = own
[own]
database = {folder}/index
new_certs_dir = {folder}
serial = {folder}/serial
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
[leaf]
subjectAltName = {name}
"""


def authority(folder: Path) -> Path:
    """Make an authority in `folder` and return its certificate."""
    _openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", folder / "ca.key", "-out", folder / "ca.pem",
             "-days", "3650", "-subj", "/CN=Test authority")  # fmt: skip
    (folder / "index").write_text("")
    (folder / "serial").write_text("1000\n")
    return folder / "ca.pem"


def certificate(folder: Path, *, valid_from: timedelta, valid_to: timedelta, name: str = "IP:127.0.0.1") -> Path:
    """Make a certificate signed by the folder's authority, valid between two moments counted from now.

    Returns a PEM file with the key and the certificate.
    """
    count = len(list(folder.glob("leaf-*.pem")))
    key, request, made = (folder / f"leaf-{count}.{suffix}" for suffix in ("key", "csr", "crt"))
    config = folder / "openssl.cnf"
    config.write_text(_CONFIG.format(folder=folder, name=name))
    now = clock.now()
    start, end = (f"{now + each:%Y%m%d%H%M%S}Z" for each in (valid_from, valid_to))
    _openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", request, "-subj", "/CN=test")
    by = ("-cert", folder / "ca.pem", "-keyfile", folder / "ca.key", "-config", config, "-extensions", "leaf")
    dates = ("-startdate", start, "-enddate", end)
    _openssl("ca", "-batch", *by, *dates, "-in", request, "-out", made, "-notext")
    pem = folder / f"leaf-{count}.pem"
    pem.write_text(key.read_text() + made.read_text())
    return pem


def _openssl(*arguments: object) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)
