"""Object storage as CoreWeave runs it: S3 with zones, owners and bucket policies, path style on a loopback address.

The order of things for each request: who signed it, is the bucket there, may they, then do it. What S3 itself does
is left to the backend; nothing of the Inference API may enter.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any
from xml.sax.saxutils import escape

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from .bucket_policies import (
    INFERENCE_SERVICE,
    AccessRequest,
    MalformedPolicy,
    bucket_arn,
    key_arn,
    may_access,
    parse_policy,
)
from .credentials import AccessKey, Credentials, TellsTime
from .object_storage_backend import MotoBackend
from .object_storage_buckets import Bucket, BucketRegister, zone_of
from .object_storage_contents import KeptBucket, creation, kept_object, request, tagging
from .object_storage_deletes import ObjectToDelete, delete_objects
from .object_storage_messages import NAMESPACE, Refused, S3Answer, S3Request, access_denied, xml_answer
from .object_storage_operations import Act, delete_act, required_acts, subresource
from .object_storage_signatures import authenticate


class ObjectStorage:
    """ASGI application for signed S3 requests; all buckets and objects are in memory and its own.

    `key_delay_seconds`: a fresh access key is refused for so long. `bucket_delay_seconds`: a new bucket is answered
    400 InvalidRegion, then 404, for so long, half of it each. Both are simulated seconds and may be changed later
    (`credentials.delay_seconds`, `bucket_delay_seconds`) for what is made from then on.
    """

    def __init__(
        self, clock: TellsTime, key_delay_seconds: float = 0, *, bucket_delay_seconds: float = 0
    ) -> None:
        self.credentials = Credentials(clock, key_delay_seconds)
        self.bucket_delay_seconds = bucket_delay_seconds
        self._clock = clock
        self._backend = MotoBackend()
        self._register = BucketRegister()
        self.lock = threading.RLock()
        """Holds several calls together; whoever needs the world's takes that first."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        asked = S3Request(
            method=request.method,
            raw_path=scope["raw_path"].decode("latin-1").partition("?")[0],
            query_string=scope["query_string"].decode("latin-1"),
            headers=dict(request.headers.items()),
            body=await request.body(),
        )
        answer = await run_in_threadpool(self.answer, asked)
        await Response(answer.body, answer.status, dict(answer.headers))(scope, receive, send)

    def answer(self, request: S3Request) -> S3Answer:
        """Serve one request; requests of one simulator are served one after the other."""
        try:
            with self.lock:
                return self._serve(request)
        except Refused as error:
            return error.answer(request)

    def buckets(self) -> list[dict[str, Any]]:
        """Every bucket: name, organisation, zone, created (simulated epoch seconds), tags, objectCount, policy (the
        document as put, or None).
        """
        with self.lock:
            return [
                {
                    "name": bucket.name,
                    "organisation": bucket.organisation_id,
                    "zone": bucket.zone,
                    "created": bucket.created,
                    "tags": self._backend.tags(bucket.name),
                    "objectCount": len(self._backend.keys(bucket.name)),
                    "policy": None if bucket.policy_document is None else bucket.policy_document.decode(),
                }
                for bucket in self._register.all()
            ]

    def holds_objects(self, bucket: str, path: str) -> bool:
        """Whether any object lies below `path` in the bucket (an empty path: anywhere in it)."""
        with self.lock:
            return bool(self._keys_below(bucket, path))

    def inference_may_read(self, bucket: str, path: str) -> bool:
        """Whether the inference service may list the bucket and get every object below `path`.

        Where nothing lies there yet, a file that could is asked about. False for a bucket that does not exist.
        """
        with self.lock:
            found = self._register.find(bucket)
            if found is None:
                return False
            prefix = _as_prefix(path)
            keys = self._keys_below(bucket, path) or [f"{prefix}config.json"]
            acts = [Act(bucket, "s3:ListBucket", bucket_arn(bucket), prefix)]
            acts += [Act(bucket, "s3:GetObject", key_arn(bucket, key)) for key in keys]
            return all(self._may(INFERENCE_SERVICE, act) for act in acts)

    def contents(self) -> list[KeptBucket]:
        """Everything that buckets hold, but for bytes."""
        with self.lock:
            return [
                KeptBucket(
                    bucket.name,
                    bucket.organisation_id,
                    bucket.zone,
                    bucket.created,
                    None if bucket.policy_document is None else bucket.policy_document.decode(),
                    self._backend.tags(bucket.name),
                    [
                        kept_object(
                            key, self._backend.forward(request("HEAD", f"/{bucket.name}/{key}")).headers
                        )
                        for key in self._backend.keys(bucket.name)
                    ],
                )
                for bucket in self._register.all()
            ]

    def read(self, bucket: str, key: str) -> bytes:
        """The bytes of an object, whoever owns it."""
        with self.lock:
            return self._backend.forward(request("GET", f"/{bucket}/{key}")).body

    def restore(self, buckets: Iterable[KeptBucket], content: Callable[[str], bytes]) -> None:
        """Put buckets and their objects back, as they were. Raises what `content` raises."""
        with self.lock:
            for kept in buckets:
                self._backend.create_bucket(creation(kept.name))
                bucket = Bucket(kept.name, kept.organisation, kept.zone, kept.created, 0)
                if kept.policy is not None:
                    bucket.policy_document = kept.policy.encode()
                    bucket.policy = parse_policy(bucket.policy_document, kept.name)
                self._register.add(bucket)
                for tagged in tagging(kept):
                    self._backend.forward(tagged)
                for found in kept.objects:
                    path, body = f"/{kept.name}/{found.key}", content(found.content)
                    self._backend.forward(request("PUT", path, "", body, found.headers))
                    self._backend.set_modified(kept.name, found.key, parsedate_to_datetime(found.modified))

    def close(self) -> None:
        """Forget all objects; the storage cannot be used afterwards."""
        with self.lock:
            self._backend.close()

    def _serve(self, request: S3Request) -> S3Answer:
        signer = authenticate(request, self.credentials, self._clock.now())
        if not request.bucket:
            return self._list_buckets(request, signer)
        if request.method == "PUT" and not request.key and subresource(request) is None:
            return self._create_bucket(request, signer)
        bucket = self._register.get(request.bucket)
        bucket.refuse_while_new(self._clock.now())
        if request.method == "POST" and not request.key and "delete" in request.query:
            return self._delete_objects(request, signer)
        for act in required_acts(request):
            if not self._may(signer.principal, act):
                raise access_denied()
        return self._serve_allowed(request, bucket)

    def _serve_allowed(self, request: S3Request, bucket: Bucket) -> S3Answer:
        if not request.key and subresource(request) == "policy":
            return _policy_answer(request, bucket)
        answer = self._backend.forward(request)
        if (
            request.method == "DELETE"
            and not request.key
            and not subresource(request)
            and answer.status == 204
        ):
            self._register.remove(bucket.name)
        return answer

    def _may(self, principal: str, act: Act) -> bool:
        bucket = self._register.get(act.bucket)
        asked = AccessRequest(principal, act.action, act.resource, act.prefix)
        return may_access(bucket.organisation_id, bucket.policy, asked)

    def _keys_below(self, bucket: str, path: str) -> list[str]:
        if self._register.find(bucket) is None:
            return []
        prefix = _as_prefix(path)
        return [key for key in self._backend.keys(bucket) if key.startswith(prefix) and key != prefix]

    def _list_buckets(self, request: S3Request, signer: AccessKey) -> S3Answer:
        if request.method != "GET":
            raise Refused(405, "MethodNotAllowed", f"{request.method} is not allowed on the service.")
        own = [each for each in self._register.all() if each.organisation_id == signer.organisation_id]
        owner = f"<Owner><ID>{escape(signer.organisation_id)}</ID></Owner>"
        entries = "".join(_bucket_entry(bucket) for bucket in own)
        listing = f"{owner}<Buckets>{entries}</Buckets>"
        return xml_answer(f'<ListAllMyBucketsResult xmlns="{NAMESPACE}">{listing}</ListAllMyBucketsResult>')

    def _create_bucket(self, request: S3Request, signer: AccessKey) -> S3Answer:
        zone = zone_of(request.body)
        if not self._register.is_new(request.bucket, zone, signer.organisation_id):
            return S3Answer(200, headers={"location": f"/{request.bucket}"})
        answer = self._backend.create_bucket(request)
        if answer.status == 200:
            now, delay = self._clock.now(), self.bucket_delay_seconds
            self._register.add(Bucket(request.bucket, signer.organisation_id, zone, now, delay))
        return answer

    def _delete_objects(self, request: S3Request, signer: AccessKey) -> S3Answer:
        def allowed(entry: ObjectToDelete) -> bool:
            return self._may(signer.principal, delete_act(request.bucket, entry.key, entry.version_id))

        return delete_objects(request, allowed, self._backend.forward)


def _policy_answer(request: S3Request, bucket: Bucket) -> S3Answer:
    """GetBucketPolicy, PutBucketPolicy (it replaces the whole document), DeleteBucketPolicy."""
    if request.method == "PUT":
        try:
            bucket.policy = parse_policy(request.body, bucket.name)
        except MalformedPolicy as error:
            raise Refused(400, "MalformedPolicy", str(error)) from error
        bucket.policy_document = request.body
        return S3Answer(204)
    if request.method == "DELETE":
        bucket.policy = bucket.policy_document = None
        return S3Answer(204)
    if bucket.policy_document is None:
        raise Refused(404, "NoSuchBucketPolicy", "The bucket policy does not exist.")
    return S3Answer(200, bucket.policy_document, {"content-type": "application/json"})


def _as_prefix(path: str) -> str:
    stripped = path.strip("/")
    return f"{stripped}/" if stripped else ""


def _bucket_entry(bucket: Bucket) -> str:
    created = datetime.fromtimestamp(bucket.created, tz=timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    name = f"<Name>{escape(bucket.name)}</Name><CreationDate>{created}</CreationDate>"
    return f"<Bucket>{name}<BucketRegion>{escape(bucket.zone)}</BucketRegion></Bucket>"
