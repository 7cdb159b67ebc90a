"""What a deletion would meet, as a decision over data: who needs what, and where replicas may go."""

from __future__ import annotations

from typing import Any

import pytest
from coreweave_inference.api.client import ApiObject
from coreweave_inference.fleet.deletions import (
    BUCKET,
    DELETES,
    KEEPS,
    NOT_EMPTY,
    POLICY,
    PROTECTED,
    USED,
    Account,
    Deletion,
    Owned,
    deletion_errors,
    plan_deletions,
)
from coreweave_inference.model import Kind
from coreweave_inference.policy.statements import inference_statement
from coreweave_inference.provider.deletion_guard import same_record

ZONE, OTHER_ZONE = "US-EAST-04A", "US-WEST-01A"
H200 = "gd-8xh200ib-i128"
CLAIM = Owned("capacity claim", "h200", "claim")
ONLY_RESERVED = ["CAPACITY_CLASS_RESERVED"]


def live(kind: Kind, id_: str, spec: dict[str, Any], status: str = "READY") -> ApiObject:
    return ApiObject(kind, id_, f"{id_}-name", spec, status)


def claim(id_: str = "claim", *, zone: str = ZONE, count: int = 1, instance: str = H200) -> ApiObject:
    resources = {"instanceId": instance, "instanceCount": count, "zones": [zone]}
    return live(Kind.CAPACITY_CLAIM, id_, {"resources": resources})


def deployment(
    id_: str = "theirs",
    *,
    classes: list[str] | None = None,
    gpus: int = 8,
    instance: str = H200,
    gateway: str = "gateway",
    status: str = "READY",
    **more: Any,
) -> ApiObject:
    spec = {
        "gatewayIds": [gateway],
        "model": {"bucket": "acme-weights", "path": "models/chat"},
        "resources": {"instanceType": instance, "gpuCount": gpus},
        "autoscaling": {"min": 1, "max": 2, **({"capacityClasses": classes} if classes else {})},
        **more,
    }
    return live(Kind.DEPLOYMENT, id_, spec, status)


def account(*objects: ApiObject, **more: Any) -> Account:
    gateways = [
        live(Kind.GATEWAY, "gateway", {"zones": [ZONE]}),
        live(Kind.GATEWAY, "west", {"zones": [OTHER_ZONE]}),
        live(Kind.GATEWAY, "everywhere", {}),
    ]
    by_kind = {kind: {o.id: o for o in (*objects, *gateways) if o.kind is kind} for kind in Kind}
    return Account(by_kind[Kind.DEPLOYMENT], by_kind[Kind.GATEWAY], by_kind[Kind.CAPACITY_CLAIM], **more)


def deletion_of(item: Owned, found: Account, own: tuple[str, ...] = ()) -> Deletion:
    return plan_deletions([item], {item.id, *own}, found)[0]


@pytest.mark.parametrize(
    ("users", "others", "action", "reason"),
    [
        ([deployment()], [], USED, "theirs-name (may go to unclaimed on-demand capacity)"),
        (
            [deployment(classes=ONLY_RESERVED)],
            [],
            USED,
            "theirs-name (RESERVED only: it has nowhere to go)",
        ),
        (
            [deployment(classes=ONLY_RESERVED)],
            [claim("theirs-claim")],
            DELETES,
            'theirs-name (may go to capacity claim "theirs-claim-name")',
        ),
        (
            [deployment(classes=ONLY_RESERVED, gpus=8), deployment("more", classes=ONLY_RESERVED)],
            [claim("theirs-claim")],
            USED,
            'theirs-name (may go to capacity claim "theirs-claim-name")',
        ),
        (
            [deployment(classes=ONLY_RESERVED)],
            [claim("theirs-claim", zone=OTHER_ZONE), claim("another", instance="gd-8xh100ib-i128")],
            USED,
            "theirs-name (RESERVED only: it has nowhere to go)",
        ),
        (
            [deployment(gateway="everywhere")],
            [],
            USED,
            "theirs-name (may go to unclaimed on-demand capacity)",
        ),
        ([deployment(gateway="west")], [], DELETES, None),
        ([deployment(instance="gd-8xh100ib-i128")], [], DELETES, None),
        ([deployment(classes=["CAPACITY_CLASS_ON_DEMAND"])], [], DELETES, None),
        ([deployment(disabled=True)], [], DELETES, None),
        ([deployment(status="DELETING")], [], DELETES, None),
    ],
)
def test_a_claim_is_needed_by_those_of_its_type_and_zone_that_may_run_on_claims_and_have_no_room_elsewhere(
    users: list[ApiObject], others: list[ApiObject], action: str, reason: str | None
) -> None:
    found = deletion_of(CLAIM, account(claim(), *users, *others))

    assert found.action == action
    assert reason in found.users if reason else found.users == ()


