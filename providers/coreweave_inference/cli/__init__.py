"""`cw-inference`: the command line.

Arguments, questions, tables and exit codes (`exits`) belong here; what a command does is `engine`'s, `api`'s or
`storage`'s.
"""

from __future__ import annotations


def main() -> None:
    """The console script."""
    from coreweave_inference import collecting

    collecting.seldom()
    from .output import unfailing_output

    with unfailing_output():
        from coreweave_inference.api.retry_log import listen

        from .application import application
        from .output import Seldom, say

        seldom = Seldom()
        listen(lambda text: say(text, error=True) if seldom.allows() else None)
        application()
