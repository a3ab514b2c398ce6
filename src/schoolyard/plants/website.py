"""Plants of the website: the routes and the middleware ask which are there."""

from schoolyard.plants.kinds import Plant

WEBSITE = {
    "no-health-route": Plant("/api/health and /api/status are ordinary 404 pages."),
    "login-no-proof": Plant("/login reads no database, so it is 200 with the database down."),
    "denials-redirect": Plant("API calls without a session are redirected to /login instead of refused."),
    "limiter-unseen": Plant("API answers carry no X-RateLimit headers until the limit is spent."),
    "csrf-cookie-never-set": Plant("/api/csrf-token hands out a token and sets no cookie."),
    "no-content-security-policy": Plant("Pages carry no Content-Security-Policy."),
    "webhook-turned-away": Plant("The middleware answers the gateway's webhook calls 403 for CSRF."),
    "web-vitals-turned-away": Plant("The middleware answers page timings 403 for CSRF."),
    "cron-turned-away": Plant("Calls of scheduled jobs are redirected to /login."),
    "health-numbers-constant": Plant("The ERP's system health says 150 ms and 45 requests a minute, always."),
    "cron-open": Plant("Scheduled jobs answer whoever calls.", is_real=False, excludes=("cron-turned-away",)),
    "middleware-missing": Plant("Pages behind the login are served to anybody.", is_real=False),
}
