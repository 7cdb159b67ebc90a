"""The end of a program that declares its stack in Python: what `cw.load()` does beside reading a file.

Nothing is decided here; checks are `declared_checks`', outputs are `outputs`'.
"""

from __future__ import annotations

import pulumi

from coreweave_inference.errors import CoreWeaveError
from coreweave_inference.program.context import Program, current_program

from . import outputs
from .checks import check_program


def export() -> None:
    """Export the outputs that every stack of this package has, and let everything the program declares be checked first.

    A finding that cannot work is a pulumi.RunError, and then nothing of the program is declared to the engine.
    """
    program = current_program()
    program.look_first = lambda: _checked(program)
    outputs.export()


def _checked(program: Program) -> None:
    try:
        check_program(program)
    except CoreWeaveError as error:
        raise pulumi.RunError(str(error)) from error
