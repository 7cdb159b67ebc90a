"""The options of vLLM that decide how much memory it takes, read from an engineConfig. Pure.

What vLLM refuses to read is `refused`, what is not known here makes the verdict unknown, each with a sentence on why; options
that mean nothing for memory are not read.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from coreweave_inference.json_text import read_json

from .options import AS_STORED, AUTO, CONTEXT, LENGTH, TENSOR, Lora, Options, StartupFault

SPECULATIVE, HYBRID = "speculative-config", "disable-hybrid-kv-cache-manager"
PIPELINE, DATA = "pipeline-parallel-size", "data-parallel-size"
UTILIZATION, CACHE_BYTES, CACHE_TYPE = "gpu-memory-utilization", "kv-cache-memory-bytes", "kv-cache-dtype"
BATCHED, SEQUENCES, BLOCK = "max-num-batched-tokens", "max-num-seqs", "block-size"
NUMBER = re.compile(r"(?P<number>[0-9]+(?:\.[0-9]+)?)(?P<unit>[kKmMgGtT]?)\Z")
PLAIN = re.compile(r"\+?(?P<digits>[0-9]+(?:_[0-9]+)*)\Z")
"""What Python reads as a whole number."""
UNITS = {unit: 1000**power for power, unit in enumerate("kmgt", start=1)} | {
    unit: 1024**power for power, unit in enumerate("KMGT", start=1)
}
UNREADABLE = {
    "hf-overrides": "changes the model's configuration",
    "hf-config-path": "takes the model's configuration from elsewhere",
    "rope-scaling": f"changes how long a request may be, and {LENGTH} is not set",
    "num-gpu-blocks-override": "sets the size of the KV cache itself",
    "prefill-context-parallel-size": "spreads a request over GPUs in a way that is not known here",
    "data-parallel-size-local": "makes the engine one part of several",
    "data-parallel-rank": "makes the engine one part of several",
    "nnodes": "makes the engine one part of several",
    "gpu-memory-utilization-gb": "sets the memory of the engine in a way that is not known here",
    "disable-sliding-window": "limits the length of a request in a way that is not known here",
}
OFFLOAD, QUANTIZATION, LOADER = "cpu-offload-gb", "quantization", "load-format"
UNSIZED = {
    "cpu-offload-params": "chooses which weights are in the memory of the CPU, of sizes that are not known here",
    "offload": "moves weights to the memory of the CPU, how many is not known here",
    "mm-encoder-only": "loads the encoders alone, whose size is not known here",
}
"""How options begin with which fewer bytes are in GPU memory than are stored, by a number that is not known."""
OFF = ("none", "false", "0", "0.0")
"""Values that switch an option off; an empty one switches a flag on."""
TEXT_ONLY, LIMITED, NO_INPUT = "language-model-only", "limit-mm-per-prompt", re.compile(r"(?:^|[:= ])0\b")
"""An encoder is left out only where none of its inputs is allowed."""
RECONFIGURING, POSITIONS = ("hf-overrides", "hf-config-path"), "rope-scaling"
"""Options by which a model is not the one of config.json, or its requests may be longer."""
DTYPES = ("auto", "half", "float16", "bfloat16", "float", "float32")
COUNTED = (
    "config-format",
    LENGTH,
    TENSOR,
    PIPELINE,
    DATA,
    CONTEXT,
    UTILIZATION,
    CACHE_BYTES,
    CACHE_TYPE,
    BATCHED,
    SEQUENCES,
    BLOCK,
    OFFLOAD,
    QUANTIZATION,
    LOADER,
    TEXT_ONLY,
    HYBRID,
    f"no-{HYBRID}",
    "dtype",
    "enable-lora",
    "max-loras",
    "max-lora-rank",
    "lora-target-modules",
    "fully-sharded-loras",
)
RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
SMALL_BLOCKS, BLOCKS = (1, 8), 16
"""Tokens of a block: of old versions, and of what they are a multiple in all others."""
TOKENS = "a number of tokens such as 16384, 16k or 32K, or auto"
WHOLE, SHARE, AMOUNT = "a whole number from 1 on", "more than 0 and at most 1", "a number of GiB from 0 on"

MOST_READ = 1024
_read: dict[tuple[str, bool, bool], Options] = {}
"""What was read of an engineConfig, by its text: many deployments have the same."""


def options_of(config: Mapping[str, Any] | None, environment: Mapping[str, Any] | None = None) -> Options:
    """The options in an engineConfig, keys in either spelling; `environment` is the engineEnv. Equal ones are read once."""
    if config is None:
        return Options(unknown=("the engine's options are not known",))
    switches = _is_on(environment, "VLLM_MLA_DISABLE"), _is_on(environment, "VLLM_ALLOW_LONG_MAX_MODEL_LEN")
    key = (repr(config), *switches)
    if key not in _read:
        if len(_read) == MOST_READ:
            _read.clear()
        _read[key] = _options(config, latent=not switches[0], beyond=switches[1])
    return _read[key]


def _options(config: Mapping[str, Any], *, latent: bool, beyond: bool) -> Options:
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
        block=given.block(),
        batched=given.whole(BATCHED, None),
        sequences=given.whole(SEQUENCES, None),
        dtype=given.one_of("dtype", DTYPES),
        latent=latent,
        beyond=beyond or given.lengthened(),
        reconfigured=given.begins(*RECONFIGURING),
        hybrid=given.hybrid(),
        speculation=method,
        speculated=speculated,
        draft=draft,
        lora=given.lora(),
        offload=given.amount(OFFLOAD),
        quantization=given.quantization(),
        text_only=given.text_only(),
        unsized=given.unsized(),
    )
    given.refuse_unreadable()
    return replace(found, refused=tuple(given.refused), unknown=tuple(given.unknown))


def _is_on(environment: Mapping[str, Any] | None, name: str) -> bool:
    return str((environment or {}).get(name) or "0").strip().lower() in ("1", "true")


def decides_memory(name: str) -> bool:
    """Whether an option of that name is counted, or makes the verdict unknown."""
    begins = (*UNREADABLE, *UNSIZED, LIMITED, SPECULATIVE, "kv-transfer-config")
    return name in COUNTED or name.startswith(begins)


def length_of(text: str) -> int | None:
    """`16384`, `16_384`, `16k` and `25.6k` as vLLM reads them, `auto` and `-1` as AUTO; `None` for anything else."""
    if text.strip().lower() in ("auto", "-1"):
        return AUTO
    plain = PLAIN.match(text.strip())
    found = NUMBER.match(plain["digits"].replace("_", "") if plain else text.strip())
    if found is None or len(text) > 15:
        return None
    number, unit = found["number"], found["unit"]
    if "." in number and (not unit or unit.isupper()):
        return None
    size = int(float(number) * UNITS[unit]) if unit else int(number)
    return size or None


class _Given:
    """The options that were given; `refused` collects what vLLM does not read, `unknown` what is not known here."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        readable = (str, int, float, bool, type(None))
        self.config = {key: value for key, value in config.items() if isinstance(value, readable)}
        self.refused: list[StartupFault] = []
        self.unknown = [f"the value of {key} is not known yet" for key in config if key not in self.config]

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
        if found == AUTO:
            self.unknown.append(f'what {key} "{self._plain(key)[:40]}" comes to is not known here')
        else:
            self._refuse(key, WHOLE)
        return default

    def length(self) -> int | None:
        if self.config.get(LENGTH) is None:
            return None
        found = length_of(self._plain(LENGTH))
        if found is None:
            self._refuse(LENGTH, TOKENS)
        return found

    def block(self) -> int:
        found = self.whole(BLOCK, BLOCKS) or BLOCKS
        if found in SMALL_BLOCKS or found % BLOCKS == 0:
            return found
        self._refuse(BLOCK, f"a multiple of {BLOCKS}")
        return BLOCKS

    def one_of(self, key: str, allowed: tuple[str, ...]) -> str:
        found = self.text(key, allowed[0])
        if found in allowed:
            return found
        self._refuse(key, ", ".join(allowed))
        return allowed[0]

    def share(self) -> float | None:
        found = self._number(UTILIZATION)
        if found is None or 0 < found <= 1:
            return found
        self._refuse(UTILIZATION, SHARE)
        return None

    def amount(self, key: str) -> float:
        if str(self.config.get(key) or "").strip().lower() in ("", *OFF):
            return 0.0
        found = self._number(key)
        if found is not None and 0 <= found < math.inf:
            return found
        self._refuse(key, AMOUNT)
        return 0.0

    def _number(self, key: str) -> float | None:
        """`None` where nothing is given, NaN where it is no number."""
        if self.config.get(key) is None:
            return None
        try:
            return float(self._plain(key))
        except ValueError:
            return math.nan

    def hybrid(self) -> bool | None:
        """Whether layers with a window keep no more than it; `None` where that depends on the version."""
        is_said = self.on(HYBRID) or self.on(f"no-{HYBRID}")
        return None if self.config.get("kv-transfer-config") and not is_said else not self.on(HYBRID)

    def speculation(self) -> tuple[str, int, bool]:
        """Method, tokens ahead, and whether another model is loaded. Members of the option may be keys of their own."""
        key = SPECULATIVE
        members = {
            name.removeprefix(f"{key}.").replace("-", "_"): value
            for name, value in self.config.items()
            if name.startswith(f"{key}.")
        }
        if self.config.get(key):
            try:
                found = read_json(str(self.config[key]))
            except ValueError:
                found = None
            if not isinstance(found, dict):
                self._refuse(key, "a JSON object")
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
        rank = self.whole("max-lora-rank", 16) or 16
        if rank not in RANKS:
            self._refuse("max-lora-rank", ", ".join(map(str, RANKS)))
        targets = re.findall(r"[A-Za-z0-9_.]+", self.text("lora-target-modules", "none"))
        return Lora(
            self.whole("max-loras", 1) or 1,
            rank,
            self.on("fully-sharded-loras"),
            () if targets == ["none"] else tuple(targets),
        )

    def quantization(self) -> str:
        packed = "bitsandbytes"
        found = self.text(QUANTIZATION, "none")
        if found in OFF:
            found = ""
        return found or (packed if self.text(LOADER, "auto") == packed else "")

    def text_only(self) -> bool:
        limited = any(
            key.startswith(LIMITED) and NO_INPUT.search(str(value)) for key, value in self.config.items()
        )
        return limited or self.on(TEXT_ONLY)

    def begins(self, *names: str) -> bool:
        """Whether one of these options is given, whole or as a member of its JSON."""
        return any(key == name or key.startswith(f"{name}.") for key in self.config for name in names)

    def lengthened(self) -> bool:
        """Whether something else than config.json says how long a request may be: Mistral's params.json, or an option."""
        return self.text("config-format", "auto") not in ("auto", "hf") or self.begins(
            *RECONFIGURING, POSITIONS
        )

    def unsized(self) -> tuple[str, ...]:
        found = [
            f"{key} {why}"
            for key, value in self.config.items()
            for name, why in UNSIZED.items()
            if key.startswith(name) and key != OFFLOAD and str(value).strip().lower() not in OFF
        ]
        loader = self.text(LOADER, "auto")
        if loader == "tensorizer":
            found.append(
                f"{LOADER} is tensorizer, which reads files of its own, whose size is not known here"
            )
        elif loader not in (*AS_STORED, "bitsandbytes"):
            found.append(f'how many bytes are in GPU memory with {LOADER} "{loader[:40]}" is not known here')
        return tuple(found)

    def refuse_unreadable(self) -> None:
        self.unknown += [
            f"{key} {why}"
            for key in self.config
            for name, why in UNREADABLE.items()
            if key == name or key.startswith(f"{name}.")
            if name != POSITIONS or self.config.get(LENGTH) is None
        ]

    def _plain(self, key: str) -> str:
        """A number as text: `16384.0` reaches a provider where `16384` was written."""
        value = self.config[key]
        return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()

    def _refuse(self, key: str, allowed: str) -> None:
        self.refused.append(
            StartupFault(key, f'{key} is "{str(self.config[key])[:40]}", and vLLM takes {allowed}')
        )
