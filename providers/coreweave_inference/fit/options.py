"""The options of vLLM that decide how much memory it takes, read from an engineConfig. Pure.

What cannot be read makes the verdict unknown, with a sentence on why; options that mean nothing for memory are not read.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

AUTO = -1
"""A max-model-len that the engine chooses itself, so that it fits."""

LENGTH = "max-model-len"
TENSOR, PIPELINE, DATA = "tensor-parallel-size", "pipeline-parallel-size", "data-parallel-size"
CONTEXT = "decode-context-parallel-size"
UTILIZATION, CACHE_BYTES, CACHE_TYPE = "gpu-memory-utilization", "kv-cache-memory-bytes", "kv-cache-dtype"
BATCHED, SEQUENCES, BLOCK = "max-num-batched-tokens", "max-num-seqs", "block-size"
NUMBER = re.compile(r"(?P<number>[0-9]+(?:\.[0-9]+)?)(?P<unit>[kKmMgGtT]?)\Z")
UNITS = {unit: 1000**power for power, unit in enumerate("kmgt", start=1)} | {
    unit: 1024**power for power, unit in enumerate("KMGT", start=1)
}
UNREADABLE = {
    "hf-overrides": "changes the model's configuration",
    "hf-config-path": "takes the model's configuration from elsewhere",
    "num-gpu-blocks-override": "sets the size of the KV cache itself",
    "prefill-context-parallel-size": "spreads a request over GPUs in a way that is not known here",
    "data-parallel-size-local": "makes the engine one part of several",
    "data-parallel-rank": "makes the engine one part of several",
    "nnodes": "makes the engine one part of several",
    "gpu-memory-utilization-gb": "sets the memory of the engine in a way that is not known here",
}
QUANTIZATION = "quantization"
LESS_THAN_STORED = (
    QUANTIZATION,
    "cpu-offload",
    "offload",
    "language-model-only",
    "limit-mm-per-prompt",
    "mm-encoder-only",
)
"""How options begin with which fewer bytes are in GPU memory than are stored."""
OFF = ("none", "false", "0", "0.0")
"""Values that switch an option off; an empty one switches a flag on."""
LIMITED, NO_INPUT = "limit-mm-per-prompt", re.compile(r"(?:^|[:= ])0\b")
"""An encoder is left out only where none of its inputs is allowed."""
LOAD_FORMATS = ("auto", "hf", "safetensors", "mistral", "runai_streamer", "fastsafetensors", "pt")


@dataclass(frozen=True)
class Lora:
    """Adapters that are held at once, and their largest rank."""

    adapters: int
    rank: int


@dataclass(frozen=True)
class Options:
    """`length`: `None` is the model's own, `AUTO` what fits. `tensor`: `None` is what is left of a replica's GPUs.

    `speculation`: the method, "" where there is none; `draft`: whether a model of its own is loaded for it.
    `unknown`: one sentence for each option whose effect is not known here.
    `less_stored`: options with which fewer bytes are in GPU memory than are stored.
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
    less_stored: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


DEFAULTS = Options()


def options_of(config: Mapping[str, Any] | None, environment: Mapping[str, Any] | None = None) -> Options:
    """The options in an engineConfig, keys in either spelling; `environment` is the engineEnv."""
    if config is None:
        return Options(unknown=("the engine's options are not known",))
    given = _Given({str(key).replace("_", "-"): value for key, value in config.items()})
    method, speculated, draft = given.speculation()
    found = Options(
        tensor=given.whole(TENSOR, None),
        pipeline=given.whole(PIPELINE, 1) or 1,
        data=given.whole(DATA, 1) or 1,
        context=given.whole(CONTEXT, 1) or 1,
        length=given.length(),
        utilization=given.share(),
        cache_bytes=given.whole(CACHE_BYTES, None),
        cache_type=given.text(CACHE_TYPE, "auto"),
        block=given.whole(BLOCK, 16) or 16,
        batched=given.whole(BATCHED, None),
        sequences=given.whole(SEQUENCES, None),
        dtype=given.text("dtype", "auto"),
        latent=str((environment or {}).get("VLLM_MLA_DISABLE", "0")) in ("0", ""),
        hybrid=given.hybrid(),
        speculation=method,
        speculated=speculated,
        draft=draft,
        lora=given.lora(),
        less_stored=given.less_stored(),
        unknown=(),
    )
    given.refuse_unreadable()
    return Options(**{**vars(found), "unknown": tuple(given.unknown)})


