"""`inference.<stack>.yaml` over `inference.yaml`: deep merge, lists replace, null removes, every place is kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from coreweave_inference.declaration import Declaration, Origin, overlay_path, read
from coreweave_inference.errors import InvalidDeclaration
from hypothesis import given, settings
from hypothesis import strategies as st

Layer = Callable[[str, str], Declaration]
Faults = Callable[[str, str], list[str]]
VERSION = "version: 1\n"


@pytest.fixture
def layer(tmp_path: Path) -> Layer:
    """Reads a base with an overlay."""

    def read_both(base: str, over: str) -> Declaration:
        path = tmp_path / "inference.yaml"
        path.write_text(base)
        overlay_path(path, "dev").write_text(over)
        return read(path, overlay_path(path, "dev"))

    return read_both


@pytest.fixture
def layered_faults(layer: Layer) -> Faults:
    """The faults of a base with an overlay, without the directory."""

    def sentences(base: str, over: str) -> list[str]:
        with pytest.raises(InvalidDeclaration) as caught:
            layer(base, over)
        return [str(fault).rsplit("/", 1)[1].split(";")[0] for fault in caught.value.faults]

    return sentences


def test_the_overlay_of_a_stack_lies_beside_its_declaration() -> None:
    assert overlay_path(Path("a/inference.yaml"), "prod") == Path("a/inference.prod.yaml")


def test_mappings_merge_at_every_depth_and_lists_replace(layer: Layer, full: str) -> None:
    over = """\
deployments:
  chat:
    autoscaling: {max: 8, capacityClasses: [CAPACITY_CLASS_ON_DEMAND]}
    runtime: {engineConfig: {max-model-len: 8192}}
"""

    chat = layer(full, over).deployments["chat"].spec

    assert chat["autoscaling"] == {
        "min": 1,
        "max": 8,
        "concurrency": 32,
        "capacityClasses": ["CAPACITY_CLASS_ON_DEMAND"],
    }
    assert chat["runtime"]["engineConfig"] == {
        "max-model-len": "8192",
        "enable-auto-tool-choice": "",
        "tool-call-parser": "llama3_json",
    }


def test_an_overlay_may_add_objects(layer: Layer, full: str) -> None:
    over = "deployments: {chat-eu: {extends: chat, model: {name: acme/eu}}}"

    assert list(layer(full, over).deployments) == ["chat", "chat-canary", "chat-eu"]


@pytest.mark.parametrize(
    "over",
    [
        "capacityClaims: null",
        "capacityClaims: {h200: null}",
        "capacityClaims: {h200: null, never-there: null}",
    ],
)
def test_null_removes_objects_and_sections(layer: Layer, full: str, over: str) -> None:
    assert layer(full, over).capacity_claims == {}


def test_a_claim_in_the_apis_form_and_an_overlay_in_the_other_are_one_claim(layer: Layer, full: str) -> None:
    flat = full.index("h200: {") + len("h200: {")
    end = full.index("}", flat)
    nested = f"{full[:flat]}resources: {{{full[flat:end]}}}{full[end:]}"

    claims = [
        layer(base, f"capacityClaims: {{h200: {over}}}").capacity_claims["h200"]
        for base in (full, nested)
        for over in ("{instanceCount: 3}", "{resources: {instanceCount: 3}}")
    ]

    assert [claim.spec for claim in claims] == [claims[0].spec] * 4
    assert claims[0].spec["resources"]["instanceCount"] == 3


def test_null_removes_entries_of_maps(layer: Layer, full: str) -> None:
    over = "deployments: {chat: {runtime: {engineConfig: {tool-call-parser: null, absent: null}}}}"

    config = layer(full, over).deployments["chat"].spec["runtime"]["engineConfig"]

    assert config == {"max-model-len": "16384", "enable-auto-tool-choice": ""}


def test_the_overlay_comes_first_and_extends_second(layer: Layer, full: str) -> None:
    over = "deployments: {chat: {autoscaling: {max: 8}}, chat-canary: {autoscaling: {concurrency: null}}}"

    found = layer(full, over).deployments

    assert found["chat-canary"].spec["autoscaling"]["max"] == 8
    assert "concurrency" not in found["chat-canary"].spec["autoscaling"]
    assert found["chat"].spec["autoscaling"]["concurrency"] == 32


def test_a_required_field_may_come_from_either_file(layer: Layer) -> None:
    base = "buckets: {weights: {name: acme-weights}}"
    over = "version: 1\nbuckets: {weights: {zone: US-EAST-04A}}"

    assert layer(base, over).buckets["weights"].zone == "US-EAST-04A"


@pytest.mark.parametrize("over", ["", "# nothing differs\n", "{}"])
def test_an_empty_overlay_changes_nothing(layer: Layer, full: str, over: str, declare) -> None:
    assert layer(full, over) == declare(full)


def test_faults_stand_in_the_file_that_has_them(layered_faults: Faults) -> None:
    base = VERSION + "gateways:\n  public: {zonez: []}\n"
    over = "gatways: {}\ngateways:\n  public:\n    coreWeaveAuth: {}\n    zones: [nowhere]\n"

    assert layered_faults(base, over) == [
        'inference.dev.yaml:1: gatways: unknown key "gatways"',
        'inference.dev.yaml:5: gateways.public.zones[0]: "NOWHERE" is not the name of an Availability Zone',
        'inference.yaml:3: gateways.public.zonez: unknown key "zonez"',
        (
            "inference.yaml:3: gateways.public.bodyBasedRouting: none of bodyBasedRouting, headerBasedRouting, "
            "pathBasedRouting is given"
        ),
    ]


def test_what_is_missing_from_both_files_is_missed_once_where_the_object_begins(
    layered_faults: Faults,
) -> None:
    found = layered_faults(
        VERSION + "buckets:\n  weights: {}\n", "buckets:\n  weights: {name: acme-weights}\n"
    )

    assert found == ["inference.yaml:3: buckets.weights.zone: is required and not given"]


def test_files_that_are_not_yaml_are_both_reported(layered_faults: Faults) -> None:
    assert layered_faults("a: [", "- 1") == [
        "inference.dev.yaml:1: the file is not a mapping",
        "inference.yaml:1: not valid YAML: while parsing a flow node expected the node content, but found '<stream end>'",
    ]


def test_an_overlay_that_cannot_be_read_is_a_fault(tmp_path: Path, full: str) -> None:
    path = tmp_path / "inference.yaml"
    path.write_text(full)

    with pytest.raises(InvalidDeclaration, match=r"inference\.dev\.yaml: the file cannot be read"):
        read(path, overlay_path(path, "dev"))


def test_the_place_of_every_value_is_that_of_the_file_that_wrote_it(layer: Layer) -> None:
    base = """\
