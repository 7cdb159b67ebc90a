"""Names, ids and buckets that a run would make and that are in use: by another resource of the run, or in the account.

All that can be known is reported before anything is created.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from coreweave_inference.errors import CoreWeaveError, Fault
from coreweave_inference.model import Kind
from coreweave_inference.model.kinds import BY_NOUN
from coreweave_inference.model.unknown import UNKNOWN
from coreweave_inference.policy.statements import find_ours, inference_statement, same_meaning, sid_for

from .adoption import TAKE_OVER, Refuse, decide
from .bucket_ownership import adoption_fault
from .creation import has_last_resort, is_in_state, may_adopt, proof_of
from .session import Session
from .values import STACK, URN, managed_id

OBJECTS, BUCKETS, POLICIES = "objects", "buckets", "policies"
RECORDED = "recorded"
"""In a plan: the ids of objects that the last state has, where it is known that the run is about nothing else than the plan."""


def plan(objects: Iterable[Any], buckets: Iterable[Any], policies: Iterable[Any]) -> dict[str, list[Any]]:
    """What a program is about to make, as far as plain values tell; for `faults_of_plan`."""
    return {
        OBJECTS: [
            {
                "kind": one.kind.noun,
                "key": one.place.key,
                "id": one.planned_id,
                "name": one.planned_name,
                "explicit": bool(one.declared.get("name")),
            }
            for one in objects
            if one.planned_id and not one.adopts
        ],
        BUCKETS: [{"key": one.place.key, **found} for one in buckets if (found := one.planned)],
        POLICIES: [{"key": one.place.key, **found} for one in policies if (found := one.planned)],
    }


def faults_of_plan(run: Session, planned: Mapping[str, list[Mapping[str, Any]]]) -> list[str]:
    """What of a plan is in use, and is neither in the state nor known to be this stack's by another proof."""
    buckets = [(one, fault_of_bucket(run, one)) for one in planned.get(BUCKETS) or ()]
    policies = [(one, fault_of_statement(run, one)) for one in planned.get(POLICIES) or ()]
    return [
        *_objects_in_use(
            run, planned.get(OBJECTS) or (), {*proof_of(run).ids, *(planned.get(RECORDED) or ())}
        ),
        *(f'weights bucket "{one["key"]}": {fault}' for one, fault in buckets if fault),
        *(f'inference bucket policy "{one["key"]}": {fault}' for one, fault in policies if fault),
    ]


def _objects_in_use(
    run: Session, objects: Iterable[Mapping[str, Any]], own: Collection[str]
) -> Iterator[str]:
    """`own` are ids of this stack's objects, which the resource itself judges: it knows all of what is declared."""
    for one in objects:
        kind = BY_NOUN[one["kind"]]
        others = [live for live in run.lists.known(kind).values() if live.id not in own]
        decision = decide(kind, one["id"], {"name": one["name"]}, others, proof_of(run))
        if isinstance(decision, Refuse):
            yield f'{kind.noun} "{one["key"]}": {decision.why}'


def fault_of_statement(run: Session, policy: Mapping[str, Any]) -> Fault | None:
    """Why a new policy cannot be put; None where it can, or where object storage does not tell."""
    try:
        return statement_of_another_state(run, policy, run.storage().policy(str(policy["bucket"])))
    except CoreWeaveError:
        return None


def statement_is_there(run: Session, policy: Mapping[str, Any]) -> bool:
    """Whether the bucket's policy holds this stack's statement; False too where object storage does not tell."""
    try:
        document = run.storage().policy(str(policy["bucket"]))
    except CoreWeaveError:
        return False
    return find_ours(document, sid_for(None, str(policy.get(STACK, "")))) is not None


