"""Every error this package raises, as one tree; each class is named by what its catcher does next.

    CoreWeaveError
    ├── InvalidDeclaration     the user fixes the file; carries every fault of it
    ├── SettingsError          the user fixes token, endpoint or credentials
    ├── StartupError           the user fixes the command, the directory or the installation; nothing was run
    ├── NotOurs                the object or bucket exists and belongs to somebody else: refuse
    ├── ChangedOutside         somebody else wrote since the last refresh: refresh, look, run again
    ├── PlanMoved              live, state or declaration are not those of the plan: look at a new one
    ├── CannotProveGone        a 404 that may only mean "another account": keep the state
    ├── Failed                 it was tried and did not work out: run again
    ├── NotReady               a wait ended without its object serving
    ├── Incomplete             the service accepted a write and something after it failed: record the outputs in it
    ├── Unreachable            no answer: try later; a write may or may not have happened
    ├── ApiError               the Inference API answered with an error
    │   ├── Unauthorized       401: another token
    │   ├── Forbidden          403: another role
    │   ├── NotFound           404: deleted, or another account's
    │   ├── AlreadyExists      409: the id or the name is in use
    │   ├── Refused            400, other 4xx, 500 for an unreadable request: the request must change
    │   ├── QuotaExceeded      429 with quota violations: waits do not help, quota does
    │   ├── Throttled          429 without: try later
    │   └── ServiceUnavailable 5xx: try later
    └── StorageError           object storage answered with an error
        ├── BucketMissing      no such bucket, or another account's
        └── AccessDenied       the key may not do this

Nothing else belongs here: no printing, no exit codes, no imports of this package.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import dataclass
from typing import TypeVar

MESSAGE_LIMIT = 2000
"""Characters of a service's own words that an error keeps; an error body can be a megabyte."""


def did_you_mean(given: str, choices: Iterable[str]) -> str:
    """`did you mean "chat"? ` for the nearest of `choices`; empty where none is near."""
    from difflib import get_close_matches

    near = get_close_matches(given, list(choices), n=1)
    return f'did you mean "{near[0]}"? ' if near else ""


def plural(count: int, one: str) -> str:
    """`1 replica`, `2 replicas`."""
    return f"{count} {one}{'' if count == 1 else 's'}"


def one_line(text: str, limit: int = MESSAGE_LIMIT) -> str:
    """`text` without control characters, white space folded, at most `limit` characters."""
    printable = "".join(c if c.isprintable() else " " for c in text[: limit * 2])
    folded = " ".join(printable.split())
    return folded if len(folded) <= limit else folded[: limit - 1] + "…"


def printable(text: str) -> str:
    """`text` without characters that steer a terminal or turn its direction; line ends stay."""
    return "".join(c if c.isprintable() or c == "\n" else " " for c in text)


def single_line(text: str) -> str:
    """`text` as `printable` has it, on one line: what others wrote in it begins none of its own."""
    return printable(text).replace("\n", " ")


AnyError = TypeVar("AnyError", bound="CoreWeaveError")


class CoreWeaveError(Exception):
    """Base of the tree. `str(error)` is one line for a user: what, where, why, what to do.

    Names and messages of others in it cannot steer the terminal or the engine's log that it is shown on.
    `failed`: it was tried and did not work out, and the same may work another time; all others are refused.
    """

    failed = False
    names_object = False
    """Whether the text says already which object it is about."""

    def __str__(self) -> str:
        return single_line(super().__str__())

    def with_text(self: AnyError, text: str) -> AnyError:
        """The same error, class and all, with a text that names its object and says what to do."""
        error = copy(self)
        error.args, error.names_object = (text,), True
        return error


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong in what a user wrote.

    `path` is dotted (`deployments.chat.traffic.weight`), `line` counts from 1; both may be unknown.
    """

    what: str
    path: str = ""
    do: str = ""
    file: str = ""
    line: int = 0

    def __str__(self) -> str:
        place = ":".join(part for part in (self.file, str(self.line) if self.line else "") if part)
        start = " ".join(
            part for part in (f"{place}:" if place else "", f"{self.path}:" if self.path else "") if part
        )
        text = f"{start} {self.what}" if start else self.what
        return single_line(f"{text}; {self.do}" if self.do else text)


class InvalidDeclaration(CoreWeaveError):
    """A declaration with one or more faults, all of them in one report."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults: tuple[Fault, ...] = tuple(faults)
        super().__init__(*self.faults)

    def __str__(self) -> str:
        return "\n".join(map(str, self.faults))

    def report(self, path: str) -> str:
        """How many faults the file at `path` has, and each on a line."""
        return f"{path}: {plural(len(self.faults), 'fault')}\n{self}"


