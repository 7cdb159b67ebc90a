"""Which families of models a parser of vLLM is made for. Data with its source, and nothing else.

Source: vLLM's documentation on tool calling and on reasoning outputs. A parser that several families use, or that is
not in the table, is not judged. A family is the beginning of `model_type` in a model's config.json.
"""

from __future__ import annotations

PARSER_KEYS = ("tool-call-parser", "reasoning-parser")

SOURCES = (
    "https://docs.vllm.ai/en/latest/features/tool_calling.html",
    "https://docs.vllm.ai/en/latest/features/reasoning_outputs.html",
)

FAMILIES: dict[str, tuple[str, ...]] = {
    "llama3_json": ("llama",),
    "llama4_json": ("llama4",),
    "llama4_pythonic": ("llama4",),
    "mistral": ("mistral", "mixtral", "pixtral", "ministral", "llama"),
    "granite": ("granite",),
    "jamba": ("jamba",),
    "deepseek_v3": ("deepseek",),
    "kimi_k2": ("kimi", "deepseek"),
    "qwen3": ("qwen3",),
    "qwen3_coder": ("qwen3",),
    "qwen3_xml": ("qwen3",),
    "glm45": ("glm4",),
    "openai": ("gpt_oss",),
}
