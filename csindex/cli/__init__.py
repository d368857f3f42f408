"""The command line: reports and fits without a line of Python."""

from csindex.cli.commands import main

__all__ = ["main"]
