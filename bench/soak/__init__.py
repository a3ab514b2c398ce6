"""The long numbers of the trunk, run for real.

Kills by the hundred, healthy hours, a simulated year, every story and its opposites, PostgreSQL 15 and 16.

`python -m bench.soak --only kills,year --kills 100` runs some or all and writes docs/soak.md. Each part returns a
Result: what was done, in counts, and the failures found. Nothing here asserts a time.
"""
