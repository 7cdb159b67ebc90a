"""What is known of instance types: how many GPUs an instance has, and how much memory an engine sees of each.

Data with its sources, and nothing else. Instance types are opaque: one that is not in the table is not known, and rules
that need it say nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

GIB = 2**30


@dataclass(frozen=True)
class Hardware:
    """`memory` in bytes for each GPU, as vLLM and torch report it: a little less than what the GPU has in all."""

    gpu: str
    gpus: int
    memory: int


SOURCES = (
    "https://www.coreweave.com/pricing",
    "https://github.com/vllm-project/vllm/pull/10511",
    "https://github.com/vllm-project/vllm/pull/14447",
)
READ_ON = "2026-09-20"
"""Day on which GPU counts were read; the ids are those of the documentation's instance list. Memory: GiB in messages of
vLLM and torch that users published, the highest where they differ.
"""

_GPUS = {
    "gb300-4x": ("GB300", 4, 276.5),
    "gb200-4x": ("GB200", 4, 184.3),
    "b200-8x": ("B200", 8, 178.3),
    "gd-8xh200ib-i128": ("H200", 8, 139.8),
    "gd-8xh100ib-i128": ("H100", 8, 79.2),
    "gd-8xa100-i128": ("A100", 8, 79.2),
    "rtxp6000-8x": ("RTX PRO 6000", 8, 94.9),
    "gd-8xl40s-i128": ("L40S", 8, 44.4),
    "gd-8xl40-i128": ("L40", 8, 44.4),
    "gd-8xl40": ("L40", 8, 44.4),
    "gd-1xgh200": ("GH200", 1, 95.0),
}
HARDWARE = {name: Hardware(gpu, gpus, int(memory * GIB)) for name, (gpu, gpus, memory) in _GPUS.items()}


def hardware_of(instance_type: str | None) -> Hardware | None:
    """The hardware behind an instance type in any case; `None` where it is not known."""
    return HARDWARE.get((instance_type or "").lower())
