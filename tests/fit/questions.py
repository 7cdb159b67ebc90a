"""Questions of the tests, by what differs in them."""

from __future__ import annotations

from coreweave_inference.fit import (
    GIB,
    Gpus,
    Question,
    Tensor,
    Weights,
    engine_of,
    fit,
    model_of,
    options_of,
)
from coreweave_inference.fit.weights import condensed

from tests.fit.published import MODELS

LLAMA, QWEN_32B, R1 = (MODELS[name] for name in ("Llama-3.1-8B", "Qwen3-32B", "DeepSeek-R1"))
GPT_OSS, SCOUT, MIXTRAL = (MODELS[name] for name in ("gpt-oss-120b", "Llama-4-Scout", "Mixtral-8x7B"))
H100 = 79.2
NEXT = {
    "model_type": "qwen3_next",
    "num_hidden_layers": 48,
    "hidden_size": 2048,
    "num_attention_heads": 16,
    "num_key_value_heads": 2,
    "head_dim": 256,
    "vocab_size": 151936,
    "max_position_embeddings": 262144,
    "full_attention_interval": 4,
    "linear_num_key_heads": 16,
    "linear_num_value_heads": 32,
    "linear_key_head_dim": 128,
    "linear_value_head_dim": 128,
    "linear_conv_kernel_dim": 4,
    "num_experts": 512,
    "torch_dtype": "bfloat16",
}


def asked(
    config,
    gpus=1,
    gib=15.0,
    memory=H100,
    version="0.33.0",
    environment=None,
    tensors=None,
    quantised=False,
    stored="bfloat16",
    **options,
):
    named = {key.replace("_", "-"): value for key, value in options.items()}
    weights = Weights(int(gib * GIB), tensors, False, stored, quantised)
    return Question(
        model_of(config),
        weights,
        Gpus("H100", int(memory * GIB), gpus),
        options_of(named, environment),
        engine_of(version),
    )


def sum_of(config, *positional, **named):
    return fit(asked(config, *positional, **named))


def tensor(name, gib, dtype="BF16"):
    return Tensor(name, dtype, (1, 1), int(gib * GIB))


def weights_of(config, tensors, gpus=1, quantised=False, **options):
    found = sum_of(config, gpus, tensors=condensed(tensors), quantised=quantised, **options)
    return found.weights.expected / GIB
