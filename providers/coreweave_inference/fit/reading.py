"""From the text of a config.json to a `Model`. Pure; what is not understood raises `NotKnown` with one sentence.

Published files leave out what equals the default of their configuration class; those defaults are `families.yaml`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from .architecture import Attention, Layers, Model
from .states import state_layers

INNER = ("text_config", "llm_config", "language_config", "thinker_config")
"""Where the files of multimodal models describe their language model."""

LARGEST = 2**40
DEEPEST = 10_000
"""Layers of a model, many times as many as any has."""
DEPTH = ("num_hidden_layers", "n_layer", "n_layers", "num_layers")
LENGTHS = (
    "max_position_embeddings",
    "n_positions",
    "max_seq_len",
    "seq_length",
    "model_max_length",
    "max_sequence_length",
    "max_seq_length",
    "seq_len",
)
OWN_LENGTH = "model_max_length"
"""Command-R says here how long a request may be, and new versions of vLLM take it whatever else is declared."""
UNSCALED = ("", "default", "su", "longrope", "llama3", "mrope")
"""Kinds of positions whose factor does not make a request longer."""
EXPERTS = ("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts")
HEAD = ("head_dim", "hidden_size_per_head", "attention_head_dim")
KV_HEADS = (
    "num_key_value_heads",
    "n_head_kv",
    "num_kv_heads",
    "multi_query_group_num",
    "num_attention_groups",
)
GROUPED = {
    "attn_config": {"kv_n_heads": "num_key_value_heads"},
    "ffn_config": {"ffn_hidden_size": "ffn_hidden_size", "moe_num_experts": "moe_num_experts"},
}
"""Where DBRX and MPT have fields that others have at the top, and what they are called there."""
KINDS = {
    "full_attention": Attention.FULL,
    "attention": Attention.FULL,
    "global_attention": Attention.FULL,
    "sliding_attention": Attention.WINDOW,
    "chunked_attention": Attention.CHUNK,
    "linear_attention": Attention.STATE,
    "mamba": Attention.STATE,
    "conv": Attention.STATE,
}


class NotKnown(Exception):
    """What is not known of a model, as one sentence."""


@cache
def families() -> Mapping[str, Mapping[str, Any]]:
    """By model type: the rule for its layers, and defaults of its configuration class."""
    text = files(__package__).joinpath("families.yaml").read_text(encoding="utf-8")
    found: dict[str, Mapping[str, Any]] = yaml.safe_load(text)
    return found


def model_of(config: Mapping[str, Any] | None) -> Model:
    """The model in a config.json. Raises NotKnown."""
    if not config:
        raise NotKnown("there is no config.json that describes the model")
    inner = _language(config)
    kind = str(inner.get("model_type") or config.get("model_type") or "")
    family = families().get(kind)
    if family is None:
        raise NotKnown(
            f'the memory of model_type "{kind[:40]}" is not known'
            if kind
            else "config.json has no model_type"
        )
    fields = {**(family.get("defaults") or {}), **inner, **_grouped(inner)}
    return _Reader(config, fields, family, kind).model()


def _grouped(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """The fields that are in groups, by their usual names."""
    groups = ((fields.get(name), names) for name, names in GROUPED.items())
    return {
        usual: group[name]
        for group, names in groups
        if isinstance(group, Mapping)
        for name, usual in names.items()
        if name in group
    }


def stored_type(config: Mapping[str, Any] | None) -> tuple[str, bool]:
    """What a checkpoint was saved in, "" where config.json does not say it; and whether it is quantised."""
    outer = config or {}
    parts = (outer, _language(outer))
    named = (part[key] for part in parts for key in ("dtype", "torch_dtype") if part.get(key))
    return str(next(named, "")).removeprefix("torch."), _quantisation(*parts) is not None


def cache_type(*parts: Mapping[str, Any]) -> str:
    """The type of KV cache that a quantised checkpoint asks for; "" for none."""
    found = _quantisation(*parts) or {}
    scheme = found.get("kv_cache_scheme") or found.get("kv_cache_quant_algo")
    if isinstance(scheme, Mapping):
        bits = {8: "fp8", 4: "nvfp4"} if scheme.get("type") == "float" else {}
        scheme = bits.get(_whole(scheme.get("num_bits")) or 0)
    return str(scheme or "").lower()


def _quantisation(*parts: Mapping[str, Any]) -> Mapping[str, Any] | None:
    names = ("quantization_config", "compression_config")
    found = (part.get(name) for part in parts for name in names)
    return next((value for value in found if isinstance(value, Mapping)), None)


def _language(config: Mapping[str, Any], deep: int = 0) -> Mapping[str, Any]:
    for name in INNER:
        found = config.get(name)
        if isinstance(found, Mapping) and found and deep < 3:
            return _language(found, deep + 1)
    return config


class _Reader:
    """One config.json: `outer` as it is, `fields` of its language model over the defaults of the family."""

    def __init__(
        self, outer: Mapping[str, Any], fields: Mapping[str, Any], family: Mapping[str, Any], kind: str
    ) -> None:
        self.outer, self.fields, self.family, self.kind = outer, fields, family, kind

    def model(self) -> Model:
        heads = self.whole("num_attention_heads", "n_head", "n_heads", "num_heads")
        hidden = self.whole("hidden_size", "n_embd", "d_model")
        inner = self.whole("intermediate_size", "ffn_hidden_size", "n_inner", "ffn_dim", default=4 * hidden)
        default, longest = self.lengths()
        return Model(
            type=self.kind,
            layers=tuple(group for group in self.layers(heads, hidden) if group.count),
            heads=heads,
            hidden=hidden,
            inner=inner,
            vocabulary=self.whole("vocab_size", default=0),
            default=default,
            longest=longest,
            own=self.whole(OWN_LENGTH, default=0),
            cache=cache_type(self.outer, self.fields),
            experts=self.experts(),
            narrow=self.whole("moe_intermediate_size", default=inner),
            is_dense=not self.experts() and bool(self.whole("intermediate_size", "ffn_dim", default=0)),
            multimodal=self.fields.get("model_type") != self.outer.get("model_type")
            or "vision_config" in self.outer,
            tied=bool(self.outer.get("tie_word_embeddings", self.fields.get("tie_word_embeddings", False))),
            predictors=self.whole(
                "num_nextn_predict_layers", "mtp_num_hidden_layers", "mtp_num_layers", default=0
            ),
            length_of_stack=self.whole(*DEPTH),
            unabsorbed=self.whole("qk_nope_head_dim", default=0) + self.whole("qk_rope_head_dim", default=0),
        )

    def experts(self) -> int:
        """How many experts a layer has; 1 where it is not declared how many, 0 for none."""
        number = self.whole(*EXPERTS, default=0)
        return number or int(any(self.fields.get(name) for name in EXPERTS))

    def layers(self, heads: int, hidden: int) -> tuple[Layers, ...]:
        count = self.whole(*DEPTH)
        if count > DEEPEST:
            raise NotKnown(f"config.json says that the model has {count} layers")
        rule = self.family["layers"]
        if rule == "latent":
            return self.latent(count)
        if rule == "state":
            return state_layers(self, count, heads, hidden)
        shared = self.whole("num_kv_shared_layers", default=0)
        kinds = self.kinds(count)[: count - shared]
        key = self.head(heads, hidden)
        made = []
        for kind in dict.fromkeys(kinds):
            window = 0
            if kind is Attention.WINDOW:
                window = self.whole("sliding_window", "sliding_window_size") + self.family.get("more", 0)
            elif kind is Attention.CHUNK:
                window = self.whole("attention_chunk_size")
            elif kind is Attention.STATE:
                raise NotKnown(f'the layers of this "{self.kind}" are not known')
            kv_heads, size = self.kv_heads(heads), key
            if kind is Attention.FULL:
                size = self.whole("global_head_dim", default=key)
                if size != key or self.fields.get("num_global_key_value_heads"):
                    kv_heads = self.whole("num_global_key_value_heads", default=kv_heads)
            made.append(Layers(kind, kinds.count(kind), kv_heads, size, size, window))
        return tuple(made)

    def latent(self, count: int) -> tuple[Layers, ...]:
        """Latent entries, in some layers with an index beside them; vLLM builds it where a layer does not reuse another's."""
        entry = self.whole("kv_lora_rank") + self.whole("qk_rope_head_dim")
        index = self.whole("index_head_dim", default=0)
        indexed = self._indexed(count) if index else 0
        return (
            Layers(Attention.LATENT, indexed, key=entry, index=index + index // 128 * 4),
            Layers(Attention.LATENT, count - indexed, key=entry),
        )

    def _indexed(self, count: int) -> int:
        pattern = self.fields.get("index_topk_pattern")
        if isinstance(pattern, (str, list, tuple)):
            return sum(1 for i in range(count) if i >= len(pattern) or pattern[i] != "S")
        every = self.whole("index_topk_freq", default=1)
        offset = self.fields.get("index_skip_topk_offset", 2)
        first = offset if isinstance(offset, int) else 2
        return sum(1 for i in range(count) if max(i - first + 1, 0) % every == 0)

    def kinds(self, count: int) -> Sequence[Attention]:
        """What each layer keeps, in order."""
        given = self.fields.get("layer_types")
        if isinstance(given, (list, tuple)):
            if len(given) < count:
                raise NotKnown(f"config.json names {len(given)} layer_types for {count} layers")
            unknown = [name for name in given if not isinstance(name, str) or name not in KINDS]
            if unknown:
                raise NotKnown(f'the layer type "{str(unknown[0])[:40]}" is not known')
            found = [KINDS[name] for name in given[:count]]
            if Attention.WINDOW in found and not self.fields.get("sliding_window"):
                return [Attention.FULL] * count
            return found
        return self._interleaved(count)

    def _interleaved(self, count: int) -> Sequence[Attention]:
        rule, window = self.family["layers"], self.fields.get("sliding_window")
        if rule == "chunked":
            return self._chunked(count)
        if not window or rule == "full" or self.fields.get("use_sliding_window") is False:
            return [Attention.FULL] * count
        if rule == "window":
            return [Attention.WINDOW] * count
        if rule == "late window":
            first = self.whole("max_window_layers", default=count)
            return [Attention.FULL if i < first else Attention.WINDOW for i in range(count)]
        every = self.whole("sliding_window_pattern", "_sliding_window_pattern", default=int(rule))
        return [Attention.WINDOW if (i + 1) % every else Attention.FULL for i in range(count)]

    def _chunked(self, count: int) -> Sequence[Attention]:
        """Llama 4: layers without rotary positions see everything, the others a chunk."""
        if not self.fields.get("attention_chunk_size"):
            return [Attention.FULL] * count
        rotary = self.fields.get("no_rope_layers")
        every = self.whole("no_rope_layer_interval", default=4)
        if isinstance(rotary, (list, tuple)) and len(rotary) >= count:
            return [Attention.CHUNK if rotary[i] else Attention.FULL for i in range(count)]
        return [Attention.CHUNK if (i + 1) % every else Attention.FULL for i in range(count)]

    def head(self, heads: int, hidden: int) -> int:
        """Elements of a head; models say so where it is not what their width gives."""
        return self.whole(*self.readable(*HEAD), default=hidden // heads)

    def kv_heads(self, heads: int) -> int:
        if self.family.get("multi_query"):
            return self._falcon(heads)
        if self.fields.get("multi_query_attention") is False:  # ChatGLM, which names groups all the same.
            return heads
        return self.whole(*self.readable(*KV_HEADS), default=heads)

    def readable(self, *names: str) -> tuple[str, ...]:
        """The names, where what is there decides the cache. Raises NotKnown: a default is no answer to what cannot be read."""
        for name in names:
            value = self.fields.get(name)
            if value is not None and value != 0 and _whole(value) is None:
                raise NotKnown(f"config.json has a {name} that is no whole number")
        return names

    def _falcon(self, heads: int) -> int:
        """Falcon and its like: one head for all, unless they say otherwise."""
        if self.fields.get("new_decoder_architecture"):
            return self.whole("num_kv_heads", "n_head_kv", default=heads)
        return 1 if self.fields.get("multi_query") else heads

    def lengths(self) -> tuple[int | None, int | None]:
        """Tokens of the longest request, at least and at most: versions scale positions differently."""
        found = [value for name in LENGTHS if (value := self.whole(name, default=0))]
        if not found:
            return None, None
        least = min(found)
        longest = max(least, self.whole(OWN_LENGTH, default=0))
        scaling = self.fields.get("rope_scaling") or self.fields.get("rope_parameters")
        rope = scaling if isinstance(scaling, Mapping) else {}
        kind, factor = str(rope.get("rope_type") or rope.get("type") or ""), rope.get("factor")
        original = _whole(rope.get("original_max_position_embeddings")) or self.whole(
            "original_max_position_embeddings", default=0
        )
        if kind in ("longrope", "su") and original:
            return min(original, least), longest
        if not isinstance(factor, (int, float)) or not 1 < factor < 10_000 or "gemma3" in self.kind:
            return least, longest
        if "yarn" in kind:
            return least, max(longest, int((original or longest) * factor))
        return least, longest if kind in UNSCALED else int(longest * factor)

    def whole(self, *names: str, default: int | None = None) -> int:
        """The first of some fields that is a positive whole number. Raises NotKnown where there is no default."""
        for name in names:
            found = _whole(self.fields.get(name))
            if found:
                return found
        if default is None:
            raise NotKnown(f"config.json does not say {names[0]}")
        return default


def _whole(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    if isinstance(value, float) and not value.is_integer():
        return None
    return int(value) if 0 < value < LARGEST else None
