"""Plants: what is amiss with the ERP in a way that does not pass by itself, each of which can be dug up alone.

A fault is an accident; a plant is how the system was built or set up. `real` mode has every plant that the real ERP was
seen with, `repaired` mode has none, and more can be planted that it might have.
"""

import difflib
from collections.abc import Collection

from schoolyard.faults import FaultError
from schoolyard.plants.database import DATABASE
from schoolyard.plants.kinds import Plant
from schoolyard.plants.website import WEBSITE

PLANTS: dict[str, Plant] = {**WEBSITE, **DATABASE}
REAL = frozenset(name for name, plant in PLANTS.items() if plant.is_real)


def read(names: Collection[str]) -> frozenset[str]:
    """Return a set of plants that can stand beside each other. Raises FaultError naming what is wrong."""
    for name in names:
        if name not in PLANTS:
            near = difflib.get_close_matches(name, PLANTS, n=1, cutoff=0.0)[0]
            raise FaultError(404, f"no plant {name}", f"nearest: {near}")
    for name in names:
        for other in PLANTS[name].excludes:
            if other in names:
                raise FaultError(400, f"{name} and {other} can't be planted together", "dig one of them up")
    return frozenset(names)
