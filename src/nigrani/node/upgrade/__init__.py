"""From one version to the next, and back: save the state, bring both stores to this version, check, or go back.

Holds what was saved, and how far an upgrade came. Never changes the guide's folder or a secret. `nigrani upgrade` takes
all steps; `nigrani up` takes the same ones by itself while that is safe (start.py).
"""
