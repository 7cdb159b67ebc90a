"""Pulumi's provider host, started so that it ends with its engine from its first moment on.

Run as `python -m coreweave_inference.host.provider_host -u -m pulumi.dynamic <engine address>`, which is how
Pulumi calls the Python of its providers.
"""

from __future__ import annotations

import os
import runpy
import sys

from coreweave_inference.collecting import seldom

from .process import end_with_engine

HOST = "pulumi.dynamic"


def main(arguments: list[str]) -> None:
    """Run the host; anything else that this Python is called for is run as it is."""
    if HOST not in arguments:
        os.execv(sys.executable, [sys.executable, *arguments])
    sys.argv = [HOST, *arguments[arguments.index(HOST) + 1 :]]
    seldom()
    end_with_engine()
    runpy.run_module(HOST, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1:])
