"""Django's settings. What a person may set is NIGRANI_*; everything else stands in the guide."""

from __future__ import annotations

import os
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from nigrani.lib.errors import NigraniError
from nigrani.lib.home import Home

HOME = Home.from_environment()


def database(url: str) -> dict[str, object]:
    """Return Django's settings for a postgresql:// address; `host=` in the query is a socket folder or a host."""
    try:
        parts = urlsplit(url)
        port = parts.port
        is_ours = parts.scheme in ("postgres", "postgresql")
    except ValueError:  # its words quote the address: an unquoted / or # in a password looks like a port
        is_ours = False
    if not is_ours:
        raise NigraniError(
            "NIGRANI_DATABASE_URL is no PostgreSQL address.",
            "Write postgresql://user:password@host:5432/name, odd signs of the password as %XX.",
        )
    options = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path.lstrip("/") or "nigrani",
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": options.pop("host", parts.hostname or ""),
        "PORT": str(port or options.pop("port", "")),
        "OPTIONS": options | {"application_name": "nigrani"},
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
    }


def embedded_database_url(home: Home) -> str:
    """Return the address of the home's own PostgreSQL, whether or not it runs."""
    password = home.vault.get("POSTGRES_PASSWORD")
    return f"postgresql://nigrani:{password.reveal() if password else ''}@/nigrani?host={home.socket}"


def networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """Return the networks of a comma-separated list; an address alone is a network of one."""
    try:
        return tuple(ip_network(each.strip(), strict=False) for each in text.split(",") if each.strip())
    except ValueError as error:
        raise NigraniError(
            f"NIGRANI_PROXIES can't be read: {error}.", "Write addresses or networks: 10.0.0.5,192.168.7.0/24"
        ) from None


DATABASES = {"default": database(os.environ.get("NIGRANI_DATABASE_URL") or embedded_database_url(HOME))}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "access.Person"

_signing_key = HOME.vault.get("SIGNING_KEY")
SECRET_KEY = _signing_key.reveal() if _signing_key else os.urandom(32).hex()

DEBUG = False
ALLOWED_HOSTS = [host for host in os.environ.get("NIGRANI_HOSTS", "localhost,127.0.0.1,[::1]").split(",") if host]
CSRF_TRUSTED_ORIGINS = [origin for origin in os.environ.get("NIGRANI_ORIGINS", "").split(",") if origin]
_https = os.environ.get("NIGRANI_HTTPS", "") == "1"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _https
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if _https else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _https else None
PROXIES = networks(os.environ.get("NIGRANI_PROXIES", ""))  # whose X-Forwarded-For is believed
SESSION_COOKIE_NAME, SESSION_COOKIE_AGE, SESSION_COOKIE_SAMESITE = "nigrani_session", 12 * 3600, "Lax"
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "nigrani.console.views.small.csrf_refused"
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_htmx",
    "nigrani.access",
    "nigrani.sources",
    "nigrani.outbox",
    "nigrani.measures",
    "nigrani.alerts",
    "nigrani.versions",
    "nigrani.survey",
    "nigrani.console",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "nigrani.console.middleware.ContentSecurityPolicy",
    "nigrani.console.middleware.NoNul",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
ROOT_URLCONF = "nigrani.urls"
ASGI_APPLICATION = "nigrani.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "nigrani.console.context.everywhere",
            ],
        },
    },
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "overview"
STATIC_URL = "/static/"
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
USE_I18N = False
LOGGING_CONFIG = None

PACKAGE = Path(__file__).parent
