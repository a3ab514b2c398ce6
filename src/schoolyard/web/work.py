"""What people do behind the login: server actions, which check a permission and say so, and uploads, which do not.

A server action is a POST to the page it belongs to, with its id in the header `next-action` and its arguments as a
JSON list. An upload leaves a "Document" row and no audit row, as the ERP's live routes do; this yard has no object
store that would keep the bytes.
"""

import hashlib
import json
from email import policy
from email.parser import BytesParser

from schoolyard import clock
from schoolyard.http import Request, Response, answer_html, answer_json
from schoolyard.pool import PrismaError
from schoolyard.web import pages
from schoolyard.web.audit import Audit
from schoolyard.web.erp import Erp

MAX_IMAGE_BYTES, MAX_DOCUMENT_BYTES = 5 << 20, 50 << 20
INSERT = """
INSERT INTO "Document" (id, title, "fileName", "fileUrl", "fileType", "fileSize", "userId", "schoolId", "createdAt",
                        "updatedAt")
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"""
_ALL = ("STUDENT:READ", "STUDENT:DELETE", "ATTENDANCE:CREATE", "MARK:UPDATE", "PAYMENT:UPDATE", "USER:CREATE")
MAY = {"ADMIN": frozenset(_ALL), "TEACHER": frozenset({"STUDENT:READ", "ATTENDANCE:CREATE", "MARK:UPDATE"})}


def action_id(wanted: str) -> str:
    """Return the id under which the build of the ERP knows the action that needs a permission."""
    return hashlib.sha1(wanted.encode()).hexdigest()  # noqa: S324 - a name, as Next.js makes them; nothing is secret


_WANTED = {action_id(each): each for each in _ALL}


class Work:
    """Answers server actions and uploads of people who are logged in."""

    def __init__(self, erp: Erp, audit: Audit) -> None:
        self._erp = erp
        self._audit = audit

    async def act(self, request: Request) -> Response:
        """Run a server action: 404 for an id that no build has, else 200 whether it was allowed or not."""
        wanted, session = _WANTED.get(request.headers["next-action"]), self._erp.sessions.read(request)
        if wanted is None or session is None:
            self._erp.lines.say("Error: Failed to find Server Action. This request might be from an older deployment.")
            return answer_html(pages.NOT_FOUND, status=404)
        is_granted = wanted in MAY.get(session.role or "", ())
        await self._audit.check(request, session.user_id, wanted, session.role, granted=is_granted)
        done = {"success": True} if is_granted else {"success": False, "error": "Insufficient permissions"}
        return Response(200, f"0:{json.dumps(done)}\n".encode(), [("content-type", "text/x-component")])

    async def upload(self, request: Request) -> Response:
        """Take one file of a form: 400 without one or too large, 500 when the row can't be written."""
        session, file = self._erp.sessions.read(request), _file(request)
        if session is None or session.school_id is None:
            return answer_json({"success": False, "error": "Unauthorized"}, status=401)
        if file is None:
            return answer_json({"success": False, "error": "No file provided"}, status=400)
        name, kind, size = file
        if size > (MAX_IMAGE_BYTES if kind.startswith("image/") else MAX_DOCUMENT_BYTES):
            return answer_json({"success": False, "error": "File size exceeds limit"}, status=400)
        folder = "images" if kind.startswith("image/") else "documents"
        stem, _, ending = name.rpartition(".")
        key = f"school-{session.school_id}/{folder}/{stem or ending}-{self._erp.new_id()[-10:]}.{ending}"
        at = clock.naive(clock.now() + self._erp.ahead)
        who = (session.user_id, session.school_id, at, at)
        try:
            async with self._erp.pool.connection() as connection:
                await connection.execute(INSERT, (self._erp.new_id(), stem or name, name, key, kind, size, *who))
        except PrismaError as error:
            self._erp.lines.prisma("document.create", error)
            return answer_json({"success": False, "error": "Failed to upload file"}, status=500)
        return answer_json({"success": True, "key": key, "size": size})


def _file(request: Request) -> tuple[str, str, int] | None:
    """Return name, type and size of the form's first file."""
    head = f"content-type: {request.headers.get('content-type', '')}\r\n\r\n".encode()
    form = BytesParser(policy=policy.HTTP).parsebytes(head + request.body)
    for part in form.iter_parts() if form.is_multipart() else ():
        if name := part.get_filename():
            return name.rpartition("/")[2][:100], part.get_content_type(), len(part.get_payload(decode=True) or b"")
    return None
