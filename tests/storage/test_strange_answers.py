"""Answers of object storage that the simulator does not give."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from coreweave_inference.errors import AccessDenied, StorageError, Unreachable
from coreweave_inference.storage.client import BucketState, ObjectStorage
from coreweave_inference.storage.credentials import S3Credentials
from coreweave_inference.storage.errors import storage_error
from coreweave_inference.storage.weights_folder import files_in

from tests.waiting.hand_clock import HandClock

LOCATION = "<LocationConstraint>US-EAST-04A</LocationConstraint>"


def failure(code: str) -> str:
    return f"<Error><Code>{code}</Code><Message>the words</Message></Error>"


class Server(ThreadingHTTPServer):
    """Answers by method and sub-resource, each list in turn and its last answer for ever."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.script: dict[str, list[tuple[int, str | Callable[[Handler], None]]]] = {}
        self.asked: list[str] = []

    def answer(self, request: str) -> tuple[int, str | Callable[[Handler], None]]:
        self.asked.append(request)
        answers = self.script[request]
        return answers.pop(0) if len(answers) > 1 else answers[0]


class Handler(BaseHTTPRequestHandler):
    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        subresource = self.path.partition("?")[2].partition("&")[0].partition("=")[0]
        status, body = self.server.answer(f"{self.command} {subresource}".strip())
        if callable(body):
            body(self)
            return
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("x-amz-request-id", "r-1")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body.encode())

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = answer  # noqa: N815 (the library's names)

    def log_message(self, *_) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield running
        finally:
            running.shutdown()
            thread.join()


@pytest.fixture
def storage(server: Server) -> ObjectStorage:
    url = f"http://127.0.0.1:{server.server_port}"
    return ObjectStorage(url, lambda: S3Credentials("a", "b"), "US-EAST-04A", clock=HandClock())


def test_a_new_bucket_may_answer_400_then_invalid_region_then_404_before_it_is_ready(server, storage):
    server.script = {
        "PUT": [(200, "")],
        "HEAD": [(400, ""), (400, ""), (404, ""), (200, "")],
        "GET location": [(400, failure("InvalidRegion")), (400, failure("InvalidRegion")), (200, LOCATION)],
        "GET tagging": [(404, failure("NoSuchTagSet"))],
    }

    assert storage.create_bucket("acme-weights", "US-EAST-04A") == BucketState("acme-weights", "US-EAST-04A")
    assert server.asked.count("PUT") == 1


def test_a_bad_name_fails_at_once_although_its_head_answers_as_a_young_bucket_does(server, storage):
    server.script = {"HEAD": [(400, "")], "GET location": [(400, failure("InvalidBucketName"))]}

    with pytest.raises(StorageError, match="a name has 3 to 63") as caught:
        storage.bucket("acme-weights")

    assert caught.value.code == "InvalidBucketName"
    assert server.asked.count("GET location") == 1


def test_a_bucket_that_became_visible_between_two_looks_is_read_again(server, storage):
    server.script = {
        "HEAD": [(400, ""), (200, "")],
        "GET location": [(200, LOCATION)],
        "GET tagging": [(404, failure("NoSuchTagSet"))],
    }

    assert storage.bucket("acme-weights") == BucketState("acme-weights", "US-EAST-04A")


def test_tags_that_may_not_be_read_are_not_no_tags(server, storage):
    server.script = {
        "HEAD": [(200, "")],
        "GET location": [(200, "<LocationConstraint/>")],
        "GET tagging": [(403, failure("AccessDenied"))],
    }

    with pytest.raises(
        AccessDenied, match="cannot read its tags: the words; the key may not do this"
    ) as caught:
        storage.bucket("acme-weights")

    assert (caught.value.code, caught.value.request_id) == ("AccessDenied", "r-1")


@pytest.mark.parametrize("text", ["not JSON", "[]", '"x"'])
def test_a_policy_that_is_no_document_is_an_error_and_not_no_policy(server, storage, text):
    server.script = {"GET policy": [(200, text)]}

    with pytest.raises(StorageError, match="its policy is not a JSON object"):
        storage.policy("acme-weights")


