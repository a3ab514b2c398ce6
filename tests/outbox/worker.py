"""A worker in a process of its own, to be killed: python -m tests.outbox.worker <address of a Slack>."""

from __future__ import annotations

import sys

import django


def main() -> None:
    django.setup()
    from tests.outbox.conftest import NOW, guide_of, receiver

    from nigrani.outbox import actions

    actions.deliver_due(guide_of(receiver("alerts", sys.argv[1])), now=NOW, patience=None)


if __name__ == "__main__":
    main()
