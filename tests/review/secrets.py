"""The secrets of the recorded runs; none of them may appear in any view."""

from __future__ import annotations

VARIABLE = "RECORDED_SECRET"
FROM_ENVIRONMENT = "sesame-from-the-environment"
IN_DECLARATION = "sesame-in-the-declaration"
ALL = (FROM_ENVIRONMENT, IN_DECLARATION, "CW-SECRET-")
