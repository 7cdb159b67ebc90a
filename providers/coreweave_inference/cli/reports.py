"""How a run ends for whoever started it: the report, the errors and the exit code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import typer

from coreweave_inference.doctor.smoke import Proof, SmokeResult
from coreweave_inference.doctor.smoke import document as proofs
from coreweave_inference.engine.results import Result
from coreweave_inference.stateless.billing import BillingProof

from . import formatting, proving
from .documents import document
from .event_file import EventFile
from .exits import DIFFERS, FAILED, STOPPED, UNKNOWN, code_of_failure, print_error
from .output import print_document, print_lines, print_plan, say
from .wrapping import columns, wrapped

NEXT_AFTER_STOP = {
    "up": "stopped; run `cw-inference up` again to continue",
    "destroy": "stopped; what is not confirmed deleted stays in the state, and the next `cw-inference destroy` goes on",
    "refresh": "stopped; nothing was changed, and the state holds what was read so far",
    "preview": "stopped; nothing was changed",
}


def finish(
    result: Result,
    events: EventFile,
    *,
    as_json: bool,
    planned: Result | None = None,
    full: bool = False,
    tested: Sequence[SmokeResult] = (),
    proof: BillingProof | None = None,
) -> None:
    """Report, to `events` too, and exit with the code that fits. `planned` is what was shown before the run, `tested` its smoke
    test, `proof` what was there after a destroy.
    """
    proved = {} if proof is None else {"proof": proving.document(proof)}
    events.result = {**document(result, planned), **smoke_document(tested), **proved}
    if as_json:
        print_document(events.result)
    else:
        print_plan(
            _report(result, full=full, proved=proof is not None) if result.ok or result.plan_made else []
        )
        for error in result.errors:
            print_error(error)
        if result.stopped:
            say(NEXT_AFTER_STOP[result.operation], error=True)
        print_smoke(tested)
        print_lines([] if proof is None else wrapped(proving.lines(proof), columns()))
    code = code_of(result) or (FAILED if smoke_failed(tested) else 0) or _code_of_proof(proof)
    if code:
        raise typer.Exit(code)


def print_smoke(tested: Sequence[SmokeResult]) -> None:
    """A line for each deployment, and the requests behind what failed."""
    for found in tested:
        if found.proof is Proof.FAILED:
            print_error("\n".join(wrapped([f"smoke test: {found}"], columns() - len("error: "))))
        else:
            print_lines(wrapped([f"smoke test: {found}"], columns()))
        print_lines(wrapped((f"    {line}" for line in found.evidence), columns()))


def smoke_failed(tested: Sequence[SmokeResult]) -> bool:
    """Whether a deployment failed its smoke test."""
    return any(found.proof is Proof.FAILED for found in tested)


def smoke_document(tested: Sequence[SmokeResult]) -> dict[str, Any]:
    """What a smoke test adds to a document; nothing without one."""
    if not tested:
        return {}
    wrong = [f"smoke test: {found}" for found in tested if found.proof is Proof.FAILED]
    return {"smoke": proofs(tested), **({"ok": False, "errors": wrong} if wrong else {})}


def _code_of_proof(proof: BillingProof | None) -> int:
    return 0 if proof is None else {True: 0, False: DIFFERS, None: UNKNOWN}[proof.holds]


def code_of(result: Result) -> int:
    """0, or the code of what went wrong."""
    if result.stopped:
        return STOPPED
    if result.ok:
        return 0
    if result.moved:
        return DIFFERS
    return code_of_failure(refused=result.refused)


def _report(result: Result, *, full: bool, proved: bool) -> list[str]:
    if result.operation == "preview":
        repairs = (f"info: {line}" for line in result.repairs)
        return [*repairs, *formatting.plan(result, full=full)]
    if result.operation == "destroy":
        return _destroy_report(result, proved=proved)
    return REPORTS[result.operation](result)


def _up_report(result: Result) -> list[str]:
    return [f"{formatting.summary(result)} in {result.seconds:.1f} s", *formatting.outputs(result.outputs)]


def _destroy_report(result: Result, *, proved: bool) -> list[str]:
    """`proved`: a proof follows, which says what still bills."""
    kept = formatting.kept_objects(result.steps)
    if not result.steps and not result.counts:
        return ["nothing to destroy: the stack has no resources"]
    stays = kept or result.counts.get("keep")
    bills = "this stack no longer incurs charges" + (", but for the storage of what is kept" if stays else "")
    return [
        f"{formatting.summary(result)} in {result.seconds:.1f} s",
        *(f"kept: {name}" for name in kept),
        *([] if proved or result.counts.get("same") else [bills]),
    ]


def _refresh_report(result: Result) -> list[str]:
    return [*result.repairs, *(formatting.drift(result) or ["nothing was changed outside"])]


REPORTS: dict[str, Callable[[Result], list[str]]] = {
    "up": _up_report,
    "refresh": _refresh_report,
}
