"""A declaration is YAML 1.2 in a small UTF-8 file; what could surprise is refused in one clear fault."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from coreweave_inference.declaration.document import load
from coreweave_inference.declaration.origin import Origin, Report
from coreweave_inference.errors import InvalidDeclaration


def loaded(path: Path, content: str | bytes) -> tuple[object, Report]:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    report = Report("f.yaml")
    document = load(path, report)
    report.origins = document.origins
    return document.data, report


def error_in(path: Path, content: str | bytes) -> str:
    with pytest.raises(InvalidDeclaration) as caught:
        loaded(path, content)
    (fault,) = caught.value.faults
    return str(fault)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"),
        ("off", "off"),
        ("true", True),
        ("FALSE", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("16384", 16384),
        ("-1", -1),
        ("010", 10),
        ("0x10", 16),
        ("0o10", 8),
        ("1e3", 1000.0),
        ("0.5", 0.5),
        ("12:30", "12:30"),
        ("2026-01-01", "2026-01-01"),
        ("1_000", "1_000"),
        ('"1"', "1"),
        ("!!str 1", "1"),
        ("[a, 1]", ["a", 1]),
    ],
)
def test_scalars_are_read_as_yaml_1_2_does(tmp_path: Path, text: str, value: object) -> None:
    data, report = loaded(tmp_path / "f", f"a: {text}\n")

    assert data == {"a": value}
    assert report.faults == []


def test_each_value_knows_the_line_of_its_key(tmp_path: Path) -> None:
    _, report = loaded(tmp_path / "f", "a:\n  b:\n    - x\n    -\n      y\n")

    places = [("a",), ("a", "b"), ("a", "b", 0), ("a", "b", 1), ("a", "c")]
    assert [report.origin(place) for place in places] == [Origin("f.yaml", line) for line in (1, 2, 3, 5, 1)]


def test_aliases_and_merge_keys_work_and_own_entries_win(tmp_path: Path) -> None:
    data, report = loaded(
        tmp_path / "f",
        "a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc: {<<: [*a, *b], x: 3}\nd: *a\ne: {<<: *b}\n",
    )

    assert report.faults == []
    assert data == {
        "a": {"x": 1, "y": 1},
        "b": {"y": 2, "z": 2},
        "c": {"x": 3, "y": 1, "z": 2},
        "d": {"x": 1, "y": 1},
        "e": {"y": 2, "z": 2},
    }


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a: 1\nb: {c: 1,\n  c: 2}\n", 'f.yaml:3: b.c: duplicate key "c"; keep one of them'),
        ("a: !secret x\n", "f.yaml:1: a: the tag !secret is not supported; remove the tag"),
        ("a: !x {b: 1}\n", "f.yaml:1: a: the tag !x is not supported; remove the tag"),
        ("a: !!int x\n", "f.yaml:1: a: is not the number it claims to be; write a plain number"),
        ("a: !!bool yes\n", "f.yaml:1: a: is tagged !!bool and is not a boolean; write true or false"),
        ("a: !!null x\n", "f.yaml:1: a: is tagged !!null and is not null; write null, or remove the tag"),
        ("a: !!float nan\n", "f.yaml:1: a: is not the number it claims to be; write a plain number"),
        (f"a: {'9' * 5000}\n", "f.yaml:1: a: is not the number it claims to be; write a plain number"),
        ("a: {? [x] : 1}\n", "f.yaml:1: a: a key is not plain text; write keys as words"),
        ("a: {<<: 3}\n", "f.yaml:1: a: << needs a mapping; give it an alias of a mapping"),
        ('a: "\\ud800"\n', "f.yaml:1: a: contains a character that is not valid text; remove it"),
    ],
)
def test_a_value_that_cannot_be_meant_is_a_fault_at_its_line(tmp_path: Path, text: str, fault: str) -> None:
    _, report = loaded(tmp_path / "f", text)

    assert [str(found) for found in report.faults] == [fault]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("a: [1\nb: 2\n", "f.yaml:2: not valid YAML: while parsing a flow sequence"),
        ("a: *nowhere\n", "f.yaml:1: not valid YAML: found undefined alias"),
        ("a: 1\n---\nb: 2\n", "f.yaml:2: not valid YAML: expected a single document"),
        ("a: 1\n\tb: 2\n", "f.yaml:2: not valid YAML"),
        ("a: \x01\n", "f.yaml: not valid YAML: a character is not allowed"),
        ('a: "\\UFFFFFFFF"\n', "f.yaml: not valid YAML"),
        (b"a: 1\nb: \xff\n", "f.yaml:2: the file is not UTF-8 text; save it as UTF-8"),
        (b"\xff\xfea\x00", "f.yaml:1: the file is not UTF-8 text"),
        (b"#" * 1_000_001, "f.yaml: the file is larger than 1 MB"),
        ("[" * 60 + "]" * 60, "values are nested more than 40 deep"),
        ("[" * 100_000, "values are nested more than 40 deep"),
        ("a: &a [*a]\n", "values are nested more than 40 deep"),
        ("a: &a {<<: *a}\n", "values are nested more than 40 deep"),
        (
            "a0: &a0 [x]\n"
            + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9)),
            "aliases unfold into more than 100000 values",
        ),
    ],
)
def test_a_file_that_cannot_be_read_is_one_clear_fault(
    tmp_path: Path, content: str | bytes, words: str
) -> None:
    assert words in error_in(tmp_path / "f", content)


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    assert loaded(tmp_path / "f", b"\xef\xbb\xbfa: 1\n")[0] == {"a": 1}


def test_a_missing_file_a_folder_and_a_pipe_are_clear(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    for path in (tmp_path / "none.yaml", tmp_path, tmp_path / "pipe.yaml"):
        with pytest.raises(InvalidDeclaration, match="the file cannot be read: "):
            load(path, Report("f.yaml"))
