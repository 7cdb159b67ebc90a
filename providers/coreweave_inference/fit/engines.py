"""What versions of vLLM do with GPU memory: defaults that changed, as data. Read in the sources of the releases named.

A version that is not known is taken for the newest one, and its working memory is not known.
"""

from __future__ import annotations

from dataclasses import dataclass

from coreweave_inference.fleet.instances import GIB
from coreweave_inference.model.versions import parsed

LARGE = 70 * GIB
"""From here a GPU counts as large for the defaults of the scheduler; an A100 never does."""
LARGEST = 160 * GIB


@dataclass(frozen=True)
class Engine:
    """Releases from `since` on.

    `utilization`: of GPU memory, by default. `latent`: whether MLA models keep latent entries. `windows`: whether layers
    with a window keep no more than the window. `scheduler`: whether its defaults follow the size of the GPU (V1).
    `chunked`: whether a long request is worked on in parts.
    `copies`: tensors of sequences x vocabulary x 4 bytes at the peak of sampling. `graphs`: GiB that CUDA graphs take
    before the cache is sized. `in_flight`: steps that are under way at once. `checkpoint_cache`: whether the type of the cache is taken from a quantised checkpoint.
    `own_length`: whether a length that a model names as its own (`model_max_length`) is the one that counts.
    `measured`: whether published logs of these releases give their working memory.
    """

    since: tuple[int, int, int]
    utilization: float = 0.9
    latent: bool = True
    windows: bool = True
    scheduler: bool = True
    chunked: bool = True
    largest_batch: int = 8192
    copies: float = 9.66
    graphs: float = 0.0
    checkpoint_cache: bool = False
    in_flight: int = 1
    own_length: bool = True
    measured: bool = False


ENGINES = (
    Engine((0, 0, 0), own_length=False, latent=False, windows=False, scheduler=False, chunked=False),
    Engine((0, 5, 4), own_length=False, latent=False, windows=False, scheduler=False, measured=True),
    Engine((0, 7, 1), own_length=False, windows=False, scheduler=False, measured=True),
    Engine((0, 8, 0), own_length=False, windows=False, measured=True),
    Engine((0, 9, 2), measured=True),
    Engine((0, 14, 0), in_flight=2, checkpoint_cache=True, measured=True),
    Engine((0, 17, 0), in_flight=2, copies=5.0, checkpoint_cache=True),
    Engine((0, 20, 0), in_flight=2, utilization=0.92, copies=5.0, graphs=0.8, checkpoint_cache=True),
    Engine(
        (0, 28, 0),
        in_flight=2,
        utilization=0.92,
        copies=5.0,
        graphs=0.8,
        checkpoint_cache=True,
        largest_batch=16384,
    ),
)
NEWEST = ENGINES[-1]
SOURCES = (
    "vllm 0.6.3, 0.7.3, 0.8.5, 0.9.2, 0.11.0, 0.14.1, 0.17.0, 0.20.0, 0.24.0, 0.28.0, 0.33.0 (package index)"
)


def engine_of(version: str | None) -> Engine:
    """What a version of vLLM does, CoreWeave's builds (`0.22.0+crwv.2`) included."""
    found = parsed((version or "").removeprefix("v"))
    if found is None:
        return NEWEST
    number = (found.major, found.minor, found.patch)
    return next((engine for engine in reversed(ENGINES) if engine.since <= number), NEWEST)
