"""Run every measurement, or those named: `python -m bench [probes facts feed series backtest storm latency memory]`."""

from __future__ import annotations

import subprocess
import sys

ALL = ("probes", "facts", "feed", "series", "backtest", "memory", "storm", "latency")


def main() -> int:
    """Run each in a process of its own, so that none inherits another's memory. Returns the worst exit code."""
    wanted = sys.argv[1:] or ALL
    unknown = [name for name in wanted if name not in ALL]
    if unknown:
        print(f"There is no measurement {', '.join(unknown)}; there are {', '.join(ALL)}.", file=sys.stderr)
        return 2
    worst = 0
    for name in wanted:
        print(f"\n== {name}", flush=True)
        worst = max(worst, subprocess.run([sys.executable, "-m", f"bench.{name}"], check=False).returncode)
    return worst


if __name__ == "__main__":
    sys.exit(main())
