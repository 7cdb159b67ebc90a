"""Bucket policy documents as data: reading what a user wrote, and comparing by meaning.

Pure. Whom a document lets in is decided in `policy_decisions`; which statement is ours, in `policy`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from coreweave_inference.errors import Fault, InvalidDeclaration
from coreweave_inference.json_text import read_json

VERSION = "2012-10-17"
OLD_VERSION = "2008-10-17"
"""What a document without a `Version` means."""

_DOCUMENT_ELEMENTS = frozenset({"Version", "Id", "Statement"})
_STATEMENT_ELEMENTS = frozenset(
    {
        "Sid",
        "Effect",
        "Condition",
        *("Principal", "Action", "Resource"),
        *("NotPrincipal", "NotAction", "NotResource"),
    }
)
_LISTS = ("Action", "NotAction", "Resource", "NotResource")


def statements_of(document: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """The statements of a document; one that is not in a list counts as a list of one."""
    written = (document or {}).get("Statement", [])
    return [dict(s) for s in (written if isinstance(written, list) else [written]) if isinstance(s, Mapping)]


def canonical(document: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The one form of all documents of the same meaning, as JSON data; None of None.

    A string equals a list of one, order and repetition do not matter, `true` equals "true" in conditions, an empty Sid or
    Condition equals none. `Not…` elements, unknown elements and the three forms of "everyone" stay apart.
    """
    if document is None:
        return None
    rest = {key: value for key, value in document.items() if key not in ("Version", "Statement")}
    statements = [_canonical_statement(statement) for statement in statements_of(document)]
    return {
        **dict(sorted(rest.items())),
        "Version": document.get("Version") or OLD_VERSION,
        "Statement": _sorted_unique(statements),
    }


def same_meaning(one: Mapping[str, Any] | None, other: Mapping[str, Any] | None) -> bool:
    """Whether two documents (or none) say the same."""
    return canonical(one) == canonical(other)


def parse(text: str) -> dict[str, Any]:
    """The policy document in `text`. Raises InvalidDeclaration with every fault of its form."""
    try:
        document = read_json(text, _without_repeated_keys)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise InvalidDeclaration([Fault(f"the policy is not valid JSON ({error.msg} at {where})")]) from error
    except _RepeatedKey as error:
        raise InvalidDeclaration([Fault(f'the policy has the key "{error}" twice in one object')]) from error
    if faults := list(_faults(document)):
        raise InvalidDeclaration(faults)
    return dict(document)


class _RepeatedKey(ValueError):
    """JSON would keep the last of them silently."""


def _without_repeated_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for key, value in pairs:
        if key in members:
            raise _RepeatedKey(key)
        members[key] = value
    return members


def _canonical_statement(statement: Mapping[str, Any]) -> dict[str, Any]:
    result = {key: statement[key] for key in sorted(statement) if statement[key] not in ("", {})}
    for key in _LISTS:
        if key in result:
            result[key] = _listed(result[key])
    for key in ("Principal", "NotPrincipal"):
        if isinstance(result.get(key), Mapping):
            result[key] = {kind: _listed(names) for kind, names in sorted(result[key].items())}
    if isinstance(result.get("Condition"), Mapping):
        result["Condition"] = {
            operator: _canonical_keys(keys) for operator, keys in sorted(result["Condition"].items())
        }
    return result


def _canonical_keys(keys: Any) -> Any:
    if not isinstance(keys, Mapping):
        return keys
    return {key: _listed(values, texts=True) for key, values in sorted(keys.items())}


def _listed(value: Any, *, texts: bool = False) -> list[Any]:
    members = value if isinstance(value, list) else [value]
    return _sorted_unique([_condition_text(m) for m in members] if texts else members)


def _condition_text(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, (bool, int, float)) else value


def _sorted_unique(members: list[Any]) -> list[Any]:
    by_text = {json.dumps(member, sort_keys=True): member for member in members}
    return [by_text[text] for text in sorted(by_text)]


def _faults(document: Any) -> Iterator[Fault]:
    if not isinstance(document, Mapping):
        yield Fault("the policy is not a JSON object")
        return
    yield from _unknown(document, _DOCUMENT_ELEMENTS, "")
    if document.get("Version", VERSION) not in (VERSION, OLD_VERSION):
        yield Fault(f"Version is {json.dumps(document['Version'])}", "Version", f'write "{VERSION}"')
    written = document.get("Statement")
    statements = written if isinstance(written, list) else [written]
    if not statements or written is None:
        yield Fault("there is no statement", "Statement")
        return
    for number, statement in enumerate(statements):
        yield from _statement_faults(statement, f"Statement[{number}]")
    yield from _repeated_sids(statements)


def _statement_faults(statement: Any, path: str) -> Iterator[Fault]:
    if not isinstance(statement, Mapping):
        yield Fault("a statement must be an object", path)
        return
    yield from _unknown(statement, _STATEMENT_ELEMENTS, path)
    if statement.get("Effect") not in ("Allow", "Deny"):
        yield Fault("Effect must be Allow or Deny", f"{path}.Effect")
    if not isinstance(statement.get("Sid", ""), str):
        yield Fault("Sid must be a string", f"{path}.Sid")
    for element in ("Principal", "Action", "Resource"):
        present = [name for name in (element, f"Not{element}") if name in statement]
        if len(present) != 1:
            yield Fault(f"exactly one of {element} and Not{element} is needed", path)
        for name in present:
            yield from _value_faults(statement[name], f"{path}.{name}", principal=element == "Principal")
    yield from _condition_faults(statement.get("Condition", {}), f"{path}.Condition")


def _value_faults(value: Any, path: str, *, principal: bool) -> Iterator[Fault]:
    if not principal:
        if not _is_texts(value):
            yield Fault("must be a string or a list of strings", path)
    elif isinstance(value, Mapping) and value:
        for kind, names in value.items():
            if not _is_texts(names):
                yield Fault("must be a string or a list of strings", f"{path}.{kind}")
    elif value != "*":
        yield Fault('must be "*" or an object such as {"CW": ["arn:…"]}', path)


def _condition_faults(condition: Any, path: str) -> Iterator[Fault]:
    if not isinstance(condition, Mapping):
        yield Fault("must be an object of operators", path)
        return
    for operator, keys in condition.items():
        if not isinstance(keys, Mapping) or not keys:
            yield Fault("must be an object of condition keys", f"{path}.{operator}")


def _is_texts(value: Any) -> bool:
    members = value if isinstance(value, list) else [value]
    return bool(members) and all(isinstance(member, str) and member for member in members)


def _unknown(written: Mapping[str, Any], known: frozenset[str], path: str) -> Iterator[Fault]:
    for key in sorted(set(written) - known):
        yield Fault(f'unknown element "{key}"', path, f"known are {', '.join(sorted(known))}")


def _repeated_sids(statements: list[Any]) -> Iterator[Fault]:
    sids = [
        s["Sid"] for s in statements if isinstance(s, Mapping) and isinstance(s.get("Sid"), str) and s["Sid"]
    ]
    for sid in sorted({sid for sid in sids if sids.count(sid) > 1}):
        yield Fault(f'Sid "{sid}" occurs more than once', "Statement", "give each statement a Sid of its own")
