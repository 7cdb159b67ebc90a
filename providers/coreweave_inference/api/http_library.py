"""httpx without its command line, which would import two more libraries into each program and provider."""

from __future__ import annotations

import sys

COMMAND = "httpx._main"
"""Where it is missing httpx does without it, as where it was installed without `[cli]`."""

__all__ = ["httpx"]

if COMMAND in sys.modules:
    import httpx
else:
    sys.modules[COMMAND] = None  # type: ignore[assignment]
    try:
        import httpx
    finally:
        del sys.modules[COMMAND]
