"""The published cases as questions, and what is predicted for them. The page docs/fit-validation.md is made of this too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from coreweave_inference.fit import (
    GIB,
    Fit,
    Gpus,
    Question,
    Weights,
    engine_of,
    fit,
    model_of,
    options_of,
    stored_type,
)

HERE = Path(__file__).parent
MODELS: Mapping[str, Mapping[str, Any]] = yaml.safe_load((HERE / "models.yaml").read_text(encoding="utf-8"))
ROWS: list[dict[str, Any]] = yaml.safe_load((HERE / "cases.yaml").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Case:
    """A row and its answer; none where the row is not computed."""

    row: Mapping[str, Any]
    question: Question | None
    fit: Fit | None

    @property
    def name(self) -> str:
        return f"{self.row['row']} {self.row['model']}"

    @property
    def predicted(self) -> float | None:
        """GiB for the cache."""
        return self.fit.available.expected / GIB if self.fit else None

    @property
    def measured(self) -> bool:
        """Whether the working memory of the engine's version is known."""
        return bool(self.question and self.row["version"] and self.question.engine.measured)


def question_of(row: Mapping[str, Any]) -> Question:
    options = options_of({key: str(value) for key, value in row["options"].items()})
    shards = row["gpus"]
    config = MODELS[row["model"]]
    stored = row.get("stored", row.get("weights", 0) * shards)
    return Question(
        model_of(config),
        Weights(int(stored * GIB), None, False, *stored_type(config)) if stored else None,
        Gpus(row["gpu"], int(row["memory"] * GIB), row["gpus"]),
        options,
        engine_of(row["version"]),
    )


def cases() -> list[Case]:
    found = []
    for row in ROWS:
        question = None if row.get("blank") else question_of(row)
        found.append(Case(row, question, fit(question) if question else None))
    return found