def length_of(text: str) -> int | None:
    """`16384`, `16k`, `16K` and `25.6k` as vLLM reads them, `auto` and `-1` as AUTO; `None` for anything else."""
    if text.strip().lower() in ("auto", "-1"):
        return AUTO
    found = NUMBER.match(text.strip())
    if found is None or len(text) > 15:
        return None
    number, unit = found["number"], found["unit"]
    if "." in number and (not unit or unit.isupper()):
        return None
    size = int(float(number) * UNITS[unit]) if unit else int(number)
    return size or None


class _Given:
    """The options that were given; `unknown` collects what could not be read."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.config = config
        self.unknown: list[str] = []

    def on(self, key: str) -> bool:
        """Whether a flag is on."""
        return key in self.config and str(self.config[key]).lower() not in ("false", "none", "0")

    def text(self, key: str, default: str) -> str:
        value = self.config.get(key)
        return default if value is None else str(value).strip().lower() or default

    def whole(self, key: str, default: int | None) -> int | None:
        if self.config.get(key) is None:
            return default
        found = length_of(self._plain(key))
        if found is not None and found > 0:
            return found
        self._refuse(key)
        return default

    def length(self) -> int | None:
        if self.config.get(LENGTH) is None:
            return None
        found = length_of(self._plain(LENGTH))
        if found is None:
            self._refuse(LENGTH)
        return found

    def share(self) -> float | None:
        if self.config.get(UTILIZATION) is None:
            return None
        try:
            found = float(self._plain(UTILIZATION))
        except ValueError:
            found = math.nan
        if 0 < found <= 1:
            return found
        self._refuse(UTILIZATION)
        return None

    def hybrid(self) -> bool | None:
        """Whether layers with a window keep no more than it; `None` where that depends on the version."""
        if self.on("disable-hybrid-kv-cache-manager"):
            return False
        if self.config.get("kv-transfer-config") and not self.on("no-disable-hybrid-kv-cache-manager"):
            return None
        return True

    def speculation(self) -> tuple[str, int, bool]:
        """Method, tokens ahead, and whether another model is loaded. Members of the option may be keys of their own."""
        key = "speculative-config"
        members = {
            name.removeprefix(f"{key}.").replace("-", "_"): value
            for name, value in self.config.items()
            if name.startswith(f"{key}.")
        }
        if self.config.get(key):
            try:
                found = json.loads(str(self.config[key]))
            except ValueError:
                found = None
            if not isinstance(found, dict):
                self.unknown.append(f"{key} is no JSON object")
                return "", 0, False
            members = {**found, **members}
        if not members:
            return "", 0, False
        method = str(members.get("method") or ("" if members.get("model") else "unknown")).lower()
        ahead = str(members.get("num_speculative_tokens", 1))
        tokens = int(ahead) if ahead.isdigit() and len(ahead) < 5 else 1
        own = method.endswith("mtp") and not members.get("model")
        return method or "draft model", tokens, not own and method not in ("ngram", "suffix", "ngram_gpu")

    def lora(self) -> Lora | None:
        if not self.on("enable-lora"):
            return None
        return Lora(self.whole("max-loras", 1) or 1, self.whole("max-lora-rank", 16) or 16)

    def less_stored(self) -> tuple[str, ...]:
        found = [
            key
            for key, value in self.config.items()
            if key.startswith(LESS_THAN_STORED)
            and str(value).strip().lower() not in OFF
            and (not key.startswith(LIMITED) or NO_INPUT.search(str(value)))
        ]
        if self.text("load-format", "auto") not in LOAD_FORMATS:
            found.append("load-format")
        return tuple(found)

    def refuse_unreadable(self) -> None:
        self.unknown += [
            f"{key} {why}"
            for key in self.config
            for name, why in UNREADABLE.items()
            if key == name or key.startswith(f"{name}.")
        ]

    def _plain(self, key: str) -> str:
        """A number as text: `16384.0` reaches a provider where `16384` was written."""
        value = self.config[key]
        return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()

    def _refuse(self, key: str) -> None:
        self.unknown.append(f'{key} is "{str(self.config[key])[:40]}", which cannot be read')