version: 1
buckets:
  weights:
    name: acme-weights
    zone: US-EAST-04A
    tags: {team: models, tier: gold}
"""
    over = """\
buckets:
  weights:
    tags:
      team: serving
"""

    found = layer(base, over)
    origins = {
        path: _place(found.origin(path))
        for path in (
            "buckets.weights",
            "buckets.weights.zone",
            'buckets.weights.tags["team"]',
            "buckets.weights.tags.tier",
        )
    }

    assert origins == {
        "buckets.weights": ("inference.yaml", 3),
        "buckets.weights.zone": ("inference.yaml", 5),
        'buckets.weights.tags["team"]': ("inference.dev.yaml", 4),
        "buckets.weights.tags.tier": ("inference.yaml", 6),
    }


KEYS = st.sampled_from(
    ["version", "gateways", "deployments", "existing", "accept", "buckets", "chat", "extends", "x"]
)
DATA = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["chat", "x", ""]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)


@settings(deadline=None)
@given(base=st.dictionaries(KEYS, DATA), over=st.dictionaries(KEYS, DATA))
def test_whatever_two_files_say_is_read_or_refused_with_places(
    base: object, over: object, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "inference.yaml"
    path.write_text(yaml.safe_dump(base))
    overlay_path(path, "dev").write_text(yaml.safe_dump(over))

    assert [place for place in _places(path) if not place[0] or place[1] < 1] == []


def _places(path: Path) -> list[tuple[str, int]]:
    """The places of the faults, or, where there are none, of something declared."""
    try:
        return [_place(read(path, overlay_path(path, "dev")).origin("deployments.chat"))]
    except InvalidDeclaration as error:
        return [(fault.file, fault.line) for fault in error.faults]


def _place(origin: Origin) -> tuple[str, int]:
    return Path(origin.file).name, origin.line


def test_an_overlay_turns_a_flat_claim_into_the_apis_form_and_back(layer: Layer, full: str) -> None:
    flat = full.index("h200: {") + len("h200: {")
    fields = full[flat : full.index("}", flat)]
    nulls = "instanceId: null, instanceCount: null, capacityType: null, zones: null"
    nested = f"{full[:flat]}resources: {{{fields}}}{full[full.index('}', flat) :]}"

    to_api = layer(full, f"capacityClaims: {{h200: {{{nulls}, resources: {{{fields}}}}}}}")
    to_flat = layer(nested, f"capacityClaims: {{h200: {{resources: null, {fields}}}}}")

    expected = layer(full, "").capacity_claims["h200"].spec
    assert to_api.capacity_claims["h200"].spec == to_flat.capacity_claims["h200"].spec == expected
