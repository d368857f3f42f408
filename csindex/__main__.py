"""``python -m csindex`` is the command ``csindex``."""

from csindex.cli import main

main(prog_name="csindex")
