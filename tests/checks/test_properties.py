"""What holds for every view, however odd its values."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timezone
from typing import Any

from coreweave_inference.checks import (
    RULES,
    BucketFacts,
    Folder,
    Identity,
    Known,
    LastObject,
    LiveObject,
    PlainObject,
    Severity,
    WeightsFile,
    run,
    view_of_specs,
)
from coreweave_inference.declaration import (
    Accepted,
    BucketDeclaration,
    ObjectOptions,
    Origin,
    PolicyDeclaration,
)
from coreweave_inference.fleet.catalogue import Catalogue
from coreweave_inference.model import UNKNOWN, Kind
from coreweave_inference.model.shape import FieldShape, Form, fields_of
from hypothesis import given
from hypothesis import strategies as st

from tests.policy.documents import documents

WORDS = st.sampled_from(
    [
        "",
        "a",
        "acme/chat",
        "vllm",
        "latest",
        "0.22.0",
        "US-EAST-04A",
        "gd-8xh200ib-i128",
        "models/a",
        "acme-weights",
        "CAPACITY_CLASS_RESERVED",
        "CAPACITY_TYPE_SERVERLESS",
    ]
)
KEYS = st.sampled_from(
    [
        "max-model-len",
        "max_model_len",
        "tool-call-parser",
        "enable-auto-tool-choice",
        "tensor-parallel-size",
        "structured-outputs-config.backend",
        "x",
    ]
)
SCALARS = (
    st.none() | st.booleans() | st.integers(-2, 2000) | st.floats(allow_nan=False) | WORDS | st.just(UNKNOWN)
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS | WORDS, inner, max_size=2),
    max_leaves=4,
)


def values(field: FieldShape) -> st.SearchStrategy[Any]:
    by_form: dict[Form, st.SearchStrategy[Any]] = {
        Form.TEXT: WORDS,
        Form.NUMBER: st.integers(0, 20),
        Form.FLAG: st.booleans(),
        Form.LIST: st.lists(WORDS, max_size=2),
        Form.MAP: st.dictionaries(KEYS, WORDS, max_size=3),
    }
    usual = messages(field.message) if field.message else by_form[field.form]
    return st.one_of(usual, usual, usual, usual, st.just(UNKNOWN), ANYTHING)


def messages(model: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {}, optional={name: values(field) for name, field in fields_of(model).items()}
    )


KINDS_AND_SPECS = st.sampled_from(Kind).flatmap(lambda kind: st.tuples(st.just(kind), messages(kind.model)))
NAMES = st.sampled_from(["a", "b", "c"])
TIMES = st.sampled_from(
    [None, datetime(2026, 1, 1, tzinfo=timezone.utc), datetime(2027, 1, 1, tzinfo=timezone.utc)]
)
OPTIONS = st.builds(
    ObjectOptions,
    aliases=st.lists(NAMES, max_size=1).map(tuple),
    delete_before_replace=st.none() | st.booleans(),
)
PLAIN = st.builds(
    lambda found, key, options: PlainObject(found[0], key, found[1], options), KINDS_AND_SPECS, NAMES, OPTIONS
)
LIVE = st.builds(
    lambda found, name, updated: LiveObject(found[0], name, name, found[1], "READY", updated),
    KINDS_AND_SPECS,
    NAMES,
    TIMES,
)
LAST = st.builds(lambda found, key: LastObject(found[0], key, found[1], key), KINDS_AND_SPECS, NAMES)
LISTS = st.dictionaries(WORDS, st.lists(WORDS, max_size=2).map(tuple), max_size=2)
CATALOGUES = st.builds(
    Catalogue,
    zones=st.lists(WORDS, max_size=2).map(tuple),
    claim_types=LISTS,
    instance_types=st.lists(WORDS, max_size=2).map(tuple),
    versions=LISTS,
    config_keys=LISTS,
    environment_names=LISTS,
)
FILES = st.builds(WeightsFile, WORDS, st.integers(0, 10**12), TIMES)
FOLDERS = st.builds(
    Folder,
    st.lists(FILES, max_size=2).map(tuple),
    st.booleans(),
    st.none() | st.dictionaries(WORDS, ANYTHING, max_size=1),
)
STORES = st.dictionaries(
    st.just("acme-weights"),
    st.builds(
        BucketFacts,
        st.none() | documents() | st.dictionaries(st.just("Statement"), ANYTHING),
        st.booleans(),
        st.dictionaries(WORDS, FOLDERS, max_size=2),
    ),
)
KNOWN = st.builds(
    Known,
    identity=st.none() | st.just(Identity("us", "serving", "dev")),
    catalogue=CATALOGUES,
    live=st.none() | st.lists(LIVE, max_size=3).map(tuple),
    last=st.none() | st.lists(LAST, max_size=3).map(tuple),
    stores=STORES,
    today=st.just(date(2027, 1, 1)),
)
BUCKETS = st.dictionaries(
    st.just("weights"),
    st.builds(
        BucketDeclaration,
        st.just("weights"),
        st.just("acme-weights"),
        st.just("US-EAST-04A"),
        st.just(Origin("f", 1)),
        policy=st.none()
        | st.builds(PolicyDeclaration, st.lists(st.sampled_from(["models", "*"]), max_size=1).map(tuple)),
    ),
)
ACCEPTED = st.lists(
    st.builds(
        Accepted,
        st.sampled_from([*(rule.code for rule in RULES[:5]), "no-such-code"]),
        NAMES,
        st.just("reason"),
        st.just(Origin("f", 1)),
        st.none() | st.just("deployment"),
        st.none() | st.just(date(2026, 1, 1)) | st.just(date(2028, 1, 1)),
    ),
    max_size=2,
).map(tuple)


@given(st.lists(PLAIN, max_size=5), KNOWN, BUCKETS, ACCEPTED)
def test_no_input_makes_a_rule_raise(objects, known, buckets, accepted):
    report = run(replace(view_of_specs(objects, known), buckets=buckets, accepted=accepted))

    for finding in (*report.findings, *report.accepted):
        assert finding.what
        assert finding.why
        assert finding.do
        assert "\n" not in str(finding)
        assert finding.as_data()["code"] == finding.code


def unknown(model: Any) -> dict[str, Any]:
    return {
        name: unknown(field.message) if field.message else UNKNOWN for name, field in fields_of(model).items()
    }


@given(st.lists(st.sampled_from(Kind), max_size=4), KNOWN)
def test_what_is_not_known_is_no_error(kinds, known):
    objects = [PlainObject(kind, f"new-{place}", unknown(kind.model)) for place, kind in enumerate(kinds)]

    report = run(view_of_specs(objects, known))

    assert [finding for finding in report.errors if finding.about.key.startswith("new-")] == []


@given(st.lists(PLAIN, max_size=5), KNOWN)
def test_findings_come_worst_first(objects, known):
    ranks = [finding.severity.rank for finding in run(view_of_specs(objects, known)).findings]

    assert ranks == sorted(ranks)
    assert Severity.ERROR.rank < Severity.WARNING.rank < Severity.NOTE.rank
