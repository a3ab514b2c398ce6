"""The long numbers of the trunk, run for real: kills by the hundred, healthy hours, a simulated year, PostgreSQL 15.

`python -m bench.soak --only kills,year --kills 100` runs some or all and writes docs/soak.md. Each part returns a
Result: what was done, in counts, and the failures found. Nothing here asserts a time.
"""
