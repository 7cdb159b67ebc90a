"""Why a run cannot even start. Nothing else belongs here."""

from __future__ import annotations

from coreweave_inference.errors import CoreWeaveError


class StartupError(CoreWeaveError):
    """The caller fixes the command, the directory or the installation; nothing was run."""
