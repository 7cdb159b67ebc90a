"""What a run came to: the steps, messages and outputs that were seen, put together. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from coreweave_inference.api.errors import TOKEN_REFUSED
from coreweave_inference.fleet.deletions import Deletion
from coreweave_inference.model import Kind
from coreweave_inference.model.findings import INVALID
from coreweave_inference.model.resource_types import ACCOUNT, BUCKET, KINDS, POLICY, READINESS, own_type
from coreweave_inference.review.drift import Drift, drift
from coreweave_inference.review.reading import preview_in

from .events import Message, RunEvent, Step, type_of
from .preview_document import PreviewDocument

VERBS = {
    "create": "create",
    "adopt": "adopt",
    "import": "import",
    "update": "update",
    "replace": "replace",
    "create-replacement": "replace",
    "delete-replaced": "replace",
    "delete": "delete",
    "discard": "delete",
    "same": "same",
    "read": "read",
    "refresh": "refresh",
}
"""The engine's steps in the words that a user reads."""

VERB_ORDER = ("create", "adopt", "import", "update", "replace", "delete", "keep", "same", "read", "refresh")
TIERS = (ACCOUNT, BUCKET, POLICY, *KINDS, READINESS)
"""This package's resources, each after what it may depend on."""
REST_OF_A_REPLACEMENT = ("delete-replaced", "discard-replaced", "remove-pending-replace")
READING = ("same", "read", "refresh")
ORGANIZATION = "organizationId"
MOVED = "the plan no longer holds"
CRASHED = "Exception calling application: "
"""Begins what the engine says of a program that the Automation API could not end as usual; the reason was reported before."""
FRAME = (
    "update failed",
    "preview failed",
    "destroy failed",
    "refresh failed",
    "Resource monitor has terminated, shutting down",
)
"""What the engine reports of a run as a whole beside the reason; the last one since CLI 3.274."""


