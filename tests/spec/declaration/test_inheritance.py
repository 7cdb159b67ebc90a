"""`extends`: what an entry adopts from another."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from coreweave_inference.declaration import Declaration, ObjectOptions, SecretReference

Declare = Callable[[str], Declaration]
Faults = Callable[[str], list[str]]


def test_mappings_merge_lists_replace_and_null_removes(declare: Declare, full: str) -> None:
    text = full + (
        "  small:\n"
        "    extends: chat-canary\n"
        "    traffic: {weight: 5}\n"
        "    runtime: {engineConfig: {tool-call-parser: null, never-there: null, max-model-len: 4096}}\n"
        "    autoscaling: {concurrency: null, capacityClasses: [CAPACITY_CLASS_ON_DEMAND]}\n"
    )

    small = declare(text).deployments["small"].spec

    assert small["runtime"]["engineConfig"] == {"max-model-len": "4096", "enable-auto-tool-choice": ""}
    assert small["autoscaling"] == {"min": 1, "max": 4, "capacityClasses": ["CAPACITY_CLASS_ON_DEMAND"]}
    assert small["model"]["path"] == "models/llama-3.1-8b-v2"


def test_name_traffic_and_options_are_never_inherited(declare: Declare, full: str) -> None:
    text = full.replace(
        "    gateways: [public]\n", "    gateways: [public]\n    name: chat\n    options: {protect: true}\n"
    )
    text = text.replace(
        "model: {path: models/llama-3.1-8b-v2}, traffic: {weight: 100}", "model: {name: acme/other}"
    )

    canary = declare(text).deployments["chat-canary"]

    assert "name" not in canary.spec
    assert canary.spec["traffic"] == {"weight": 100}
    assert canary.options == ObjectOptions()


def test_a_secret_replaces_an_inherited_one(declare: Declare, full: str) -> None:
    text = full.replace(
        "engine: vllm\n", "engine: vllm\n      engineEnv: {TOKEN: {fromConfig: token}, A: 1}\n"
    )
    text = text.replace("extends: chat,", "extends: chat, runtime: {engineEnv: {TOKEN: {fromEnv: TOKEN}}},")

    declared = declare(text).deployments

    assert [declared[key].spec["runtime"]["engineEnv"] for key in ("chat", "chat-canary")] == [
        {"TOKEN": SecretReference("fromConfig", "token"), "A": "1"},
        {"TOKEN": SecretReference("fromEnv", "TOKEN"), "A": "1"},
    ]


def test_gateways_and_claims_extend_too(declare: Declare, full: str) -> None:
    text = full.replace("deployments:\n", "  more: {extends: h200, instanceCount: 3}\ndeployments:\n")

    assert declare(text).capacity_claims["more"].spec["resources"]["instanceCount"] == 3


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        (
            "  a: {extends: chta}",
            ['deployments.a.extends: extends "chta", which is not declared; did you mean "chat"?'],
        ),
        (
            "  a: {extends: [chat]}",
            ["deployments.a.extends: is not the name of an entry; name another entry of deployments"],
        ),
        ("  a: {extends: a}", ["deployments.a.extends: extends itself: a -> a; break the circle"]),
        (
            "  a: {extends: b}\n  b: {extends: a}\n  c: {extends: a}",
            [
                "deployments.a.extends: extends itself: a -> b -> a; break the circle",
                "deployments.b.extends: extends itself: b -> a -> b; break the circle",
            ],
        ),
    ],
)
def test_extends_names_another_entry_without_a_circle(
    faults: Faults, entries: str, expected: list[str], full: str
) -> None:
    assert [fault.split(": ", 1)[1] for fault in faults(full + entries)] == expected


def test_a_chain_is_not_endless(faults: Faults, full: str) -> None:
    links = "".join(
        f"  d{number}: {{extends: d{number - 1}, traffic: {{weight: 1}}}}\n" for number in range(1, 40)
    )
    text = full + "  d0: {extends: chat, traffic: {weight: 1}}\n" + links

    assert "extends through more than 20 entries" in faults(text)[0]


def test_an_entry_of_a_map_without_a_value_is_a_fault_where_nothing_is_extended(
    faults: Faults, full: str
) -> None:
    found = faults(full.replace('enable-auto-tool-choice: ""', "enable-auto-tool-choice:"))

    assert [fault.split(": ", 1)[1] for fault in found] == [
        (
            'deployments.chat.runtime.engineConfig["enable-auto-tool-choice"]: has no value; '
            'write "" to switch a flag on, or remove the entry'
        ),
    ]
