"""Short-lived steps the supervisor lets others take, so that it stays small: `python -m nigrani.node.prepare STEP`.

`command` makes what PostgreSQL needs and prints, as JSON, how to start it; `database` makes our database at the
server's first answer (exit code 1: not yet). The home is NIGRANI_HOME.
"""

from __future__ import annotations

import json
import os
import sys

from nigrani.lib.errors import NigraniError
from nigrani.lib.home import Home

from . import postgres


def main(step: str) -> int:
    """Take one step; 2 with the reason on standard error when a person must mend something."""
    home = Home.from_environment()
    os.umask(0o077)
    try:
        if step == "database":
            return 0 if postgres.is_ready(home) else 1
        postgres.ensure(home)
        plan = postgres.command(home)
    except (NigraniError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    told = {"argv": plan.argv, "cwd": str(plan.cwd), "env": plan.env, "user": plan.user, "group": plan.group}
    sys.stdout.write(json.dumps(told))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
