"""HTML that the website answers with: enough for a probe that matches text, no more."""

from html import escape


def page(title: str, body: str) -> str:
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"/>'
        f"<title>{escape(title)}</title></head><body>{body}</body></html>"
    )


LOGIN = page(
    "Login | SikshaMitra",
    '<main><h1>Welcome to SikshaMitra</h1><form><label>School code <input name="schoolCode"/></label>'
    '<label>Email or mobile <input name="identifier"/></label><button type="submit">Sign in</button></form></main>',
)
HOME = page("SikshaMitra - School ERP", '<main><h1>SikshaMitra</h1><a href="/login">Login</a></main>')
SETUP = page("Setup | SikshaMitra", "<main><h1>System setup</h1></main>")
NOT_FOUND = page("404: This page could not be found.", "<h1>404</h1><h2>This page could not be found.</h2>")
SERVER_ERROR = page("500: Internal Server Error", "<h1>500</h1><h2>Internal Server Error.</h2>")


def area(name: str, people: int) -> str:
    return page(f"{name} | SikshaMitra", f"<main><h1>{escape(name)}</h1><p>{people} people</p></main>")
