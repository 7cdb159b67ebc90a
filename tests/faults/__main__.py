"""`python -m tests.faults`: the fault campaign. See docs/reliability.md for what it proves."""

from __future__ import annotations

from tests.faults.campaign import main

if __name__ == "__main__":
    raise SystemExit(main())