@pytest.mark.parametrize("text", ["", "{}", "null"])
def test_an_empty_policy_is_none(server, storage, text):
    server.script = {"GET policy": [(200, text)]}

    assert storage.policy("acme-weights") is None


def test_an_object_that_may_not_be_deleted_is_named(server, storage):
    version = "<Version><Key>a</Key><VersionId>1</VersionId><Size>1</Size></Version>"
    refused = "<Error><Key>a</Key><Code>AccessDenied</Code><Message>locked</Message></Error>"
    server.script = {
        "GET uploads": [(200, "<ListMultipartUploadsResult/>")],
        "GET versions": [(200, f"<ListVersionsResult>{version}</ListVersionsResult>")],
        "POST delete": [(200, f"<DeleteResult>{refused}</DeleteResult>")],
    }

    with pytest.raises(StorageError, match="cannot delete a: locked"):
        storage.empty("acme-weights")


def test_emptying_an_empty_bucket_deletes_nothing(server, storage):
    server.script = {
        "GET uploads": [(200, "<ListMultipartUploadsResult/>")],
        "GET versions": [(200, "<ListVersionsResult/>")],
    }

    assert storage.empty("acme-weights") == (0, 0)


def test_a_refused_part_of_an_upload_is_a_storage_error(server, storage, tmp_path):
    (tmp_path / "config.json").write_text("{}")
    server.script = {
        "GET list-type": [(200, "<ListBucketResult/>")],
        "PUT": [(403, failure("AccessDenied"))],
    }

    with pytest.raises(StorageError, match=r"cannot upload to it: the words.*AccessDenied"):
        storage.upload(storage.plan_upload(files_in(tmp_path), "acme-weights", "m"))


def trickling(handler: Handler) -> None:
    """An answer of which a byte comes every tenth of a second."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    with contextlib.suppress(OSError):
        for _ in range(1000):
            handler.wfile.write(b" ")
            time.sleep(0.1)


def huge(handler: Handler) -> None:
    """An answer that is a little too large."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(17 * 2**20))
    handler.end_headers()
    with contextlib.suppress(OSError):
        handler.wfile.write(b" " * 17 * 2**20)


READS: dict[str, Callable[[ObjectStorage], object]] = {
    "GET policy": lambda storage: storage.policy("acme-weights"),
    "GET list-type": lambda storage: storage.holds_objects("acme-weights", "models"),
    "GET tagging": lambda storage: storage.bucket("acme-weights"),
}


@pytest.mark.parametrize("request_of", READS)
def test_an_answer_that_trickles_ends_with_the_time_of_the_request(
    server: Server, storage: ObjectStorage, monkeypatch: pytest.MonkeyPatch, request_of: str
) -> None:
    monkeypatch.setattr("coreweave_inference.storage.connection.WHOLE_SECONDS", 0.3)
    server.script = {"HEAD": [(200, "")], "GET location": [(200, LOCATION)]}
    server.script[request_of] = [(200, trickling)]
    started = time.monotonic()

    with pytest.raises(Unreachable, match="no whole answer"):
        READS[request_of](storage)

    assert time.monotonic() - started < 10.0


@pytest.mark.parametrize("request_of", READS)
def test_an_answer_that_is_too_large_is_asked_for_once(
    server: Server, storage: ObjectStorage, request_of: str
) -> None:
    server.script = {"HEAD": [(200, "")], "GET location": [(200, LOCATION)]}
    server.script[request_of] = [(200, huge)]

    with pytest.raises(Unreachable, match="larger than 16 MiB"):
        READS[request_of](storage)

    assert server.asked.count(request_of) == 1


def read_of(storage: ObjectStorage) -> bytes:
    return storage.read("acme-weights", "m/model.safetensors", 0, 8)


def whole_file(handler: Handler) -> None:
    """The answer of a server that does not know ranges."""
    handler.send_response(200)
    handler.send_header("Content-Length", "2000")
    handler.end_headers()
    with contextlib.suppress(OSError):
        handler.wfile.write(b"0" * 2000)


