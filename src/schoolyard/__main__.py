"""Run the command line with `python -m schoolyard`."""

from schoolyard.cli import main

main()
