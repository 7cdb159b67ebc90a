"""What may not enter the review."""

from __future__ import annotations

import ast
from pathlib import Path

import coreweave_inference.review

ROOT = Path(coreweave_inference.review.__file__).parent
OURS = "coreweave_inference"
ALLOWED = {f"{OURS}.{name}" for name in ("errors", "fleet", "json_text", "model", "policy", "review")}


def test_the_review_imports_neither_pulumi_nor_the_api_nor_anything_that_talks() -> None:
    imported = {
        name
        for path in ROOT.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for name in _names(node)
    }

    ours = {".".join(name.split(".")[:2]) for name in imported if name.startswith(OURS)}
    assert ours <= ALLOWED
    others = {name.split(".")[0] for name in imported} - {OURS}
    assert others.isdisjoint({"pulumi", "httpx", "boto3", "subprocess", "socket", "os", "time", "random"})


def _names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and not node.level:
        return [node.module or ""]
    return []
