"""Recorded and live objects go in, a report comes out."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from coreweave_inference.api.client import ApiObject
from coreweave_inference.cli.live_account import Scope
from coreweave_inference.cli.outputs import reductions
from coreweave_inference.cli.status_view import _claim, lines
from coreweave_inference.fleet.instances import default_prices
from coreweave_inference.model import Kind
from coreweave_inference.model.unknown import UNKNOWN
from coreweave_inference.settings.resolution import resolve
from coreweave_inference.status.computed import State
from coreweave_inference.status.recorded import Recorded
from coreweave_inference.status.report import Report, drift_of, report_on

GATEWAY = "11111111-1111-4111-8111-111111111111"
H200 = "gd-8xh200ib-i128"


def gateway(id_: str = GATEWAY) -> ApiObject:
    spec = {"id": id_, "name": "gw", "zones": ["US-EAST-04A"], "coreWeaveAuth": {}, "bodyBasedRouting": {}}
    return ApiObject(Kind.GATEWAY, id_, "gw", spec, "READY", endpoints=("https://gw.example",))


def deployment(name: str, weight: int = 100, **changes: Any) -> ApiObject:
    spec = {
        "name": name,
        "gatewayIds": [GATEWAY],
        "runtime": {"engine": "vllm", "version": "0.22.0"},
        "resources": {"instanceType": H200, "gpuCount": 1},
        "model": {"name": "acme/chat", "bucket": "acme-weights", "path": "models/chat"},
        "autoscaling": {"min": 1, "max": 4},
        "traffic": {"weight": weight},
        **changes,
    }
    return ApiObject(Kind.DEPLOYMENT, f"id-{name}", name, spec, "READY")


def claim(count: int, allocated: int, pending: int = 0) -> ApiObject:
    resources = {
        "instanceId": H200,
        "instanceCount": count,
        "capacityType": "CAPACITY_TYPE_MANAGED",
        "zones": ["US-EAST-04A"],
    }
    return ApiObject(
        Kind.CAPACITY_CLAIM,
        "id-claim",
        "claim",
        {"name": "claim", "resources": resources},
        "READY",
        allocated_instances=allocated,
        pending_instances=pending,
    )


def recorded(live: ApiObject, key: str = "", **changes: Any) -> Recorded:
    spec = {name: value for name, value in {**live.spec, **changes}.items() if name != "id"}
    return Recorded(live.kind, key or live.name, live.id, live.name, spec)


def report(stack: list[Recorded] | None, *live: ApiObject, **more: Any) -> Report:
    lists = {kind: [found for found in live if found.kind is kind] for kind in Kind}
    return report_on(stack, lists, default_prices(), now=0.0, settle_seconds=15.0, **more)


def test_shares_count_the_members_of_others_on_the_same_gateway() -> None:
    chat, canary = deployment("chat", 300), deployment("canary", 100)

    found = report([recorded(gateway(), "public"), recorded(chat)], gateway(), chat, canary)

    (traffic,) = found.objects[1].traffic
    assert (traffic.gateway, str(traffic.share), traffic.members) == ("public", "75 %", 2)
    assert found.others == 1


def test_a_member_that_is_being_deleted_has_no_part_of_the_sum() -> None:
    chat, going = deployment("chat", 300), deployment("canary", 100)
    going = ApiObject(going.kind, going.id, going.name, going.spec, "DELETING")

    found = report([recorded(chat)], gateway(), chat, going)

    assert str(found.objects[0].traffic[0].share) == "100 %"


def test_drift_names_the_fields_and_not_those_left_to_others_or_not_known() -> None:
    chat = deployment("chat", autoscaling={"min": 1, "max": 9})
    secret = {"engine": "vllm", "version": "0.22.0", "engineEnv": {"KEY": UNKNOWN}}
    other = deployment("other", 7, runtime={"engine": "vllm", "version": "0.22.0", "engineEnv": {"KEY": "x"}})
    lenient = recorded(other, traffic={"weight": 100}, runtime=secret)
    lenient = Recorded(other.kind, "other", other.id, "other", lenient.spec, ("traffic.weight",))

    found = report([recorded(chat, autoscaling={"min": 1, "max": 4}), lenient], chat, other)

    assert [str(d) for d in found.objects[0].drift or ()] == ["autoscaling.max: 4 -> 9"]
    assert found.objects[1].drift == ()
    assert [item.key for item in found.drifted] == ["chat"]


def test_an_object_that_is_not_listed_is_drift_and_one_whose_kind_was_not_listed_is_unknown() -> None:
    chat = deployment("chat")

    gone = report([recorded(chat)])
    unread = report([recorded(chat)], unread={Kind.DEPLOYMENT: "503"})

    assert (gone.objects[0].computed.state, len(gone.drifted)) == (State.NOT_FOUND, 1)
    assert (unread.objects[0].computed.state, unread.drifted) == (State.UNKNOWN, ())
    assert unread.notes == ("deployments could not be listed: 503",)


def test_a_claim_says_who_may_run_there_and_what_a_pending_reduction_still_costs() -> None:
    on_claim = deployment(
        "chat", autoscaling={"min": 1, "max": 4, "capacityClasses": ["CAPACITY_CLASS_RESERVED"]}
    )
    elsewhere = deployment(
        "od", autoscaling={"min": 1, "max": 1, "capacityClasses": ["CAPACITY_CLASS_ON_DEMAND"]}
    )

    found = report(None, gateway(), claim(1, allocated=2), on_claim, elsewhere)

    reduced = found.objects[1]
    assert reduced.claim is not None
    assert reduced.claim.may_run == ("chat",)
    assert reduced.claim.reduction == "reduction to 1 pending, 2 still billed"
    assert reduced.cost is not None
    rate = default_prices().rate(H200)
    assert rate is not None
    assert reduced.cost.at_min == rate * 16
    assert found.cost.at_max == rate * 17


def test_who_may_run_on_a_claim_is_not_known_where_deployments_were_not_listed() -> None:
    found = report(None, claim(1, allocated=1), unread={Kind.DEPLOYMENT: "503"}).objects[0]

    assert found.claim is not None
    assert found.claim.may_run is None
    assert not any("may run" in line for line in _claim(found.claim, ""))


def test_a_reduction_that_the_service_has_not_made_yet_is_no_drift() -> None:
    held = claim(3, allocated=3)
    declared = {**held.spec, "resources": {**held.spec["resources"], "instanceCount": 1}}

    reduced = Recorded(held.kind, "h200", held.id, "claim", declared, reduced_from=3)
    (found,) = report([reduced], held).objects

    assert (found.drift, found.computed.state) == ((), State.CURRENT)
    assert drift_of(reduced, held) == ()
    assert found.computed.reason == "reduction to 1 pending, 3 still billed"
    assert found.claim is not None
    assert (found.claim.declared, found.claim.allocated) == (1, 3)


def test_outputs_note_a_reduction_that_was_pending_at_the_last_run() -> None:
    spec = {"resources": {"instanceCount": 1}}
    reduced = Recorded(Kind.CAPACITY_CLAIM, "h200", "id-claim", "claim", spec, reduced_from=3)

    (note,) = reductions([reduced, Recorded(Kind.CAPACITY_CLAIM, "other", "id-other", "other", spec)])

    assert note.startswith('capacity claim "h200": reduced from 3 to 1')


def test_a_count_that_somebody_raised_is_drift_and_no_reduction() -> None:
    raised = claim(4, allocated=4)
    declared = {**raised.spec, "resources": {**raised.spec["resources"], "instanceCount": 1}}

    (found,) = report([Recorded(raised.kind, "h200", raised.id, "claim", declared)], raised).objects

    assert [str(difference) for difference in found.drift or ()] == ["resources.instanceCount: 1 -> 4"]
    assert found.claim is not None
    assert (found.claim.reduction, found.computed.reason) == ("", "")


def test_a_type_without_a_list_price_is_named_and_not_in_the_sum() -> None:
    odd = deployment("odd", resources={"instanceType": "nobody-knows", "gpuCount": 1})

    found = report(None, gateway(), odd)

    assert found.cost.at_max == Decimal(0)
    assert found.notes == ('not in the sum: deployment "odd" (no list price)',)


def test_a_screen_is_as_wide_as_the_window_also_with_long_names() -> None:
    long = deployment("a-model-with-a-name-that-is-as-long-as-the-service-takes-names-0123")
    scope = Scope(resolve({"COREWEAVE_API_TOKEN": "t"}, {}))

    short = lines(scope, report(None, gateway(), deployment("chat")), 80)
    broken = lines(scope, report(None, gateway(), long), 80)

    assert any(line.startswith('deployment "chat"  Current  READY') for line in short)
    at = broken.index(f'deployment "{long.name}"')
    assert broken[at + 1].split()[:2] == ["Current", "READY"]
    assert max(map(len, (*short, *broken))) <= 80