class SettingsError(CoreWeaveError):
    """Token, endpoint or credentials are missing, contradict each other, or lie where they must not."""


class StartupError(CoreWeaveError):
    """The caller fixes the command, the directory or the installation; nothing was run."""


class NotOurs(CoreWeaveError):
    """An object or bucket of that id or name exists and this stack may not take it."""


class ChangedOutside(CoreWeaveError):
    """The live object differs from what this stack last saw; nothing was written."""


class PlanMoved(CoreWeaveError):
    """What a plan was made from is no longer so; what was not in it was not written."""


class CannotProveGone(CoreWeaveError):
    """A 404 without proof that the token looks into the right organization."""


class Failed(CoreWeaveError):
    """What was asked for was tried and did not work out."""

    failed = True


class NotReady(CoreWeaveError):
    """A wait ended and something it covers does not serve the revision written."""

    failed = True


class Incomplete(Failed):
    """The service accepted a write, and something after it failed; `outputs` are what the state has to record all the same."""

    def __init__(self, message: str, id_: str, outputs: dict[str, object]) -> None:
        self.id = id_
        self.outputs = outputs
        super().__init__(message)


class Unreachable(CoreWeaveError):
    """The service gave no answer within the retries."""

    failed = True


class ApiError(CoreWeaveError):
    """The Inference API answered with an error.

    `status` is the HTTP status, `code` the google.rpc code, `violations` the service's own words for each
    field, quota or precondition (`("traffic.weight", "must be …")`), `request_id` the answer's `x-request-id`.

    `unsure`: this answer, or that to an attempt before it, was no clear one, so what was asked for may have been done.
    """

    unsure = False

    def __init__(
        self,
        message: str,
        *,
        method: str = "",
        path: str = "",
        status: int = 0,
        code: int = 0,
        violations: Sequence[tuple[str, str]] = (),
        request_id: str = "",
    ) -> None:
        self.message = one_line(message)
        self.method = method
        self.path = path
        self.status = status
        self.code = code
        self.violations = tuple((one_line(field), one_line(words)) for field, words in violations)
        self.request_id = one_line(request_id, 100)
        super().__init__(self._sentence())

    def _sentence(self) -> str:
        parts = [self.message or f"HTTP {self.status} without a message"]
        details = [
            f"{field}: {words}" if field else words
            for field, words in self.violations
            if words and words not in self.message
        ]
        if details:
            parts.append("(" + "; ".join(details) + ")")
        where = f"{self.method} {self.path}".strip()
        parts.append(
            f"[{where} -> {self.status}" + (f", request id {self.request_id}]" if self.request_id else "]")
        )
        return " ".join(parts)


class Unauthorized(ApiError):
    """401."""


class Forbidden(ApiError):
    """403."""


class NotFound(ApiError):
    """404."""


class AlreadyExists(ApiError):
    """409."""


class Refused(ApiError):
    """400 and every other 4xx that has no class of its own, and a 500 that says the request cannot be parsed."""


class QuotaExceeded(ApiError):
    """429 with a quota detail; repeating does not help."""


class Throttled(ApiError):
    """429 without a quota detail."""

    failed = True


class ServiceUnavailable(ApiError):
    """5xx after the retries."""

    failed = True


class StorageError(CoreWeaveError):
    """Object storage answered with an error; `code` is S3's own (`NoSuchBucket`)."""

    failed = True

    def __init__(self, message: str, *, code: str = "", request_id: str = "") -> None:
        self.code = code
        self.request_id = one_line(request_id, 100)
        traces = ", ".join(
            part for part in (code, f"request id {self.request_id}" if request_id else "") if part
        )
        super().__init__(one_line(message) + (f" [{traces}]" if traces else ""))


class BucketMissing(StorageError):
    """There is no such bucket, or it is another account's."""

    failed = False


class AccessDenied(StorageError):
    """The credentials may not do this, or the bucket's policy does not name them."""

    failed = False


def is_failure(error: BaseException) -> bool:
    """Whether an error is a failure, and not a validation or startup error; what is no error of this package is a failure."""
    return error.failed if isinstance(error, CoreWeaveError) else True
