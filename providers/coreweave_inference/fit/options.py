"""The options of vLLM that decide how much memory it takes. Data only; `option_reader` reads them from an engineConfig."""

from __future__ import annotations

from dataclasses import dataclass

AUTO = -1
"""A max-model-len that the engine chooses itself, so that it fits."""

LENGTH, TENSOR = "max-model-len", "tensor-parallel-size"
CONTEXT = "decode-context-parallel-size"

AS_STORED = (
    "auto",
    "hf",
    "safetensors",
    "mistral",
    "pt",
    "npcache",
    "dummy",
    "fastsafetensors",
    "instanttensor",
    "runai_streamer",
    "runai_streamer_sharded",
    "sharded_state",
)
"""Ways of loading after which GPUs hold what the files hold."""


@dataclass(frozen=True)
class StartupFault:
    """Why vLLM does not start, whatever memory there is; `option`: the one to change."""

    option: str
    why: str


@dataclass(frozen=True)
class Lora:
    """Adapters that are held at once, and their largest rank. `sharded`: whether GPUs share all parts of them.

    `targets`: the modules that are adapted; none for all that the model has.
    """

    adapters: int
    rank: int
    sharded: bool = False
    targets: tuple[str, ...] = ()


@dataclass(frozen=True)
class Options:
    """`length`: `None` is the model's own, `AUTO` what fits. `tensor`: `None` is what remains of a replica's GPUs.

    `speculation`: the method, "" where there is none; `draft`: whether a model of its own is loaded for it.
    `offload`: GiB of weights of each GPU that are in the memory of the CPU. `quantization`: as the option names it, "" for none.
    `text_only`: whether encoders may be left out. `beyond`: whether a request may be longer than the model's
    config.json says. `reconfigured`: whether the engine reads other values than those of config.json.
    `refused`: values that vLLM does not take. `unknown`: one sentence for each option whose effect is not known here.
    `unsized`: one for each with which the bytes of the weights in GPU memory are not known.
    """

    tensor: int | None = None
    pipeline: int = 1
    data: int = 1
    context: int = 1
    length: int | None = None
    utilization: float | None = None
    cache_bytes: int | None = None
    cache_type: str = "auto"
    block: int = 16
    batched: int | None = None
    sequences: int | None = None
    dtype: str = "auto"
    latent: bool = True
    hybrid: bool | None = True
    speculation: str = ""
    speculated: int = 0
    draft: bool = False
    lora: Lora | None = None
    offload: float = 0.0
    quantization: str = ""
    text_only: bool = False
    beyond: bool = False
    reconfigured: bool = False
    refused: tuple[StartupFault, ...] = ()
    unsized: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def loads_less(self) -> bool:
        """Whether fewer bytes may be in GPU memory than are stored."""
        return bool(self.offload or self.quantization or self.text_only or self.unsized)


DEFAULTS = Options()