@dataclass(frozen=True)
class Result:
    """What one run did.

    `counts` are resources by verb (`create`, `update`, `replace`, `delete`, `keep`, `same`, `read`, `refresh`), of a
    preview: what would be done. `errors` are one line each. `findings` are those of the checks, and faults
    of the declaration, as JSON data. `outputs` are those of the stack, secrets masked, after an `up`.
    `repairs` are what was repaired before the run. `deletions`: what a destroy was about to do with each object. `refused`:
    nothing was written, and what ended the run is a validation or startup error. `plan_made`: a preview shows all that an `up` would do, though it
    must not. `moved`: what is no longer as planned, so the run stopped. `settled`: a preview after which an `up` would change
    neither the account nor the state. `drift`: what is other than recorded. `document`: the run as `pulumi preview --json`
    shows a preview.
    """

    operation: str
    project: str
    stack: str
    ok: bool
    stopped: bool = False
    refused: bool = False
    plan_made: bool = False
    settled: bool = False
    moved: tuple[str, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    drift: tuple[Drift, ...] = ()
    messages: tuple[Message, ...] = ()
    findings: tuple[Mapping[str, Any], ...] = ()
    errors: tuple[str, ...] = ()
    outputs: Mapping[str, Any] = field(default_factory=dict)
    repairs: tuple[str, ...] = ()
    deletions: tuple[Deletion, ...] = ()
    document: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def stopped_by_findings(self) -> bool:
        """Whether nothing but findings of the checks is in the way of a plan."""
        found = [finding for finding in self.findings if finding.get("severity") == "error"]
        return self.refused and bool(found) and all(f.get("code") != INVALID for f in found)

    def showing(self, other: Result) -> Result:
        """This failure, with the plan of a preview that went on all the same."""
        if not other.ok:
            return self
        shown = {name: getattr(other, name) for name in ("steps", "counts", "drift", "document")}
        return replace(self, **shown, plan_made=True)

    @property
    def removed(self) -> tuple[str, ...]:
        """URNs of what is no longer declared and not selected, where that stopped the run."""
        return tuple(message.removed for message in self.messages if message.removed)

    @property
    def changes(self) -> int:
        """How many resources are, or would be, changed."""
        return sum(count for verb, count in self.counts.items() if verb not in READING)


def once(errors: Sequence[str]) -> tuple[str, ...]:
    """The errors without what one of them says for all: a token that is not accepted, which every resource meets, and a plan
    that no longer holds, of which the first resource tells why.
    """
    of_token = [text for text in errors if TOKEN_REFUSED in text]
    kept = {min(of_token, key=len)} if of_token else set()
    why = any(text.startswith(f"{MOVED}: ") for text in errors)
    return tuple(
        text for text in errors if (TOKEN_REFUSED not in text or text in kept) and not (why and text == MOVED)
    )


def standing(steps: Iterable[Step], adopted: Collection[str] = ()) -> tuple[Step, ...]:
    """The steps without deletions of entries whose objects stay under another key: one that was renamed, and renamed back.

    `adopted` are ids of objects that a creation will adopt.
    """
    found = tuple(steps)
    ids = {(step.kind, step.id) for step in found if step.op != "delete" and step.id}
    own = {kind.noun for kind in Kind}
    return tuple(
        step
        for step in found
        if step.op != "delete"
        or step.kind not in own
        or not ((step.kind, step.id) in ids or step.id in adopted)
    )


class Record:
    """Gathers the events of a run."""

    def __init__(self, *, refreshing: bool = False) -> None:
        self.document = PreviewDocument(refreshing=refreshing)
        self.messages: list[Message] = []
        self.outputs: dict[str, Any] = {}
        self._steps: dict[tuple[str, str], Step] = {}
        self._urns: set[str] = set()

    def add(self, run_event: RunEvent) -> None:
        """Take one in; ephemeral lines and progress are for whoever watches, not for the record."""
        if isinstance(run_event, Step):
            self._urns.add(run_event.urn)
            if run_event.op == "same" and not run_event.id:
                return  # Not a target of this run, and not there yet.
            self._steps[run_event.urn, run_event.op] = self._with_changes(run_event)
        elif isinstance(run_event, Message) and not run_event.ephemeral and run_event not in self.messages:
            self.messages.append(run_event)

    @property
    def urns(self) -> frozenset[str]:
        """All that was declared or in the state, targets of the run or not."""
        return frozenset(self._urns)

    def steps(self) -> tuple[Step, ...]:
        """The last word on each step, in order, without those that only read."""
        return tuple(step for step in self._steps.values() if step.op != "refresh")

    @property
    def refused(self) -> bool:
        """Whether a resource was refused before anything was done with it."""
        return any(m.refused for m in self.messages)

    @property
    def wrote(self) -> bool:
        """Whether something was done with an object of another package; of ours the providers tell themselves."""
        done = (step for step in self._steps.values() if step.phase == "done")
        return any(":" in step.kind and step.op not in READING for step in done)

    def errors(self) -> tuple[str, ...]:
        """Each error once; what the engine says of the whole run only where nothing else was reported."""
        found = list(dict.fromkeys(m.text for m in self.messages if m.severity == "error" and m.text))
        reasons = [text for text in found if text not in FRAME and not text.startswith(CRASHED)]
        return once(reasons or found)

    def leaves_all_as_it_is(self, exported: Mapping[str, Any]) -> bool:
        """Whether a preview found everything as the state has it, what the stack exports included."""
        found = self.document.data()["steps"]
        known = {_organization(step.get("oldState")) for step in found} - {""}
        return (
            bool(found)
            and all(step["op"] in ("same", "read") or _read_the_same(step, known) for step in found)
            and self.outputs == exported
        )

    def result(self, operation: str, project: str, stack: str, **more: Any) -> Result:
        """What the run came to, with the fields that the record does not know."""
        document, steps = self.document.data(), standing(self.steps())
        messages = tuple(self.messages)
        if operation == "preview":
            steps = tuple(sorted(steps, key=place_in_plan))
            messages = tuple(sorted(messages, key=lambda message: place_of(message.urn)))
        found = drift(preview_in(document, f"{project}/{stack}").resources)
        return Result(
            operation,
            project,
            stack,
            counts=counts_of(steps),
            steps=steps,
            drift=tuple(sorted(found, key=lambda item: place_of(item.urn))),
            document=document,
            messages=messages,
            **more,
        )

    def _with_changes(self, step: Step) -> Step:
        """The diff comes with a step's start only."""
        earlier = self._steps.get((step.urn, step.op))
        if earlier is None or step.changes:
            return step
        return replace(
            step,
            changes=earlier.changes,
            kept=step.kept or earlier.kept,
            id=step.id or earlier.id,
        )


def _read_the_same(step: Mapping[str, Any], known: Collection[str]) -> bool:
    """Nothing else than the state has, or the organization alone of what was made while the account was empty: another entry
    recorded it (`known`).
    """
    before, after = step.get("oldState"), step.get("newState")
    if before and after and not _organization(before) and _organization(after) in known:
        before = {**before, "outputs": {**before["outputs"], ORGANIZATION: _organization(after)}}
    return step["op"] == "refresh" and before == after


def _organization(state: Mapping[str, Any] | None) -> str:
    return str(((state or {}).get("outputs") or {}).get(ORGANIZATION) or "")


def verb_of(step: Step) -> str:
    """What a step does, in a user's word; `keep` for an object that stays when its entry in the state goes."""
    word = VERBS.get(step.op, step.op)
    return "keep" if word == "delete" and step.kept else word


def place_of(urn: str) -> tuple[int, str]:
    """Where an object is in a list of many: after what it may depend on, then by name. The engine's order varies.

    What other packages declare comes first.
    """
    token = own_type(type_of(urn))
    return (TIERS.index(token) if token in TIERS else -1, urn)


def place_in_plan(step: Step) -> tuple[bool, int, str]:
    """Where a plan shows a step: deletions last, and each before what it depends on."""
    tier, urn = place_of(step.urn)
    deletes = step.op == "delete"
    return (deletes, -tier if deletes else tier, urn)


def counts_of(steps: Iterable[Step]) -> dict[str, int]:
    """Resources by verb; a replacement counts once, a failed step does not count."""
    verbs: dict[str, str] = {}
    for step in steps:
        if step.phase == "failed" or step.op in REST_OF_A_REPLACEMENT:
            continue
        if verbs.get(step.urn) != "replace":
            verbs[step.urn] = verb_of(step)
    found: dict[str, int] = {}
    for verb in verbs.values():
        found[verb] = found.get(verb, 0) + 1
    order = {verb: at for at, verb in enumerate(VERB_ORDER)}
    return dict(sorted(found.items(), key=lambda item: order.get(item[0], len(order))))


Watch = Callable[[RunEvent], None]
"""Called with everything that happens, from several threads, one at a time."""


def nobody(run_event: RunEvent) -> None:
    """Watches nothing."""


def following(first: Result, second: Result) -> Result:
    """Two runs that were one to whoever asked: the second's word on how it ended, the steps and counts of both."""
    verbs = {**first.counts, **second.counts}
    return replace(
        second,
        counts={verb: first.counts.get(verb, 0) + second.counts.get(verb, 0) for verb in verbs},
        steps=(*first.steps, *second.steps),
        refused=second.refused and not first.changes,
        drift=(*first.drift, *second.drift),
        messages=(*first.messages, *second.messages),
        seconds=round(first.seconds + second.seconds, 2),
    )
