"""Checks of the buckets that weights are in: one finding for a bucket, however many deployments read from it."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from coreweave_inference.checks import BucketFacts, Folder
from coreweave_inference.errors import plural
from coreweave_inference.policy.decisions import Decision, inference_may_read
from coreweave_inference.status.recorded import Recorded

from .check import Check, Note, Outcome, Problem, Problems, Skip
from .drift_checks import explained_by_drift
from .running import Running

UNREADABLE = "without it a deployment gets READY and answers 520 or not at all, or never starts"
MOST_NAMED = 5


@dataclass(frozen=True)
class BucketSubject:
    """A bucket, and the deployments that are read from it by the path of their weights."""

    running: Running
    name: str
    readers: Mapping[str, Sequence[Recorded]]

    @cached_property
    def facts(self) -> BucketFacts:
        """What the bucket tells; read once."""
        return self.running.facts(self.name)[0]

    @property
    def unread(self) -> str:
        """Why something could not be read; empty where everything was."""
        return "; ".join(self.running.facts(self.name)[1])

    @property
    def label(self) -> str:
        """`bucket "acme-weights"`."""
        return f'bucket "{self.name}"'

    def users(self, paths: Iterable[str]) -> list[Recorded]:
        """The deployments whose weights are under some paths."""
        return [item for path in paths for item in self.readers[path]]

    def policy_command(self, paths: Sequence[str]) -> str:
        """The command that prints the policy for some paths."""
        prefixes = " ".join(f"--prefix {shlex.quote(path)}" for path in paths[:MOST_NAMED])
        return f"`cw-inference policy {self.name} {prefixes}`"


def bucket_subjects(running: Running) -> Iterator[BucketSubject]:
    """The buckets of the looked-at deployments, as they are live."""
    found: dict[str, dict[str, list[Recorded]]] = {}
    for item, bucket, path in running.weights:
        found.setdefault(bucket, {}).setdefault(path, []).append(item)
    for name, readers in found.items():
        yield BucketSubject(running, name, readers)


def weights_there(subject: BucketSubject) -> list[Note]:
    """The bucket exists and has files under each model's path."""
    paths = list(subject.readers)
    if not subject.facts.exists:
        raise _explained(
            "weights-exist",
            Problem(
                f'there is no bucket "{subject.name}" that this token can see ({_names(subject, paths)} read from it)',
                "name the bucket that has the weights (model.bucket), or push them: "
                f"`cw-inference weights push FOLDER {subject.name} {shlex.quote(paths[0])}`",
            ),
            subject,
            paths,
        )
    listed = {path: folder for path in paths if (folder := subject.facts.folders.get(path)) is not None}
    empty = [path for path, folder in listed.items() if not folder.files]
    notes = [
        Note(
            "",
            f'"{path}" could not be listed' if path not in listed else _count(path, listed[path]),
            path in listed,
        )
        for path in paths
        if path not in empty
    ]
    if empty:
        raise Problems(
            (_explained("weights-exist", _empty(subject, path), subject, [path]) for path in empty), notes
        )
    return notes


def _empty(subject: BucketSubject, path: str) -> Problem:
    return Problem(
        f'there is no file under "{path}" in bucket "{subject.name}" ({_names(subject, [path])})',
        f"push the weights with `cw-inference weights push FOLDER {subject.name} {shlex.quote(path)}`, or correct model.path",
    )


def _count(path: str, folder: Folder) -> str:
    count = plural(len(folder.files), "file") if folder.complete else f"{len(folder.files)} or more files"
    return f'{count} under "{path}"'


def policy_lets_in(subject: BucketSubject) -> str:
    """The bucket's policy lets the inference service in, to the weights of every deployment."""
    facts, paths = subject.facts, list(subject.readers)
    if not facts.exists:
        raise Skip("there is no such bucket")
    if not facts.policy_known:
        raise Problem(
            f'whether the inference service may read bucket "{subject.name}" is not known: its policy could not be read',
            f"see the reason; where the bucket is somebody else's, have its owner compare the policy with {subject.policy_command(paths)}",
            why=subject.unread,
            outcome=Outcome.UNKNOWN,
        )
    decisions = {path: _decision(subject, path) for path in paths}
    kept_out = [path for path in paths if decisions[path].allowed is False]
    open_ones = [path for path in paths if decisions[path].allowed is None]
    found = [_kept_out(subject, kept_out, decisions)] if kept_out else []
    if open_ones:
        found.append(
            Problem(
                f"whether the inference service may read {_places(subject, open_ones)} is not known: {decisions[open_ones[0]].why}",
                f"compare the policy with {subject.policy_command(open_ones)}",
                outcome=Outcome.WARNING,
            )
        )
    if found:
        raise Problems(found)
    return "; ".join(dict.fromkeys(decision.why for decision in decisions.values()))


def _decision(subject: BucketSubject, path: str) -> Decision:
    folder = subject.facts.folders.get(path)
    key = folder.files[0].key if folder is not None and folder.files else f"{path}/config.json"
    return inference_may_read(subject.facts.policy, subject.name, key)


def _kept_out(subject: BucketSubject, paths: Sequence[str], decisions: Mapping[str, Decision]) -> Problem:
    prefixes = ", ".join(dict.fromkeys(path.partition("/")[0] for path in paths))
    problem = Problem(
        f"the inference service may not read {_places(subject, paths)}: {decisions[paths[0]].why}",
        f"declare `policy: {{prefixes: [{prefixes}]}}` of the bucket and run `cw-inference up`, or have its owner "
        f"put what {subject.policy_command(paths)} prints; then let replicas start again",
        why=UNREADABLE,
    )
    return _explained("weights-policy", problem, subject, paths)


def _explained(code: str, problem: Problem, subject: BucketSubject, paths: Iterable[str]) -> Problem:
    return explained_by_drift(subject.running, subject.users(paths))(code, problem)


def _places(subject: BucketSubject, paths: Sequence[str]) -> str:
    """`"models/a" and 3 more in bucket "acme-weights" (deployment "a", …)`."""
    named = _some([f'"{path}"' for path in paths])
    return f'{named} in bucket "{subject.name}" ({_names(subject, paths)})'


def _names(subject: BucketSubject, paths: Iterable[str]) -> str:
    return _some([item.label for item in subject.users(paths)])


def _some(texts: Sequence[str]) -> str:
    more = f" and {len(texts) - MOST_NAMED} more" if len(texts) > MOST_NAMED else ""
    return ", ".join(texts[:MOST_NAMED]) + more


BUCKET_CHECKS: tuple[Check[BucketSubject], ...] = (
    Check("weights-exist", "the weights are in the bucket", weights_there),
    Check("weights-policy", "the bucket policy lets the inference service in", policy_lets_in),
)
