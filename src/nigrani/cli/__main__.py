"""`python -m nigrani.cli`: the command line without its script."""

from nigrani.cli import main

main()