def test_own_deployments_on_a_claim_are_named_and_refuse_nothing() -> None:
    found = deletion_of(CLAIM, account(claim(), deployment("ours")), own=("ours",))

    assert (found.action, len(found.users)) == (DELETES, 1)


def test_a_claim_that_is_not_there_any_more_is_needed_by_nobody() -> None:
    assert deletion_of(CLAIM, account(deployment())) == Deletion(CLAIM, DELETES)


def test_a_gateway_is_needed_by_every_deployment_of_others_that_is_not_going() -> None:
    gateway = Owned("gateway", "public", "gateway")

    used = deletion_of(
        gateway, account(deployment(), deployment("off", disabled=True), deployment("ours")), ("ours",)
    )
    free = deletion_of(gateway, account(deployment(status="DELETING"), deployment("away", gateway="west")))

    assert (used.action, used.users) == (USED, ("off-name", "theirs-name"))
    assert free.action == DELETES


def test_a_policy_is_needed_by_those_who_could_not_read_their_weights_without_it() -> None:
    policy = Owned(POLICY, "weights-policy", "acme-weights", sid="Ours")
    ours = inference_statement("acme-weights", ["models"], "Ours")
    alone = {"Version": "2012-10-17", "Statement": [ours]}
    beside = {**alone, "Statement": [ours, inference_statement("acme-weights", [], "Theirs")]}
    elsewhere = deployment(model={"bucket": "acme-weights", "path": "drafts/chat"})

    def action(document: dict[str, Any] | None, user: ApiObject | None = None) -> str:
        return deletion_of(policy, account(user or deployment(), policies={"acme-weights": document})).action

    assert [action(alone), action(beside), action(None), action(alone, elsewhere)] == [
        USED,
        DELETES,
        DELETES,
        DELETES,
    ]
    assert deletion_of(policy, account(deployment())).action == DELETES


def test_a_bucket_is_kept_or_read_by_others_or_not_empty_or_goes() -> None:
    bucket = Owned(BUCKET, "weights", "acme-weights")
    filled = {"filled_buckets": {"acme-weights"}}
    elsewhere = deployment(model={"bucket": "other", "path": "models/chat"})

    assert deletion_of(bucket, account(deployment())).action == USED
    assert (
        deletion_of(Owned(BUCKET, "weights", "acme-weights", keep=True), account(deployment())).action
        == KEEPS
    )
    assert deletion_of(bucket, account(elsewhere, **filled)).action == NOT_EMPTY
    assert (
        deletion_of(Owned(BUCKET, "weights", "acme-weights", force=True), account(**filled)).action == DELETES
    )


def test_each_error_names_the_object_and_the_setting_that_lets_it_pass() -> None:
    protected = Deletion(Owned("gateway", "public", "g", protect=True), PROTECTED)
    used = Deletion(CLAIM, USED, ("chat",))
    full = Deletion(Owned(BUCKET, "weights", "b"), NOT_EMPTY)
    plan = [protected, used, full, Deletion(CLAIM, DELETES, ("chat",))]

    both = deletion_errors(plan, destroy_used=False, keep_protected=False)
    neither = deletion_errors(plan, destroy_used=True, keep_protected=True)

    assert [text.partition(":")[0] for text in both] == [
        'gateway "public"',
        'capacity claim "h200"',
        'weights bucket "weights"',
    ]
    assert "COREWEAVE_KEEP_PROTECTED=1" in both[0]
    assert "COREWEAVE_DESTROY_USED=1" in both[1]
    assert neither == (both[2],)


def test_a_destroy_never_begins_with_a_gateway_in_use_which_the_service_does_not_delete() -> None:
    used = Deletion(Owned("gateway", "public", "g"), USED, ("chat",))

    (refused,) = deletion_errors([used, Deletion(CLAIM, USED, ("chat",))], destroy_used=True, destroys=True)
    (warned,) = deletion_errors([used], destroy_used=False)
    removal = deletion_errors([used], destroy_used=True)

    assert refused.startswith('gateway "public": is used by deployment chat outside this stack')
    assert "COREWEAVE_DESTROY_USED" not in refused
    assert "the service deletes no gateway in use" in warned
    assert "delete it all the same" not in warned
    assert removal == ()


def test_a_record_is_the_same_in_any_order_of_its_entries_and_keys() -> None:
    claim = {
        "kind": "capacity claim",
        "id": "1",
        "name": "h200",
        "resources": {"instanceId": H200, "zones": [ZONE]},
    }
    gateway = {"kind": "gateway", "id": "2", "name": "public"}
    turned = {**claim, "resources": dict(reversed(claim["resources"].items()))}  # type: ignore[attr-defined]

    assert same_record([claim, gateway], [gateway, turned])
    assert not same_record([claim, gateway], [claim])
    assert not same_record([claim], [{**claim, "protect": True}])
