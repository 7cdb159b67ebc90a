"""Which live object an entry of `existing` names."""

from __future__ import annotations

import pytest
from coreweave_inference.api.client import ApiObject
from coreweave_inference.declaration import ExistingObject, Origin
from coreweave_inference.errors import InvalidDeclaration
from coreweave_inference.model import Kind
from coreweave_inference.program.data_sources import the_one

PUBLIC = ApiObject(Kind.GATEWAY, "5b1f5a8e", "public", {}, status="READY")
TWIN = ApiObject(Kind.GATEWAY, "0f1d2c3b", "public", {}, status="READY")
GOING = ApiObject(Kind.GATEWAY, "9a3e0f1d", "going", {}, status="DELETING")
BROKEN = ApiObject(Kind.GATEWAY, "7777aaaa", "broken", {}, status="FAILED")


def entry(name: str | None = None, id_: str | None = None) -> ExistingObject:
    return ExistingObject("a", Kind.GATEWAY, Origin("inference.yaml", 3), name=name, id=id_)


@pytest.mark.parametrize(
    ("item", "output", "expected"),
    [
        (entry(name="public"), None, PUBLIC),
        (entry(id_="5b1f5a8e"), None, PUBLIC),
        (entry(id_="5B1F5A8E"), None, PUBLIC),
        (entry(), "5b1f5a8e", PUBLIC),
        (entry(name="broken"), None, BROKEN),
    ],
)
def test_it_is_found_by_name_by_id_and_by_what_another_stack_outputs(
    item: ExistingObject, output: str | None, expected: ApiObject
) -> None:
    assert the_one(item, [PUBLIC, GOING, BROKEN], output) == expected


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (
            entry(name="pubic"),
            'there is no gateway called "pubic" in this account; did you mean "public"?',
        ),
        (
            entry(id_="gone"),
            "there is no gateway of id gone in this account; of gateways it has: going, public, public",
        ),
        (
            entry(name="public"),
            'there are 2 gateways called "public"; name it by id, one of 5b1f5a8e, 0f1d2c3b',
        ),
        (entry(name="going"), 'the gateway called "going" is being deleted; name another one'),
    ],
)
def test_none_several_and_one_that_goes_are_faults_at_the_place_of_the_entry(
    item: ExistingObject, expected: str
) -> None:
    with pytest.raises(InvalidDeclaration) as caught:
        the_one(item, [PUBLIC, TWIN, GOING])

    assert str(caught.value) == f"inference.yaml:3: existing.gateways.a: {expected}"
