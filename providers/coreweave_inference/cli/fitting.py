"""`fit`: whether a model fits into GPUs, of a deployment in a declaration or of a folder of weights on this machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import typer

from coreweave_inference.checks import Folder, View, question_of
from coreweave_inference.checks.memory import ENGINES, VLLM
from coreweave_inference.declaration import FILE
from coreweave_inference.errors import Fault, InvalidDeclaration
from coreweave_inference.fit import Options, Question, Verdict, fit, options_of
from coreweave_inference.fit.option_reader import decides_memory
from coreweave_inference.fit.table import table
from coreweave_inference.fleet.instances import Hardware, default_prices, hardware_of
from coreweave_inference.model.versions import parsed
from coreweave_inference.model.violations import nearest

from . import fit_report
from .exits import DIFFERS, UNKNOWN, report_errors
from .fit_report import Answer
from .output import print_document, say

CODES = {Verdict.NO: DIFFERS, Verdict.UNKNOWN: UNKNOWN}
MOST_GPUS = 64
ANY = "gd-8xh100ib-i128"
"""What a folder is tried on where no instance type is named; the table has all of them."""


@dataclass(frozen=True)
class Asked:
    """The options of the command."""

    what: str | None
    directory: Path
    stack: str | None
    instance_type: str | None
    gpus_text: str | None
    length: str | None
    settings: tuple[str, ...]
    version: str | None
    offline: bool

    @property
    def gpus(self) -> int | None:
        """GPUs of one replica; `None` for the declared ones. Raises InvalidDeclaration."""
        text = self.gpus_text
        if text is None:
            return None
        if text.isascii() and text.isdigit() and 1 <= int(text[:4]) <= MOST_GPUS and len(text) <= 2:
            return int(text)
        raise InvalidDeclaration([Fault(f'--gpus is "{text[:40]}", and allowed are 1 to {MOST_GPUS}')])

    @property
    def engine_version(self) -> str | None:
        """`None` for the declared one. Raises InvalidDeclaration for what is no version."""
        if self.version is not None and parsed(self.version.removeprefix("v")) is None:
            what = f'--engine-version is "{self.version[:40]}", which is no version'
            raise InvalidDeclaration([Fault(what, do="write one such as 0.11.0")])
        return self.version

    @property
    def overrides(self) -> dict[str, str]:
        """Options of the engine. Raises InvalidDeclaration for what is not OPTION=VALUE, and for values that vLLM does not read."""
        found = {}
        for text in self.settings:
            name, equals, value = text.partition("=")
            if not equals or not name.strip():
                raise InvalidDeclaration([Fault(f'--set "{text[:80]}" is not OPTION=VALUE')])
            found[name.strip().removeprefix("--").replace("_", "-")] = value
        if self.length is not None:
            found["max-model-len"] = self.length
        refused = options_of(found).refused
        if refused:
            raise InvalidDeclaration([Fault(fault.why) for fault in refused])
        return found

    @property
    def notes(self) -> Iterator[str]:
        """A sentence on each option that was set and decides nothing here."""
        for name in self.overrides:
            if not decides_memory(name):
                yield f'--set "{name}" changes nothing: no option of that name decides how much memory vLLM takes'


def run(asked: Asked, *, as_json: bool) -> None:
    """Print the verdict, its sum and the table. Exit codes: 0 fits or tight, 3 does not fit, 4 unknown."""
    with report_errors(as_json=as_json, document=fit_report.NOTHING):
        answers = _answers(asked)
    many = len(answers) > 1
    if as_json:
        print_document(fit_report.several(answers) if many else fit_report.document(answers[0]))
    else:
        say("\n\n".join("\n".join(fit_report.text(answer, brief=many)) for answer in answers))
    verdicts = [fit(answer.question).verdict for answer in answers]
    code = next((CODES[verdict] for verdict in CODES if verdict in verdicts), 0)
    if code:
        raise typer.Exit(code)


def _answers(asked: Asked) -> Sequence[Answer]:
    """Raises CoreWeaveError."""
    _ = asked.overrides, asked.gpus, asked.engine_version
    declared = asked.directory / FILE
    folder = Path(asked.what) if asked.what else None
    if folder is not None and folder.is_dir() and not (declared.is_file() and _is_key(asked)):
        return [_of_folder(asked, folder)]
    if folder is not None and not declared.is_file():
        raise InvalidDeclaration([Fault(f"{asked.what} is no folder, and {declared} does not exist")])
    if folder is None and not declared.exists():
        do = "name a folder of weights, or the stack directory with --dir"
        raise InvalidDeclaration([Fault(f"{declared} does not exist", do=do)])
    return _of_declaration(asked)


def _is_key(asked: Asked) -> bool:
    """Whether the word is a deployment's key; a declaration that cannot be read has none."""
    from coreweave_inference.declaration import read_for_stack
    from coreweave_inference.errors import CoreWeaveError

    try:
        found = read_for_stack(asked.directory / FILE, (asked.stack or "").rsplit("/", 1)[-1])
    except CoreWeaveError:
        return False
    return asked.what in found.deployments


