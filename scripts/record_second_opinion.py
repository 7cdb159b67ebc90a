# ruff: noqa: E402
"""Records what vLLM's own planning says of the KV cache of public models, as a table that the tests compare with.

Runs in an environment of its own, with vLLM and transformers, on any machine; the package needs neither:

    python3 -m venv /tmp/vllm && /tmp/vllm/bin/pip install vllm pyyaml
    /tmp/vllm/bin/python scripts/record_second_opinion.py [NAME]... > tests/fit/second_opinion.yaml

Each model is built without memory for its weights; what its layers keep, and what one request takes, is asked of vLLM's code. Models
are those of tests/fit/models.yaml, and one for each configuration class of transformers, as the class describes it by default.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

os.environ.update(HF_HUB_OFFLINE="1", VLLM_LOGGING_LEVEL="ERROR", VLLM_NO_USAGE_STATS="1")

import vllm.platforms as platforms
from vllm.platforms.cpu import CpuPlatform
from vllm.platforms.interface import Platform

# Before anything asks for the platform that this machine does not have.
platforms._current_platform = CpuPlatform()

import torch
import transformers
import vllm
import vllm.distributed.parallel_state as parallel
import yaml
from transformers import CONFIG_MAPPING
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES as TEXT
from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES as IMAGE
from vllm.config import get_layers_from_vllm_config, set_current_vllm_config
from vllm.distributed import init_distributed_environment, initialize_model_parallel
from vllm.engine.arg_utils import EngineArgs
from vllm.model_executor.layers.attention_layer_base import AttentionLayerBase
from vllm.model_executor.model_loader.utils import initialize_model
from vllm.model_executor.models.registry import ModelRegistry

MODELS = Path(__file__).resolve().parent.parent / "tests" / "fit" / "models.yaml"
TYPES = [
    "llama",
    "mistral",
    "mixtral",
    "qwen2",
    "qwen2_moe",
    "qwen3",
    "qwen3_moe",
    "gemma",
    "gemma2",
    "gemma3_text",
    "gemma3",
    "gemma4_text",
    "gpt_oss",
    "phi",
    "phi3",
    "phimoe",
    "cohere",
    "cohere2",
    "olmo",
    "olmo2",
    "olmo3",
    "olmoe",
    "granite",
    "granitemoe",
    "granitemoehybrid",
    "deepseek_v2",
    "deepseek_v3",
    "glm",
    "glm4",
    "glm4_moe",
    "glm4_moe_lite",
    "starcoder2",
    "stablelm",
    "falcon",
    "gpt_neox",
    "opt",
    "gpt_bigcode",
    "exaone4",
    "smollm3",
    "seed_oss",
    "ernie4_5",
    "ernie4_5_moe",
    "minimax_m2",
    "mistral3",
    "llama4_text",
    "llama4",
    "qwen2_5_vl",
    "qwen3_vl",
    "qwen3_vl_moe",
    "qwen3_next",
    "qwen3_5",
    "qwen3_5_moe",
    "falcon_h1",
    "jamba",
    "arcee",
    "flex_olmo",
    "persimmon",
    "bitnet",
    "helium",
    "solar_open",
]
WITH_STATES = ("granitemoehybrid", "qwen3_next", "qwen3_5", "qwen3_5_moe", "falcon_h1", "jamba")
"""Of these vLLM chooses the size of a block itself, so that a block holds a state."""
MISSING: dict[str, dict[str, Any]] = {
    "glm4_moe": {"head_dim": 128},
    "glm4_moe_lite": {"first_k_dense_replace": 1},
    "minimax_m2": {"rotary_dim": 64, "scoring_func": "sigmoid"},
}
"""What a class of this version leaves out and vLLM asks for; published files have it."""
FIELDS = [
    "model_type",
    "num_hidden_layers",
    "hidden_size",
    "intermediate_size",
    "num_attention_heads",
    "num_key_value_heads",
    "head_dim",
    "vocab_size",
    "max_position_embeddings",
    "sliding_window",
    "sliding_window_pattern",
    "layer_types",
    "attention_chunk_size",
    "no_rope_layers",
    "use_sliding_window",
    "max_window_layers",
    "kv_lora_rank",
    "qk_rope_head_dim",
    "qk_nope_head_dim",
    "full_attention_interval",
    "linear_num_key_heads",
    "linear_num_value_heads",
    "linear_key_head_dim",
    "linear_value_head_dim",
    "linear_conv_kernel_dim",
    "mamba_d_state",
    "mamba_d_conv",
    "mamba_expand",
    "mamba_n_heads",
    "mamba_d_head",
    "mamba_n_groups",
    "mamba_d_ssm",
    "attn_layer_period",
    "attn_layer_offset",
    "global_head_dim",
    "num_global_key_value_heads",
    "num_kv_shared_layers",
    "n_embd",
    "n_layer",
    "n_head",
    "n_inner",
    "n_positions",
    "multi_query",
    "new_decoder_architecture",
    "num_kv_heads",
    "ffn_dim",
    "tie_word_embeddings",
    "rope_parameters",
    "text_config",
]
LAYOUT = "LBNHC"
"""How attention on GPUs lays its cache out."""
LENGTHS = (4096, 32768)
BLOCK = 32
"""Tokens of a block that all attention of vLLM on a CPU can use alike."""


def main() -> None:
    rows = []
    public = yaml.safe_load(MODELS.read_text(encoding="utf-8"))
    wanted = [(name, dict(config)) for name, config in public.items()]
    wanted += [(t, {**CONFIG_MAPPING[t]().to_dict(), **MISSING.get(t, {})}) for t in TYPES]
    for name, config in wanted:
        if sys.argv[1:] and name not in sys.argv[1:]:
            continue
        try:
            rows.append(_row(name, json.loads(json.dumps(config, default=str))))
        except Exception as error:
            print(f"{name}: {type(error).__name__}: {' '.join(str(error).split())[:160]}", file=sys.stderr)
    print(
        f"# What vllm {vllm.__version__} plans, with transformers {transformers.__version__}; made by scripts/record_second_opinion.py"
    )
    print(
        "# layers: count, kind, key-value heads, elements of a key and of a value, window; of a state its bytes"
    )
    print(
        "# token: bytes of one more token of a long request; requests: bytes of one request of so many tokens"
    )
    for row in rows:
        print(f"- {json.dumps(row)}")


def _row(name: str, config: dict[str, Any]) -> dict[str, Any]:
    print(name, file=sys.stderr)
    kind = config["model_type"]
    config["architectures"] = [_architecture(kind)]
    config.setdefault("torch_dtype", "bfloat16")
    config["dtype"] = config["torch_dtype"] = "bfloat16"
    described = {key: value for key, value in config.items() if key in FIELDS}
    config.pop("quantization_config", None)
    (config.get("text_config") or {}).pop("quantization_config", None)
    longest = config.get("text_config", config).get("max_position_embeddings") or 4096
    requests = {}
    for length in LENGTHS:
        if length <= longest:
            vllm_config, specs = _specs(config, length)
            requests[length] = _planned(vllm_config, specs)
    if not requests:
        vllm_config, specs = _specs(config, longest)
        requests[longest] = _planned(vllm_config, specs)
    return {
        "name": name,
        "config": _text(described),
        "layers": _layers(specs),
        "token": sum(_token(spec) for spec in specs.values() if _grows(spec)),
        "requests": requests,
        **({"block": vllm_config.cache_config.block_size} if kind in WITH_STATES else {}),
    }


def _text(config: dict[str, Any]) -> dict[str, Any]:
    found = {key: value for key, value in config.items() if key in FIELDS}
    if isinstance(found.get("text_config"), dict):
        found["text_config"] = _text(found["text_config"])
    return found


def _architecture(kind: str) -> str:
    supported = set(ModelRegistry.get_supported_archs())
    known = {"kimi_k25": "KimiK25ForConditionalGeneration", "deepseek_v2": "DeepseekV2ForCausalLM"}
    names = [
        name if isinstance(name, str) else name[0]
        for name in (known.get(kind), IMAGE.get(kind), TEXT.get(kind))
        if name
    ]
    return next((name for name in names if name in supported), names[-1])


def _specs(config: dict[str, Any], length: int) -> tuple[Any, dict[str, Any]]:
    folder = Path(tempfile.mkdtemp())
    (folder / "config.json").write_text(json.dumps(config))
    blocks = {} if config["model_type"] in WITH_STATES else {"block_size": BLOCK}
    arguments = EngineArgs(
        model=str(folder),
        skip_tokenizer_init=True,
        load_format="dummy",
        enforce_eager=True,
        max_model_len=length,
        max_num_batched_tokens=8192,
        max_num_seqs=256,
        **blocks,
        enable_prefix_caching=False,
    )
    vllm_config = arguments.create_engine_config()
    with set_current_vllm_config(vllm_config):
        if not torch.distributed.is_initialized():
            init_distributed_environment(1, 0, f"file://{tempfile.mktemp()}", 0, "gloo")
            initialize_model_parallel(1, 1)
            parallel._EP = parallel._EP or parallel._TP
        with torch.device("meta"):
            initialize_model(vllm_config, prefix="")
    if not blocks:
        Platform.update_block_size_for_backend.__func__(CpuPlatform, vllm_config)
    layers = get_layers_from_vllm_config(vllm_config, AttentionLayerBase)
    found = {name: layer.get_kv_cache_spec(vllm_config) for name, layer in layers.items()}
    return vllm_config, {name: spec for name, spec in found.items() if spec is not None}


def _planned(vllm_config: Any, specs: dict[str, Any]) -> int:
    from vllm.v1.core import kv_cache_planning as planning

    vllm_config.cache_config.kv_cache_layout = LAYOUT
    groups = planning.get_kv_cache_groups(vllm_config, dict(specs))
    builder = planning.DefaultKVCacheConfigBuilder()
    return int(planning._max_memory_usage_bytes_from_groups(builder, vllm_config, groups))


def _layers(specs: dict[str, Any]) -> list[list[Any]]:
    found: dict[str, int] = {}
    for spec in specs.values():
        key = json.dumps(_described(spec))
        found[key] = found.get(key, 0) + 1
    return [[count, *json.loads(key)] for key, count in found.items()]


def _described(spec: Any) -> list[Any]:
    kind = type(spec).__name__.removesuffix("Spec")
    if kind == "Mamba":
        return [kind, spec.page_size_bytes]
    window = getattr(spec, "sliding_window", None) or getattr(spec, "attention_chunk_size", None)
    return [kind, spec.num_kv_heads, spec.head_size, spec.head_size_v, window if "Full" not in kind else None]


def _token(spec: Any) -> int:
    return int(spec.page_size_bytes // spec.block_size)


def _grows(spec: Any) -> bool:
    return type(spec).__name__ in ("FullAttentionSpec", "MLAAttentionSpec")


if __name__ == "__main__":
    main()
