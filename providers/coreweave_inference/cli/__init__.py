"""`cw-inference`: the command line.

Arguments, questions, tables and exit codes belong here; what a command does is `engine`'s, `api`'s or `storage`'s.
Exit codes: 0 done, 1 failed, 2 the command or the declaration must be mended, 130 stopped by Ctrl-C.
"""

from __future__ import annotations


def main() -> None:
    """The console script."""
    from .application import application

    application()
