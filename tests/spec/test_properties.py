"""What holds for every spec and every file, however odd."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import yaml
from coreweave_inference.declaration import Declaration, read
from coreweave_inference.errors import InvalidDeclaration
from coreweave_inference.model.kinds import Kind
from coreweave_inference.model.normal_form import (
    UNKNOWN,
    complete,
    differences,
    faults,
    sparse,
    unknown_fields,
    with_unknown_fields,
)
from coreweave_inference.model.shape import FieldShape, Form, fields_of
from hypothesis import given
from hypothesis import strategies as st

TEXT = st.text(max_size=8)
SCALARS = st.none() | st.booleans() | st.integers(-2, 2000) | st.floats(allow_nan=False) | TEXT
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3)
)
PLAIN_TEXT = st.sampled_from(["", "a", "RNO2A", "us-east-04a", "CAPACITY_TYPE_MANAGED", "0"])


def values(field: FieldShape) -> st.SearchStrategy[Any]:
    """Values of a field's form, unset and unknown ones, and now and then something else altogether."""
    by_form: dict[Form, st.SearchStrategy[Any]] = {
        Form.TEXT: PLAIN_TEXT,
        Form.NUMBER: st.integers(0, 1001) | st.sampled_from([0.0, 4.0]),
        Form.FLAG: st.booleans(),
        Form.LIST: st.lists(PLAIN_TEXT | st.just(UNKNOWN), max_size=3),
        Form.MAP: st.dictionaries(PLAIN_TEXT, SCALARS | st.just(UNKNOWN), max_size=3),
    }
    usual = messages(field.message) if field.message else by_form[field.form]
    return st.one_of(usual, usual, usual, st.none(), st.just(UNKNOWN), ANYTHING)


def messages(model: Any) -> st.SearchStrategy[dict[str, Any]]:
    known = {name: values(field) for name, field in fields_of(model).items()}
    unknown = st.dictionaries(st.sampled_from(["id", "organizationId", "later"]), SCALARS, max_size=1)
    return st.builds(lambda spec, more: {**more, **spec}, st.fixed_dictionaries({}, optional=known), unknown)


SPECS = st.sampled_from(Kind).flatmap(lambda kind: st.tuples(st.just(kind), messages(kind.model)))


@given(SPECS)
def test_the_normal_form_of_a_normal_form_is_itself(spec: tuple[Kind, dict[str, Any]]) -> None:
    kind, declared = spec
    normal = sparse(kind, declared)

    assert sparse(kind, normal) == normal


@given(SPECS)
def test_a_complete_body_means_what_its_spec_means(spec: tuple[Kind, dict[str, Any]]) -> None:
    kind, declared = spec
    normal = sparse(kind, declared)

    assert sparse(kind, complete(kind, normal)) == normal
    assert complete(kind, complete(kind, declared)) == complete(kind, declared)


@given(SPECS)
def test_nothing_differs_from_itself(spec: tuple[Kind, dict[str, Any]]) -> None:
    kind, declared = spec

    assert differences(kind, declared, declared) == ()
    assert differences(kind, declared, sparse(kind, declared)) == ()


@given(SPECS, SPECS)
def test_a_difference_one_way_is_a_difference_the_other_way(
    one: tuple[Kind, dict[str, Any]], two: tuple[Kind, dict[str, Any]]
) -> None:
    kind = one[0]

    there = differences(kind, one[1], two[1])
    back = differences(kind, two[1], one[1])

    assert [(found.path, repr(found.left), repr(found.right)) for found in there] == [
        (found.path, repr(found.right), repr(found.left)) for found in back
    ]
    assert all(str(found).startswith(found.path) for found in there)


@given(SPECS)
def test_unknown_fields_change_no_known_one(spec: tuple[Kind, dict[str, Any]]) -> None:
    kind, live = spec
    body = complete(kind, live)

    sent = with_unknown_fields(body, unknown_fields(kind, live))

    assert sparse(kind, sent) == sparse(kind, body)
    assert not {"id", "organizationId"} & set(sent)


@given(SPECS)
def test_faults_judges_anything_without_raising(spec: tuple[Kind, dict[str, Any]]) -> None:
    for fault in faults(*spec):
        assert fault.path
        assert fault.what
        assert fault.do


@given(st.sampled_from(Kind), st.dictionaries(TEXT, ANYTHING, max_size=4))
def test_faults_judges_what_is_no_spec_at_all(kind: Kind, declared: dict[str, Any]) -> None:
    known = fields_of(kind.model)

    assert {str(fault.path) for fault in faults(kind, declared)} >= {
        key for key in declared if key not in known
    }


ENTRIES = {
    "buckets": st.fixed_dictionaries(
        {}, optional=dict.fromkeys(("name", "zone", "policy", "tags", "options", "extends"), ANYTHING)
    ),
    "gateways": messages(Kind.GATEWAY.model),
    "capacityClaims": messages(fields_of(Kind.CAPACITY_CLAIM.model)["resources"].message),
    "deployments": messages(Kind.DEPLOYMENT.model),
}
OURS = st.fixed_dictionaries(
    {},
    optional={
        "extends": st.sampled_from(["a", "b", "c"]) | ANYTHING,
        "gateways": st.lists(st.sampled_from(["a", "b"]) | ANYTHING, max_size=2) | ANYTHING,
        "options": ANYTHING
        | st.dictionaries(st.sampled_from(["timeout", "ignoreChanges", "aliases"]), ANYTHING),
    },
)


def sections() -> st.SearchStrategy[dict[str, Any]]:
    def section(entry: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        whole = st.builds(lambda spec, ours: {**spec, **ours}, entry, OURS)
        return (
            st.dictionaries(st.sampled_from(["a", "b", "c"]) | TEXT, whole | ANYTHING, max_size=3) | ANYTHING
        )

    return st.fixed_dictionaries(
        {"version": st.just(1)}, optional={key: section(value) for key, value in ENTRIES.items()}
    )


def plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return "unknown" if value is UNKNOWN else value


def check_answer(content: bytes) -> None:
    answer = read_bytes(content)

    if isinstance(answer, InvalidDeclaration):
        assert answer.faults
        assert all(fault.what and fault.do and fault.file for fault in answer.faults)


def read_bytes(content: bytes) -> Declaration | InvalidDeclaration:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "inference.yaml"
        path.write_bytes(content)
        try:
            return read(path)
        except InvalidDeclaration as refused:
            return refused


@given(sections())
def test_reading_a_file_answers_or_refuses(data: dict[str, Any]) -> None:
    check_answer(yaml.safe_dump(plain(data), allow_unicode=True).encode())


YAML_WORDS = st.sampled_from(
    [
        *":{}[]|>?,@0~ \n\t\"'\\#!",
        "version: 1",
        "a",
        "- ",
        "&a",
        "*a",
        "<<",
        "!!int",
        "%YAML 1.1\n",
        "---",
        "...",
        "\\U",
    ]
)


@given(st.lists(YAML_WORDS, max_size=25).map("".join))
def test_reading_any_text_answers_or_refuses(text: str) -> None:
    check_answer(text.encode())


@given(st.binary(max_size=40))
def test_reading_any_bytes_answers_or_refuses(content: bytes) -> None:
    check_answer(content)
