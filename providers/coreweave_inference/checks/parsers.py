"""Which families of models a parser of vLLM is made for. Data with its source, and nothing else.

Source: vLLM's documentation on tool calling and on reasoning outputs. A parser that several families use, or that is
not in the table, is not judged. A family is the beginning of `model_type` in a model's config.json.
"""

from __future__ import annotations

PARSER_KEYS = ("tool-call-parser", "reasoning-parser")

SOURCES = (
    "https://docs.vllm.ai/en/latest/features/tool_calling/",
    "https://docs.vllm.ai/en/stable/features/reasoning_outputs/",
)

LLAMA = ("llama", "mllama")
FAMILIES: dict[str, tuple[str, ...]] = {
    "llama3_json": LLAMA,
    "llama4_json": LLAMA,
    "granite": ("granite",),
    "deepseek_v3": ("deepseek",),
    "qwen3": ("qwen3",),
    "qwen3_coder": ("qwen3",),
    "glm45": ("glm4",),
}