def a_part(handler: Handler) -> None:
    """The part that was asked for, and the header that was sent."""
    handler.server.asked.append(handler.headers["Range"])
    handler.send_response(206)
    handler.send_header("Content-Range", "bytes 0-7/2000")
    handler.send_header("Content-Length", "8")
    handler.end_headers()
    handler.wfile.write(b"01234567")


def test_a_part_of_an_object_is_read_by_its_range(server: Server, storage: ObjectStorage) -> None:
    server.script["GET"] = [(206, a_part)]

    assert read_of(storage) == b"01234567"
    assert server.asked[-1] == "bytes=0-7"


def test_a_server_that_ignores_ranges_is_not_read_on(server: Server, storage: ObjectStorage) -> None:
    server.script["GET"] = [(200, whole_file)]

    with pytest.raises(StorageError, match="the server ignores ranges"):
        read_of(storage)


def test_a_part_that_trickles_ends_with_the_time_of_the_request(
    server: Server, storage: ObjectStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(handler: Handler) -> None:
        handler.send_response(206)
        handler.send_header("Content-Range", "bytes 0-7/2000")
        handler.send_header("Content-Length", "8")
        handler.end_headers()
        with contextlib.suppress(OSError):
            for _ in range(8):
                handler.wfile.write(b" ")
                time.sleep(0.2)

    monkeypatch.setattr("coreweave_inference.storage.connection.WHOLE_SECONDS", 0.3)
    server.script["GET"] = [(206, slow)]

    with pytest.raises(Unreachable, match="no whole answer"):
        read_of(storage)


def test_a_stopped_run_gives_a_hanging_read_up(
    server: Server, storage: ObjectStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coreweave_inference.storage.connection.stop_requested", lambda: True)
    server.script["GET policy"] = [(200, trickling)]
    started = time.monotonic()

    with pytest.raises(Unreachable, match="stopped before the answer came"):
        storage.policy("acme-weights")

    assert time.monotonic() - started < 2.0 + 1.0
    assert server.asked.count("GET policy") == 1


def to(url: str) -> Callable[[Handler], None]:
    """A redirect to another address."""

    def answer(handler: Handler) -> None:
        handler.send_response(301 if handler.command == "HEAD" else 307)
        handler.send_header("Location", url + handler.path)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


@pytest.mark.parametrize("loops", [False, True], ids=["to another host", "to itself"])
def test_a_redirect_is_one_sentence_and_no_signed_request_leaves_the_endpoint(
    server: Server, storage: ObjectStorage, tmp_path: Path, loops: bool
) -> None:
    (tmp_path / "config.json").write_text("{}")
    with Server() as elsewhere:
        host = server if loops else elsewhere
        answers = to(f"http://127.0.0.1:{host.server_port}")
        requests = ("HEAD", "GET policy", "GET list-type", "PUT policy")
        server.script = {request: [(307, answers)] for request in requests}
        acts: list[Callable[[], object]] = [
            lambda: storage.bucket("acme-weights"),
            lambda: storage.policy("acme-weights"),
            lambda: storage.holds_objects("acme-weights", "models"),
            lambda: storage.put_policy("acme-weights", {}),
            lambda: storage.plan_upload(files_in(tmp_path), "acme-weights", "models"),
        ]
        for act in acts:
            with pytest.raises(
                StorageError, match=r"redirects to http://127\.0\.0\.1.*set the S3 endpoint"
            ) as found:
                act()
            assert "\n" not in str(found.value)

    assert elsewhere.asked == []
    assert len(server.asked) == len(acts)


def test_only_a_refused_signature_is_called_a_wrong_clock() -> None:
    hour = timedelta(hours=1)

    for code in ("AccessDenied", "InvalidAccessKeyId", "AllAccessDisabled"):
        assert "clock" not in str(storage_error("acme-weights", "list it", code, "no", "", hour))
    for code in ("SignatureDoesNotMatch", "403", "RequestTimeTooSkewed"):
        assert "by 60 minutes" in str(storage_error("acme-weights", "list it", code, "no", "", hour))
    assert "clock" not in str(storage_error("acme-weights", "list it", "SignatureDoesNotMatch", "no"))