def statement_of_another_state(
    run: Session, policy: Mapping[str, Any], document: Mapping[str, Any] | None
) -> Fault | None:
    """A destroy takes a stack's statement out, so one that is there, and not in this state, is another state's of the stack;
    or a killed run of plain `pulumi` put it, if it says what this run would put.
    """
    bucket, sid = str(policy["bucket"]), sid_for(None, str(policy.get(STACK, "")))
    live = find_ours(document, sid)
    if live is None or bucket in may_adopt() or is_in_state(run, policy, own_statement(policy)):
        return None
    if has_last_resort(run) and is_as_declared(policy, live):
        return None
    return Fault(
        f'the policy of bucket "{bucket}" holds this stack\'s statement "{sid}" already, and this state does not have it: '
        "another state of the same stack manages it, or a run of plain `pulumi` was cut short, or the resource was moved "
        "without an alias",
        do="use that state, give this stack another name or identity, add the alias, or adopt it with "
        f"{TAKE_OVER}={bucket}",
    )


def is_as_declared(policy: Mapping[str, Any], live: Mapping[str, Any]) -> bool:
    """Whether a live statement says what a policy puts under the same Sid; False where that is not known yet."""
    prefixes = policy.get("prefixes") or []
    if not isinstance(prefixes, list) or UNKNOWN in prefixes:
        return False
    wanted = inference_statement(str(policy["bucket"]), prefixes, str(live.get("Sid")))
    return same_meaning({"Statement": live}, {"Statement": wanted})


def own_statement(policy: Mapping[str, Any]) -> str:
    """What a state that has a policy is known to have."""
    return managed_id(str(policy["bucket"]), sid_for(None, str(policy.get(STACK, ""))))


def fault_of_bucket(run: Session, declared: Mapping[str, Any]) -> Fault | None:
    """Why a new bucket cannot be made or taken; None where it can, or where object storage does not tell."""
    try:
        live = run.storage(str(declared["zone"])).bucket(str(declared["name"]))
        return None if live is None else adoption_fault(run, declared, live)
    except CoreWeaveError:
        return None


def faults_of_object(
    run: Session, kind: Kind, before: Mapping[str, Any], inputs: Mapping[str, Any]
) -> list[Fault]:
    """What of an object's id and name is in use. `before` are the inputs in the state, empty for a new object."""
    urn, id_, name = str(inputs.get(URN, "")), inputs.get("apiId"), inputs.get("name")
    # For a replacement the engine asks twice, the second time without what was before.
    recorded = run.memory.recorded.setdefault(urn, set())
    recorded |= {str(before["apiId"])} if before.get("apiId") else set()
    claimed = [*claimed_by_another(run, inputs, kind.noun, name), *claimed_by_another(run, inputs, "id", id_)]
    if claimed or UNKNOWN in (id_, name) or id_ in recorded or not id_:
        return claimed
    try:
        others = [live for live in run.lists.known(kind).values() if live.id not in recorded]
    except CoreWeaveError:
        return []
    decision = decide(kind, str(id_), inputs, others, proof_of(run))
    return [Fault(decision.why)] if isinstance(decision, Refuse) else []


def claimed_by_another(run: Session, inputs: Mapping[str, Any], what: str, value: object) -> list[Fault]:
    """A fault where another resource of this run declares the same name, id, bucket or policy."""
    other = run.memory.reserve(str(inputs.get(URN, "")), what, value)
    if not other:
        return []
    return [Fault(f'"{other}" of this program has the {_WORDS.get(what, "name")} "{value}" too', do=_DO)]


_WORDS = {"id": "id", "bucket": "bucket name", "policy": "policy of bucket"}
_DO = "one object cannot be two resources: give one of them another name, or declare it once"


def declared_twice(
    planned: Mapping[str, list[Mapping[str, Any]]], names: Iterable[tuple[str, str, str]]
) -> list[str]:
    """One sentence on each name, bucket or policy that a program declares twice; `names` are the explicit ones, each with
    its kind and its resource's key.
    """
    keys: defaultdict[str, list[str]] = defaultdict(list)
    for noun, name, key in names:
        keys[f'the {noun} name "{name}"'].append(f'"{key}"')
    for bucket in planned[BUCKETS]:
        keys[f'the bucket "{bucket["name"]}"'].append(f'"{bucket["key"]}"')
    for policy in planned[POLICIES]:
        keys[f'the policy of bucket "{policy["bucket"]}"'].append(f'"{policy["key"]}"')
    return [
        f"{what} is declared by {' and '.join(found)}; {_DO}"
        for what, found in keys.items()
        if len(found) > 1
    ]
