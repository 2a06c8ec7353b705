"""``python -m ebbwatch``."""

from ebbwatch.cli import main

main()
