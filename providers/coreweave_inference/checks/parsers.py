"""Which parsers of vLLM do not read the output of which models. Data with its source, and nothing else.

A parser reads one way to write tool calls or reasoning. The architecture in a model's config.json (`model_type`) does
not tell that way for certain, since models are trained further. So only pairs are listed of which the documentation
names another parser for every published model of the type; what is not listed is not known, and not judged.
"""

from __future__ import annotations

PARSER_KEYS = ("tool-call-parser", "reasoning-parser")

SOURCES = (
    "https://docs.vllm.ai/en/latest/features/tool_calling/",
    "https://docs.vllm.ai/en/stable/features/reasoning_outputs/",
)

_QWEN3 = ("qwen3", "qwen3_moe", "qwen3_next", "qwen3_5_moe")
_DEEPSEEK = ("deepseek_v3", "deepseek_v32")
_GLM = ("glm4_moe", "glm_moe_dsa")
_LLAMA = ("mllama", "llama4")
_HARMONY = ("gpt_oss",)

# Models with DeepSeek's and IBM's formats have the type `llama` or `qwen3` too, so these are not in their rows.
CONTRADICTIONS: dict[str, tuple[str, ...]] = {
    "llama3_json": (*_QWEN3, *_DEEPSEEK, *_GLM, *_HARMONY, "kimi_k2"),
    "llama4_json": (*_QWEN3, *_DEEPSEEK, *_GLM, *_HARMONY, "kimi_k2"),
    "granite": (*_DEEPSEEK, *_GLM, *_LLAMA, *_HARMONY),
    "deepseek_v3": (*_GLM, *_LLAMA, *_HARMONY),
    "qwen3_coder": ("llama", *_DEEPSEEK, *_LLAMA, *_HARMONY),
    "glm45": ("llama", *_DEEPSEEK, *_LLAMA, *_HARMONY),
}
