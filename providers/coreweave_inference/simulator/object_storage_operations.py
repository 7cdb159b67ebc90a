"""Which permissions an S3 request needs: method, path and sub-resource read as actions on resources.

A table and its reading; nothing is decided and nothing is done here.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote

from .bucket_policies import bucket_arn, key_arn
from .object_storage_messages import Refused, S3Request


@dataclass(frozen=True)
class Act:
    """One permission that is needed: an S3 action on a resource in a bucket."""

    bucket: str
    action: str
    resource: str
    prefix: str | None = None


_BUCKET_LISTINGS = {
    "versions": "ListBucketVersions",
    "uploads": "ListBucketMultipartUploads",
    "location": "GetBucketLocation",
    "policyStatus": "GetBucketPolicyStatus",
}
# Permissions are Get… to read and Put… to write and to take away, unless `_BUCKET_DELETIONS` says otherwise.
_BUCKET_SETTINGS = {
    "accelerate": "AccelerateConfiguration",
    "acl": "BucketAcl",
    "cors": "BucketCORS",
    "encryption": "EncryptionConfiguration",
    "inventory": "InventoryConfiguration",
    "lifecycle": "LifecycleConfiguration",
    "logging": "BucketLogging",
    "notification": "BucketNotification",
    "object-lock": "BucketObjectLockConfiguration",
    "ownershipControls": "BucketOwnershipControls",
    "policy": "BucketPolicy",
    "publicAccessBlock": "BucketPublicAccessBlock",
    "replication": "ReplicationConfiguration",
    "requestPayment": "BucketRequestPayment",
    "tagging": "BucketTagging",
    "versioning": "BucketVersioning",
    "website": "BucketWebsite",
}
_BUCKET_DELETIONS = {"policy": "DeleteBucketPolicy", "website": "DeleteBucketWebsite"}
_OBJECT_SETTINGS = {
    "acl": "ObjectAcl",
    "attributes": "ObjectAttributes",
    "legal-hold": "ObjectLegalHold",
    "retention": "ObjectRetention",
    "tagging": "ObjectTagging",
}


# Query parameters of a change to a bucket that name no part of it.
_PLAIN_PARAMETERS = frozenset({"delete", "id", "x-id"})


def subresource(request: S3Request) -> str | None:
    """The part of a bucket that the request is about, None for the bucket itself (or a listing of its keys).

    Raises Refused for a change to a part that is not known here: it must not be taken for one to the bucket itself.
    """
    known = _BUCKET_SETTINGS.keys() | _BUCKET_LISTINGS.keys()
    named = [name for name in request.query if name in known]
    unknown = sorted(request.query.keys() - known - _PLAIN_PARAMETERS)
    if not named and unknown and request.method not in ("GET", "HEAD"):
        raise Refused(
            501, "NotImplemented", f"The simulator does not know sub-resource {unknown[0]} of a bucket."
        )
    return named[0] if named else None


def required_acts(request: S3Request) -> list[Act]:
    """All that must be allowed before the request is served; for a multi-object delete, see `delete_act`."""
    if not request.key:
        resource = bucket_arn(request.bucket)
        return [Act(request.bucket, f"s3:{_bucket_action(request)}", resource, request.query.get("prefix"))]
    act = Act(request.bucket, f"s3:{_object_action(request)}", key_arn(request.bucket, request.key))
    source = request.headers.get("x-amz-copy-source")
    return [act] if source is None else [act, _copy_source_act(source)]


def delete_act(bucket: str, key: str, version_id: str | None) -> Act:
    """What one object of a multi-object delete needs."""
    action = "s3:DeleteObject" if version_id is None else "s3:DeleteObjectVersion"
    return Act(bucket, action, key_arn(bucket, key))


def _bucket_action(request: S3Request) -> str:
    part = subresource(request)
    if request.method in ("GET", "HEAD"):
        return _BUCKET_LISTINGS.get(part or "") or (f"Get{_BUCKET_SETTINGS[part]}" if part else "ListBucket")
    if request.method == "DELETE" and part is None:
        return "DeleteBucket"
    if request.method in ("PUT", "DELETE") and part in _BUCKET_SETTINGS:
        put = f"Put{_BUCKET_SETTINGS[part]}"
        return _BUCKET_DELETIONS.get(part, put) if request.method == "DELETE" else put
    raise Refused(405, "MethodNotAllowed", f"{request.method} is not allowed on this resource.")


def _object_action(request: S3Request) -> str:
    part = next((name for name in request.query if name in _OBJECT_SETTINGS), None)
    versioned = "Version" if "versionId" in request.query else ""
    if request.method in ("GET", "HEAD"):
        if "uploadId" in request.query:
            return "ListMultipartUploadParts"
        return f"Get{_with_version(part, versioned)}"
    if request.method == "PUT":
        return f"Put{_with_version(part, versioned)}" if part else "PutObject"
    if request.method == "DELETE":
        return (
            "AbortMultipartUpload"
            if "uploadId" in request.query
            else f"Delete{_with_version(part, versioned)}"
        )
    if request.method == "POST":
        return "RestoreObject" if "restore" in request.query else "PutObject"
    raise Refused(405, "MethodNotAllowed", f"{request.method} is not allowed on this resource.")


def _with_version(part: str | None, versioned: str) -> str:
    """`ObjectTagging` of a version is `ObjectVersionTagging`, and so on."""
    noun = _OBJECT_SETTINGS[part] if part else "Object"
    return noun.replace("Object", f"Object{versioned}", 1)


def _copy_source_act(source: str) -> Act:
    path, _, version = source.partition("?versionId=")
    bucket, _, key = unquote(path).lstrip("/").partition("/")
    return Act(bucket, "s3:GetObjectVersion" if version else "s3:GetObject", key_arn(bucket, key))
