"""Imported by every Python that has this folder on its path: a wall clock that runs a hundred times too fast for the package.

Not for gRPC, which would wait until the true clock gets there.
"""

import sys
import time

_real, _start = time.time, time.time()


def _fast() -> float:
    ours = sys._getframe(1).f_globals["__name__"].startswith("coreweave_inference")
    return _start + (_real() - _start) * (100.0 if ours else 1.0)


time.time = _fast
