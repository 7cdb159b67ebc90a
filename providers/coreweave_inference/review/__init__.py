"""What a preview means for clients, traffic, GPUs and money: `pulumi preview --json` in, a review out.

Pure: nothing here may import Pulumi, the API client or an HTTP library, start a process, read the environment or the
clock, or post anything. Equal input gives equal output, byte for byte, whatever order files and steps come in.
"""

from __future__ import annotations

from coreweave_inference.fleet.instances import Prices, default_prices, read_prices

from .findings import (
    Findings,
    FoundProblem,
    MemoryVerdict,
    compare_findings,
    findings_from,
    memory_from,
    read_findings,
    read_memory,
)
from .reading import Preview, Resource, failed_preview, preview_in, read_preview
from .reviewing import Review, review
from .verdicts import Outcome

__all__ = [
    "Findings",
    "FoundProblem",
    "MemoryVerdict",
    "Outcome",
    "Preview",
    "Prices",
    "Resource",
    "Review",
    "compare_findings",
    "default_prices",
    "failed_preview",
    "findings_from",
    "memory_from",
    "preview_in",
    "read_findings",
    "read_memory",
    "read_preview",
    "read_prices",
    "review",
]
