"""A site over HTTP: is it there, does it answer what it should, how long does each phase take."""

from nigrani.integrations import Limit, Manifest

MANIFEST = Manifest(
    name="web",
    title="Website or HTTP API",
    faces=("probe", "survey"),
    verified_on="2026-11-23",
    limits=(
        Limit(
            "calls to /api/* by one address and user agent",
            "100 in 15 minutes, then 429",
            source="SikshaMitra ERP, middleware.ts: rate limit, one counter for all paths",
        ),
        Limit(
            "calls to /api/auth/* by one address and user agent",
            "10 in 15 minutes, counting its calls to every other path as well",
            source="SikshaMitra ERP, middleware.ts: rate limit, one counter for all paths",
        ),
    ),
)
