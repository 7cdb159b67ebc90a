"""What is known of instance types: how many GPUs an instance has, and how much memory each of them.

Data with its source, and nothing else. Instance types are opaque: one that is not in the table is not known, and rules
that need it say nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

GB = 10**9


@dataclass(frozen=True)
class Hardware:
    """`memory` in bytes for each GPU, as the vendor sells it: a little more than an engine sees."""

    gpu: str
    gpus: int
    memory: int


SOURCE = "https://www.coreweave.com/pricing"
READ_ON = "2026-09-20"
"""Day on which GPU counts and memory were read there; the ids are those of the documentation's instance list."""

_GPUS = {
    "gb300-4x": ("GB300", 4, 279),
    "gb200-4x": ("GB200", 4, 186),
    "b200-8x": ("B200", 8, 180),
    "gd-8xh200ib-i128": ("H200", 8, 141),
    "gd-8xh100ib-i128": ("H100", 8, 80),
    "gd-8xa100-i128": ("A100", 8, 80),
    "rtxp6000-8x": ("RTX PRO 6000", 8, 96),
    "gd-8xl40s-i128": ("L40S", 8, 48),
    "gd-8xl40-i128": ("L40", 8, 48),
    "gd-8xl40": ("L40", 8, 48),
    "gd-1xgh200": ("GH200", 1, 96),
}
HARDWARE = {name: Hardware(gpu, gpus, memory * GB) for name, (gpu, gpus, memory) in _GPUS.items()}


def hardware_of(instance_type: str | None) -> Hardware | None:
    """The hardware behind an instance type in any case; `None` where it is not known."""
    return HARDWARE.get((instance_type or "").lower())
