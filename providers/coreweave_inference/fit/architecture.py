"""What decides how much memory a model takes: its layers and what each of them keeps for a token. Data only.

Sizes are those of the whole model; what one GPU holds of them is computed where the parallel sizes are known.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

FEWEST_BITS = 2
"""Of a parameter in the smallest formats that are published."""


class Attention(Enum):
    """What a layer keeps of the tokens of a request."""

    FULL = "full attention"
    LATENT = "latent attention (MLA)"
    WINDOW = "sliding window"
    CHUNK = "chunked attention"
    STATE = "state"


@dataclass(frozen=True)
class Layers:
    """Layers that keep the same.

    `heads`: key-value heads. `key`, `value`: elements of one head; of latent attention `key` is the whole entry.
    `window`: tokens of a sliding window or a chunk. `state`: bytes for each sequence, whatever its length.
    `index`: bytes for each token of an index beside the cache, the same on each GPU.
    """

    kind: Attention
    count: int
    heads: int = 1
    key: int = 0
    value: int = 0
    window: int = 0
    state: int = 0
    index: int = 0


@dataclass(frozen=True)
class Model:
    """A model as its config.json describes it.

    `heads`: attention heads, `inner`: the widest inner vector of one token. `default`, `longest`: tokens that an engine
    takes for the model's length at least and at most, as versions count differently; `None` where it is not known. `own`: what
    the model names as its own length beside these, 0 for nothing. `cache`: the
    type of the KV cache that a quantised checkpoint asks for. `predictors`: layers for multi-token prediction.
    `experts`: of a layer, 0 for none; `narrow`: the inner vector of one expert. `is_dense`: whether each layer has one inner vector,
    of a width that is declared.
    `unabsorbed`: elements of a key where an engine does not use latent attention. `length_of_stack`: all layers of the
    model, those that keep nothing included.
    """

    type: str
    layers: tuple[Layers, ...]
    heads: int
    hidden: int
    inner: int
    vocabulary: int
    default: int | None = None
    longest: int | None = None
    own: int = 0
    cache: str = ""
    experts: int = 0
    narrow: int = 0
    is_dense: bool = False
    multimodal: bool = False
    tied: bool = False
    predictors: int = 0
    unabsorbed: int = 0
    length_of_stack: int = 0

    @property
    def fewest_parameters(self) -> int:
        """Parameters that the model has at least: its embedding, and two square matrices in each layer."""
        return self.hidden * (self.vocabulary + 2 * self.hidden * self.length_of_stack)

    def fewest_bytes(self, *, quantised: bool) -> float:
        """Bytes that these take at least, without encoders."""
        return self.fewest_parameters * (FEWEST_BITS / 8 if quantised else 2)

    @property
    def depth(self) -> int:
        """Layers that keep something."""
        return sum(group.count for group in self.layers)


@dataclass(frozen=True)
class Tensor:
    """A tensor as the header of its file describes it; `dtype` in the words of safetensors (`BF16`, `F8_E4M3`)."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    bytes: int


@dataclass(frozen=True)
class Weights:
    """Files that an engine loads: their bytes, and their tensors where the headers were read.

    `smallest` is set where more files may be loaded: then it is a lower bound. `dtype`: what they were saved in, `""` where
    that is not known; `quantised`: whether they stay what they are in memory.
    """

    bytes: int
    tensors: tuple[Tensor, ...] | None = None
    smallest: bool = False
    dtype: str = ""
    quantised: bool = False


@dataclass(frozen=True)
class Range:
    """Bytes: at least, most likely, and at most."""

    low: float
    expected: float
    high: float

    def __add__(self, other: Range) -> Range:
        return Range(self.low + other.low, self.expected + other.expected, self.high + other.high)

    def __truediv__(self, number: float) -> Range:
        return Range(self.low / number, self.expected / number, self.high / number)


NOTHING = Range(0, 0, 0)


def exactly(size: float) -> Range:
    """A size that is known."""
    return Range(size, size, size)
