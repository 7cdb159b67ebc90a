"""`policy`: a bucket policy document for whoever owns the bucket. Pure; nothing is asked or sent."""

from __future__ import annotations

import json

from coreweave_inference.errors import one_line
from coreweave_inference.model.bucket_names import bucket_name_problem
from coreweave_inference.policy.statements import inference_statement, merged, owner_statement

from .exits import report_errors, usage_error


def policy(bucket: str, prefixes: list[str], *, owner_access: str, organization_id: str) -> None:
    """Print the whole document of a bucket that has none yet."""
    if owner_access not in ("organization", "none"):
        raise usage_error(f'--owner-access "{owner_access}" is not known; use organization or none')
    if owner_access == "organization" and not organization_id:
        raise usage_error("--owner-access organization needs --organization-id")
    if problem := bucket_name_problem(bucket):
        raise usage_error(f'BUCKET "{one_line(bucket)}" {problem}')
    with report_errors():
        owner = owner_statement(bucket, organization_id) if owner_access == "organization" else None
        print(json.dumps(merged(None, inference_statement(bucket, prefixes), owner), indent=2))