def _of_folder(asked: Asked, path: Path) -> Answer:
    from coreweave_inference.storage.model_reader import LocalFolder, ModelReader

    reader = ModelReader(LocalFolder(path))
    folder = reader.with_headers(reader.folder("."))
    name = asked.instance_type or ANY
    question = _question(folder, name, asked.gpus or 1, {}, asked, None)
    return Answer(f"folder {path}", "", name, _of_known(question, name), table(question), tuple(asked.notes))


def _of_declaration(asked: Asked) -> Sequence[Answer]:
    from coreweave_inference.discovery import Sources, view_for

    from .checking import discover_facts

    found = discover_facts(asked.directory, asked.stack, offline=asked.offline)
    deployments = found.declaration.deployments
    if asked.what is not None and asked.what not in deployments:
        near = nearest(asked.what, tuple(deployments))
        do = f'did you mean "{near}"?' if near else f"there are: {', '.join(deployments) or 'none'}"
        raise InvalidDeclaration([Fault(f'there is no deployment "{asked.what}"', do=do)])
    if not deployments:
        raise InvalidDeclaration([Fault("the declaration has no deployment", do="name a folder of weights")])
    sources = Sources(found.settings, found.identity, found.last, headers=True)
    view, notes = view_for(found.declaration, sources)
    keys = [asked.what] if asked.what else list(deployments)
    return [_of_deployment(asked, view, key, (*notes, *asked.notes)) for key in keys]


def _of_deployment(asked: Asked, view: View, key: str, notes: tuple[str, ...]) -> Answer:
    item = next(item for item in view.deployments if item.key == key)
    name = asked.instance_type or item.instance_type or ANY
    folder = view.folder(item) or Folder(unread=("its weights were not read",))
    newest = view.catalogue.newest.get(VLLM)
    version = (item.version or newest) if item.engine in (None, VLLM) else None
    question = _question(
        folder, name, asked.gpus or item.gpus or 1, item.config or {}, asked, version, item.environment
    )
    if item.engine not in (None, *ENGINES):
        question = replace(
            question, model=None, weights=None, unknown=(f"what {item.engine} needs is not known",)
        )
    subject = f'deployment "{key}", {item.model_path} in bucket {item.bucket}'
    rows = table(question, view.catalogue.instance_types)
    return Answer(subject, key, name, _of_known(question, name), rows, notes)


def _question(
    folder: Folder,
    instance_type: str,
    gpus: int,
    config: Mapping[str, Any],
    asked: Asked,
    version: str | None,
    environment: Mapping[str, Any] | None = None,
) -> Question:
    hardware = hardware_of(instance_type) or Hardware("", 0, 0)
    merged = {**{key.replace("_", "-"): value for key, value in config.items()}, **asked.overrides}
    return question_of(folder, hardware, gpus, merged, environment, asked.engine_version or version)


def _of_known(question: Question, instance_type: str) -> Question:
    """The question, unknown as a whole where the memory of the instance type is."""
    if question.gpus.memory:
        return question
    known = ", ".join(default_prices().instances)
    why = f'the memory of instance type "{instance_type}" is not known; known are {known}'
    return replace(question, options=Options(unknown=(why,)))
