"""Who may ask: organisations and their API tokens. What a token may do to an object is decided in `rest`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Role = Literal["admin", "read-only"]


@dataclass(frozen=True)
class Token:
    """An API token as a client sends it, and what it may do."""

    secret: str
    role: Role = "admin"
    observability: bool = False
    """Whether it has the role Observability Viewer too, which logs and metrics need."""


@dataclass(frozen=True)
class Organisation:
    """An organisation: its id, as in every spec's `organizationId`, and its tokens."""

    id: str
    tokens: tuple[Token, ...]


@dataclass(frozen=True)
class Caller:
    """The organisation and role that a known token represents."""

    organisation_id: str
    role: Role
    observability: bool = False


DEFAULT_ORGANISATIONS = (
    Organisation(
        "ab1cd2",
        (
            Token("CW-SECRET-simulator-admin", observability=True),
            Token("CW-SECRET-simulator-reader", "read-only"),
        ),
    ),
    Organisation("cw12ab", (Token("CW-SECRET-simulator-stranger"),)),
)


def caller_of(organisations: Iterable[Organisation], secret: str) -> Caller | None:
    """Who a token belongs to; None for an unknown one."""
    return next(
        (
            Caller(organisation.id, token.role, token.observability)
            for organisation in organisations
            for token in organisation.tokens
            if token.secret == secret
        ),
        None,
    )


def bearer(authorization: str | None) -> str:
    """The token in an `Authorization` header value; empty when there is none."""
    scheme, _, secret = (authorization or "").partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else ""
