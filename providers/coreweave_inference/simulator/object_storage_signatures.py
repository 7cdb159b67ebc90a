"""Who signed a request: AWS Signature Version 4 in the `Authorization` header, checked with botocore's own signer.

Only identity is settled here; what the signer may do is decided by bucket policies. Presigned URLs are not served.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as SigningCredentials

from .credentials import AccessKey, Credentials
from .object_storage_messages import Refused, S3Request, access_denied

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256\s+"
    r"Credential=(?P<access_key_id>[^/,\s]+)/(?P<date>\d{8})/(?P<region>[^/,\s]*)/s3/aws4_request,\s*"
    r"SignedHeaders=(?P<signed_headers>[^,\s]+),\s*"
    r"Signature=(?P<signature>[0-9a-f]{64})"
)
_DNS_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class _Signature:
    access_key_id: str
    region: str
    signed_headers: tuple[str, ...]
    value: str


def authenticate(request: S3Request, credentials: Credentials, now: float) -> AccessKey:
    """The key that signed the request. Raises Refused with the code that S3 has for what is wrong.

    Documentation: a fresh key needs seconds before it works and is AccessDenied until then.
    """
    signature = _read_signature(request)
    key = credentials.find(signature.access_key_id)
    if key is None:
        raise Refused(403, "InvalidAccessKeyId", "The access key id does not exist in our records.")
    if not hmac.compare_digest(_expected_signature(request, signature, key), signature.value):
        raise Refused(
            403, "SignatureDoesNotMatch", "The signature does not match: check secret key and method."
        )
    _check_payload(request)
    if (key.token or None) != (request.headers.get("x-amz-security-token") or None):
        raise Refused(
            400, "InvalidToken", "The session token is missing or does not belong to this access key."
        )
    if key.expires is not None and now >= key.expires:
        raise Refused(400, "ExpiredToken", "The access key has expired.")
    if now < key.usable_from:
        raise access_denied("The access key is not known everywhere yet.")
    return key


def _read_signature(request: S3Request) -> _Signature:
    written = request.headers.get("authorization")
    if written is None:
        raise access_denied("Requests must be signed in the Authorization header.")
    match = _AUTHORIZATION.fullmatch(written.strip())
    if match is None:
        raise Refused(
            400, "AuthorizationHeaderMalformed", "Not an AWS4-HMAC-SHA256 signature for service s3."
        )
    if not _DNS_LABEL.fullmatch(match["region"]):
        raise Refused(400, "AuthorizationHeaderMalformed", "The region must be a non-empty DNS label.")
    return _Signature(
        access_key_id=match["access_key_id"],
        region=match["region"],
        signed_headers=tuple(match["signed_headers"].split(";")),
        value=match["signature"],
    )


def _expected_signature(request: S3Request, signature: _Signature, key: AccessKey) -> str:
    query = f"?{request.query_string}" if request.query_string else ""
    signed = AWSRequest(
        method=request.method,
        url=f"http://{request.headers.get('host', '')}{request.raw_path}{query}",
        headers={name: request.headers.get(name, "") for name in signature.signed_headers},
        data=request.body,
    )
    signed.context["timestamp"] = request.headers.get("x-amz-date", "")
    signer = S3SigV4Auth(SigningCredentials(key.access_key_id, key.secret_key), "s3", signature.region)
    text = signer.string_to_sign(signed, signer.canonical_request(signed))
    return str(signer.signature(text, signed))


def _check_payload(request: S3Request) -> None:
    declared = request.headers.get("x-amz-content-sha256", "")
    if _SHA256.fullmatch(declared) and declared != hashlib.sha256(request.body).hexdigest():
        raise Refused(400, "XAmzContentSHA256Mismatch", "The body is not the one that was signed.")
