"""The types of this package's resources, and what of their fields is read without a provider. FROZEN: they are in users' states."""

from __future__ import annotations

from .kinds import Kind

MODULE = "coreweave/inference"
TYPES = f"pulumi-python:dynamic/{MODULE}:"
"""With this the type of each of them begins."""
KINDS = {kind.type_name: kind for kind in Kind}
"""The API objects by the rest of their type."""
ACCOUNT, BUCKET, POLICY, READINESS = "Account", "WeightsBucket", "InferenceBucketPolicy", "Readiness"
NOUNS = {
    **{name: kind.noun for name, kind in KINDS.items()},
    ACCOUNT: "account",
    BUCKET: "weights bucket",
    POLICY: "inference bucket policy",
    READINESS: "readiness",
}
"""What each is called in a sentence."""

IGNORED = "__ignored"
"""Hidden input of an object: the fields that are left to others."""
REDUCED_FROM = "reducedFrom"
"""Output of a claim: the count that the stack reduced it from."""


def own_type(token: str) -> str:
    """The rest of the type of one of this package's resources; empty for any other type."""
    return token.removeprefix(TYPES) if token.startswith(TYPES) else ""
