"""`python -m coreweave_inference.cli`: the same as `cw-inference`."""

from __future__ import annotations

from . import main

main()
