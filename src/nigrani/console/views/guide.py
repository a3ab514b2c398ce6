"""The guide as files with line numbers, so that every object's "where" is a link."""

from __future__ import annotations

import re
from dataclasses import dataclass

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from nigrani import guide as guides
from nigrani.access.models import Role
from nigrani.access.roles import PersonRequest, needs
from nigrani.guide import current
from nigrani.guide.model import Guide, Where

_LINE = re.compile(r"(?P<indent>\s*(?:- )?)(?P<key>[\w.\-/]+:(?=\s|$))?(?P<rest>.*)")
_REMARK = re.compile(r"(?:^|\s)#.*")


@dataclass(frozen=True)
class Standing:
    """An object of the guide and the line it stands on."""

    kind: str
    name: str
    address: str
    where: Where


@dataclass(frozen=True)
class Text:
    """One line of a file, cut so that a page can set its key and its remark apart."""

    number: int
    indent: str
    key: str
    rest: str
    said: str


def standing(guide: Guide) -> list[Standing]:
    """Return every object of the guide that has a page or a place, in the order of the files."""
    found = [Standing("source", s.name, f"/sources/{s.name}", s.where) for s in guide.sources.values()]
    found += [Standing("measure", m.name, f"/measures/{m.name}", m.where) for m in guide.measures.values()]
    found += [Standing("rule", a.name, f"/rules/{a.name}", a.where) for a in guide.alerts.values()]
    found += [
        Standing(p.kind, p.name, "/cover#" + (p.covers[0].row if p.covers else ""), p.where)
        for p in guide.promises.values()
    ]
    found += [
        Standing("person", p.name, f"/guide/{p.where.file}#L{p.where.line}", p.where) for p in guide.people.values()
    ]
    found += [
        Standing("receiver", r.name, f"/guide/{r.where.file}#L{r.where.line}", r.where)
        for r in guide.receivers.values()
    ]
    return sorted(found, key=lambda each: (each.where.file, each.where.line))


def lines(text: str) -> list[Text]:
    """Cut a YAML file into lines with their keys and remarks; other files stay as they are."""
    cut = []
    for number, line in enumerate(text.splitlines(), start=1):
        found = _LINE.fullmatch(line)
        assert found, "the pattern matches any line"
        rest, said = found["rest"], ""
        if remark := _REMARK.search(rest):
            rest, said = rest[: remark.start()], rest[remark.start() :]
        cut.append(Text(number, found["indent"], found["key"] or "", rest, said))
    return cut


@require_safe
@needs(Role.VIEWER)
def files(request: PersonRequest) -> HttpResponse:
    """List the guide's files with what stands in each, and what is wrong with the guide."""
    guide = current.get()
    objects = standing(guide)
    listed = [
        {
            "name": name,
            "lines": text.count("\n") + 1,
            "objects": [each for each in objects if each.where.file == name],
        }
        for name, text in sorted(guide.text.items())
    ]
    context = {"guide": guide, "files": listed, "warnings": guides.warnings(guide)}
    return render(request, "console/guide.html", context)


@require_safe
@needs(Role.VIEWER)
def file(request: PersonRequest, name: str) -> HttpResponse:
    """Show one file. Only files of the loaded guide have a page: nothing is read from the disk here."""
    guide = current.get()
    text = guide.text.get(name)
    if text is None:
        raise Http404(f"The guide has no file {name}.")
    objects = [each for each in standing(guide) if each.where.file == name]
    return render(request, "console/guide_file.html", {"name": name, "lines": lines(text), "objects": objects})
