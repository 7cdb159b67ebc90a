"""Rules on whether the weights of a deployment are whole, by what a run reads of them anyway."""

from __future__ import annotations

from collections.abc import Iterator

from .finding import Problem, Severity
from .memory import ENGINES
from .objects import Deployment
from .rule import rule
from .view import View
from .wholeness import BROKEN, INCOMPLETE, NO_CONFIG, NO_TOKENIZER, Defect, defects

NAMED_ELSEWHERE = {
    NO_CONFIG: ("hf-config-path", "config-format", "load-format"),
    NO_TOKENIZER: ("tokenizer", "tokenizer-mode", "skip-tokenizer-init", "load-format"),
}
"""Options by which an engine takes that from somewhere else."""


@rule(INCOMPLETE, Severity.ERROR, "Parts of a model are missing")
def incomplete(view: View) -> Iterator[Problem]:
    """Parts that the index or the others' names tell, files without bytes, uploads that were not completed."""
    yield from _of(view, INCOMPLETE)


@rule(BROKEN, Severity.ERROR, "A file of a model is not what it must be")
def broken(view: View) -> Iterator[Problem]:
    """Pointers of Git LFS, headers that cannot be, JSON that is none; as far as a run reads them."""
    yield from _of(view, BROKEN)


@rule(NO_CONFIG, Severity.ERROR, "A model has no config.json")
def without_config(view: View) -> Iterator[Problem]:
    """Weights of a known format without the file that tells the model's kind."""
    yield from _of(view, NO_CONFIG)


@rule(NO_TOKENIZER, Severity.WARNING, "A model has no tokenizer")
def without_tokenizer(view: View) -> Iterator[Problem]:
    """Weights of a known format without a vocabulary, or a model that sees without a processor."""
    yield from _of(view, NO_TOKENIZER)


def _of(view: View, code: str) -> Iterator[Problem]:
    for item in view.deployments:
        if not _is_elsewhere(item, code):
            for found in _defects(view, item):
                unused = found.what.startswith("tokenizer") and _is_elsewhere(item, NO_TOKENIZER)
                if found.code == code and not unused:
                    severity = None if found.certain else Severity.WARNING
                    yield Problem(
                        item.about, item.path("model.path"), found.what, found.why, found.do, severity
                    )


def _defects(view: View, item: Deployment) -> tuple[Defect, ...]:
    folder, path = view.folder(item), item.model_path
    if folder is None or path is None:
        return ()
    return view.once(("defects", id(folder), path), lambda: tuple(defects(folder, path)))


def _is_elsewhere(item: Deployment, code: str) -> bool:
    options = {str(name).replace("_", "-") for name in item.config or ()}
    unknown = item.engine not in (None, *ENGINES)
    return code in NAMED_ELSEWHERE and (unknown or not options.isdisjoint(NAMED_ELSEWHERE[code]))
