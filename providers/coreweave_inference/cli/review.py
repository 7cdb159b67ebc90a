"""`review`: what previews mean for clients, traffic, GPUs and money, and the one comment that says so."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from coreweave_inference.review import Findings, FoundProblem, MemoryVerdict, Prices, Review
    from coreweave_inference.review.views import Comment

NOTHING = 0
ERROR = 1
CHANGES = 2
DANGEROUS = 3


class View(str, Enum):
    """How a review is shown."""

    MARKDOWN = "markdown"
    JSON = "json"
    TERMINAL = "terminal"


class FailOn(str, Enum):
    """From which outcome on the exit code is not 0."""

    CHANGES = "changes"
    DANGEROUS = "dangerous"
    ERROR = "error"


Places = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="[DIR|FILE]...",
        help="Stack directories, and files that `pulumi preview --json --show-sames` made.",
        show_default="here",
    ),
]
StackOfEach = Annotated[
    str | None,
    typer.Option(
        "--stack", "-s", help="The stack of each directory; else the selected one, else the only one."
    ),
]
ShownAs = Annotated[View, typer.Option("--view", help="How it is shown.")]
Refresh = Annotated[
    bool | None,
    typer.Option(
        "--refresh/--no-refresh",
        help="Look at what is live first, so that changes made outside show.",
        show_default="as Pulumi.yaml says in options.refresh",
    ),
]
PriceList = Annotated[
    Path | None, typer.Option("--prices", help="A price list in place of the package's own.")
]
FindingsFile = Annotated[
    Path | None,
    typer.Option("--findings", help="What `check --json` printed; without it directories are checked here."),
]
OldFindings = Annotated[
    Path | None,
    typer.Option(
        "--old-findings",
        help="What `check --json` printed for the base: findings that it does not have are marked as new.",
    ),
]
Artifact = Annotated[
    Path | None,
    typer.Option("--artifact", help="Write the complete Markdown there; a comment has 60,000 characters."),
]
FailsOn = Annotated[FailOn, typer.Option("--fail-on", help="From which outcome on the exit code is not 0.")]
Summary = Annotated[bool, typer.Option("--summary", help="Add it to the job's summary in GitHub Actions.")]
Post = Annotated[
    bool, typer.Option("--post", help="Make or replace the pull request's comment (GITHUB_TOKEN).")
]
Number = Annotated[
    int | None,
    typer.Option("--pull-request", metavar="NUMBER", help="Which one.", show_default="the one of the run"),
]
Author = Annotated[str, typer.Option("--author", help="Whose comments are ours: the login of the token.")]


def review(
    places: Places = None,
    stack: StackOfEach = None,
    view: ShownAs = View.MARKDOWN,
    refresh: Refresh = None,
    prices: PriceList = None,
    findings: FindingsFile = None,
    old_findings: OldFindings = None,
    artifact: Artifact = None,
    fail_on: FailsOn = FailOn.CHANGES,
    summary: Summary = False,
    post: Post = False,
    pull_request: Number = None,
    author: Author = "github-actions[bot]",
) -> None:
    """Say what a change does to clients, traffic, GPUs and money, before it is made.

    Exit codes: 0 nothing changes, 2 something changes, 3 something dangerous changes, 1 a preview failed or the review
    could not be made. --fail-on dangerous makes 2 a 0, --fail-on error makes 3 a 0 too.

    Example: cw-inference review stacks/quickstart --stack dev --view terminal
    """
    from .announcing import announce

    announce(f"reviewing {', '.join(map(str, places or [Path()]))} …", as_json=view is View.JSON)
    with _reported_errors(as_json=view is View.JSON):
        with _failure_posted(pull_request, author, wanted=post):
            found = _review(places or [Path()], stack, refresh, prices, (findings, old_findings))
        comment = _comment(found, artifact)
        print(_shown(found, comment, view), end="")
        if summary:
            _summarize(comment)
        if post:
            _post(found, comment, pull_request, author)
    code = exit_code(found, fail_on)
    if code:
        raise typer.Exit(code)


@contextmanager
def _reported_errors(*, as_json: bool) -> Iterator[None]:
    """Every error is exit code 1 here, since 2 says that something changes."""
    from coreweave_inference.errors import CoreWeaveError

    from .exits import print_error, report_errors

    with report_errors(as_json=as_json):
        try:
            yield
        except CoreWeaveError as error:
            print_error(str(error), as_json=as_json)
            raise typer.Exit(ERROR) from None


@contextmanager
def _failure_posted(number: int | None, author: str, *, wanted: bool) -> Iterator[None]:
    """The comment of an earlier review is replaced where this one cannot be made, or it would seem to hold still."""
    from coreweave_inference.errors import CoreWeaveError

    try:
        yield
    except CoreWeaveError as error:
        if wanted:
            from coreweave_inference.review.views import no_review

            _send(no_review(str(error)), number, author, only_replace=False)
        raise


def exit_code(found: Review, fail_on: FailOn) -> int:
    """The code of the outcome, 0 where that is below `fail_on`."""
    from coreweave_inference.review import Outcome

    codes = {
        Outcome.NOTHING: NOTHING,
        Outcome.CHANGES: CHANGES,
        Outcome.DANGEROUS: DANGEROUS,
        Outcome.ERROR: ERROR,
    }
    return codes[found.outcome] if found.outcome.rank >= Outcome(fail_on.value).rank else 0


def _review(
    places: Sequence[Path],
    stack: str | None,
    refresh: bool | None,
    prices: Path | None,
    findings: tuple[Path | None, Path | None],
) -> Review:
    """Raises CoreWeaveError where something cannot be read."""
    from coreweave_inference.review import review as review_of

    from .previews import preview_of

    price_list = _prices(prices)
    problems = _findings(places, stack, *findings)
    previews = [preview_of(place, stack, refresh=refresh) for place in places]
    return review_of(previews, problems, price_list)


def _prices(path: Path | None) -> Prices | None:
    from coreweave_inference.review import read_prices

    return None if path is None else read_prices(_text(path), str(path))


def _findings(places: Sequence[Path], stack: str | None, new: Path | None, old: Path | None) -> Findings:
    from coreweave_inference.review import compare_findings, read_memory

    if new is not None:
        found, memory, missing = _read(new), read_memory(_text(new)), list[str]()
    else:
        found, memory, missing = _checked(places, stack)
    return compare_findings(found, None if old is None else _read(old), missing, memory)


def _checked(
    places: Sequence[Path], stack: str | None
) -> tuple[tuple[FoundProblem, ...], tuple[MemoryVerdict, ...], list[str]]:
    """The findings in all directories, their verdicts on memory, and why those of some of them could not be had."""
    from coreweave_inference.errors import CoreWeaveError, one_line

    from .previews import findings_of

    found: list[FoundProblem] = []
    memory: list[MemoryVerdict] = []
    missing = []
    for place in places:
        try:
            problems, verdicts = findings_of(place, stack) if place.is_dir() else ((), ())
        except CoreWeaveError as error:
            missing.append(one_line(str(error), 300))
            continue
        found.extend(problems)
        memory.extend(verdicts)
    return tuple(found), tuple(memory), missing


def _read(path: Path) -> tuple[FoundProblem, ...]:
    from coreweave_inference.review import read_findings

    return read_findings(_text(path), str(path))


def _text(path: Path) -> str:
    from coreweave_inference.errors import CoreWeaveError

    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise CoreWeaveError(f"{path} cannot be read: {error}") from error


def _comment(found: Review, artifact: Path | None) -> Comment:
    from coreweave_inference.review.views import as_markdown

    comment = as_markdown(found, artifact.name if artifact else "")
    if artifact:
        artifact.write_text(comment.complete, encoding="utf-8")
    return comment


def _shown(found: Review, comment: Comment, view: View) -> str:
    if view is View.MARKDOWN:
        return comment.text
    if view is View.JSON:
        from coreweave_inference.review.views import as_document

        return json.dumps(as_document(found), indent=2, ensure_ascii=False) + "\n"
    from rich.console import Console

    from coreweave_inference.review.views import print_review

    console = Console()
    with console.capture() as captured:
        print_review(found, console)
    return captured.get()


def _summarize(comment: Comment) -> None:
    from .github_comment import summary_file

    file = summary_file()
    if file is not None:
        with file.open("a", encoding="utf-8") as summary:
            summary.write(comment.text)


def _post(found: Review, comment: Comment, number: int | None, author: str) -> None:
    from coreweave_inference.review import Outcome
    from coreweave_inference.review.views import nothing_changes

    quiet = found.outcome is Outcome.NOTHING
    _send(nothing_changes(found) if quiet else comment.text, number, author, only_replace=quiet)


def _send(text: str, number: int | None, author: str, *, only_replace: bool) -> None:
    """A pull request from a fork has a token that may not write: that is reported, and is no failure."""
    import os
    import sys

    from coreweave_inference.review.views import MARKER

    from .github_comment import MayNotPost, PullRequest
    from .github_comment import post as posted

    pull = PullRequest.from_environment(os.environ, number=number, author=author)
    try:
        print(f"comment: {posted(pull, MARKER, text, only_replace=only_replace)}", file=sys.stderr)
    except MayNotPost as error:
        if not pull.fork:
            raise
        print(
            "the pull request comes from a fork, whose token may not comment; the review is in the job's summary "
            f"and output ({error})",
            file=sys.stderr,
        )
