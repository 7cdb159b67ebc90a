"""`weights push` as a user types it, into a bucket of the simulator."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from coreweave_inference.errors import one_line
from coreweave_inference.simulator import Simulator
from coreweave_inference.storage.errors import clock_skew, storage_error
from typer.testing import Result

from tests.simulator.inference_fixtures import environment_of, s3_client

BUCKET = "acme-weights"
DECLARED = """\
version: 1
gateways:
  public: {{zones: [US-EAST-04A], coreWeaveAuth: {{}}, bodyBasedRouting: {{apiType: API_TYPE_OPENAI}}}}
deployments:
  chat:
    gateways: [public]
    model: {{name: acme/chat, bucket: acme-weights, path: {path}}}
    runtime: {{engine: vllm}}
    resources: {{instanceType: gd-8xh200ib-i128, gpuCount: 1}}
    autoscaling: {{min: 1, max: 2, concurrency: 8}}
"""
Push = Callable[..., Result]


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator() as running:
        yield running


@pytest.fixture
def s3(simulator: Simulator) -> Iterator[Any]:
    """The client of a bucket that is empty."""
    client = s3_client(simulator)
    try:
        client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "US-EAST-04A"})
        for found in client.list_objects_v2(Bucket=BUCKET).get("Contents", []):
            client.delete_object(Bucket=BUCKET, Key=found["Key"])
        yield client
    finally:
        client.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "llama"
    made.mkdir()
    (made / "config.json").write_text("{}")
    return made


@pytest.fixture
def push(cw_inference: Callable[..., Result], simulator: Simulator, tmp_path: Path, folder: Path) -> Push:
    def run(*more: str, path: str = "models/llama", bucket: str = BUCKET) -> Result:
        return cw_inference(
            "weights",
            "push",
            str(folder),
            bucket,
            path,
            "--dir",
            str(tmp_path),
            *more,
            **environment_of(simulator),
        )

    return run


def keys(s3: Any) -> list[str]:
    return [found["Key"] for found in s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])]


@pytest.mark.usefixtures("s3")
def test_weights_are_pushed_once(push: Push) -> None:
    first, again = push("--json"), push()

    assert json.loads(first.stdout) == {
        "version": 1,
        "ok": True,
        "errors": [],
        "findings": [],
        "count": 1,
        "bytes": 2,
        "skipped": 0,
        "dryRun": False,
        "files": ["models/llama/config.json"],
        "extra": [],
        "deleted": 0,
        "warnings": [],
    }
    assert (
        again.stdout
        == '0 files, 0 bytes pushed to "models/llama" in bucket "acme-weights", 1 there already\n'
    )


@pytest.mark.usefixtures("s3")
def test_a_missing_bucket_is_bad_input_and_gets_the_nearest_name_or_the_command_that_makes_it(
    push: Push, tmp_path: Path
) -> None:
    missing = push(bucket="acme-missing-entirely")
    mistyped, in_zone = push(bucket="acme-weigths"), push("--zone", "US-EAST-04A", bucket="acme-weigths")
    document = json.loads(push("--json", bucket="acme-weigths").stdout)
    (tmp_path / "inference.yaml").write_text(
        "version: 1\nbuckets:\n  new: {name: acme-new-weights, zone: US-EAST-04A}\n"
    )
    not_yet, near = push(bucket="acme-new-weights"), push(bucket="acme-new-weight")

    assert {done.exit_code for done in (missing, mistyped, in_zone, not_yet, near)} == {2}
    assert 'BUCKET "acme-missing-entirely": there is no bucket' in missing.stderr
    assert "did you mean" not in missing.stderr + not_yet.stderr
    for done in (mistyped, in_zone):
        assert 'did you mean "acme-weights"?' in done.stderr
    assert 'did you mean "acme-weights"?' in document["findings"][0]["do"]
    assert "create it first with `cw-inference up --only buckets`" in not_yet.stderr
    assert 'did you mean "acme-new-weights"?' in near.stderr


@pytest.mark.parametrize(
    "path",
    [
        *("../../other", "/models//x/../y/", "", "/", "models/a\nb", "models/\x1b[2Jx"),
        *(".", "./models/x", "models//x", "models/x /y", "s3://acme-weights/models/x"),
    ],
)
def test_a_path_that_a_declaration_could_not_have_is_refused_before_any_request(
    push: Push, simulator: Simulator, path: str
) -> None:
    before = len(simulator.journal.entries())

    refused = push(path=path)

    assert refused.exit_code == 2
    assert refused.stderr.startswith(f'error: PATH "{one_line(path)}" ')
    assert len(simulator.journal.entries()) == before


def test_what_cannot_be_sent_is_refused_before_the_first_byte(push: Push, folder: Path, s3: Any) -> None:
    os.mkfifo(folder / "pipe")
    (folder / "gone").symlink_to("nowhere")

    refused = push()

    assert refused.exit_code == 2
    assert f"{folder}/pipe is not a regular file" in refused.stderr
    assert f"{folder}/gone is a link to a file that does not exist" in refused.stderr
    assert keys(s3) == []
    assert push("--exclude", "pipe", "--exclude", "gone").exit_code == 0


def test_a_key_that_is_too_long_with_its_path_is_refused_before_the_first_byte(push: Push, s3: Any) -> None:
    refused = push(path="models/" + "x" * 1000 + "/" + "y" * 20)

    assert refused.exit_code == 2
    assert "would have a key of 10" in refused.stderr
    assert "push to a shorter PATH" in refused.stderr
    assert keys(s3) == []


def test_a_dry_run_names_what_it_would_send_and_sends_nothing(push: Push, s3: Any) -> None:
    done = push("--dry-run")

    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        "+ models/llama/config.json (2 bytes)",
        '1 files, 2 bytes to push to "models/llama" in bucket "acme-weights"',
    ]
    assert keys(s3) == []


def test_files_that_the_folder_does_not_have_are_named_and_deleted_only_when_asked_to(
    push: Push, s3: Any
) -> None:
    for key in ("models/llama/old.bin", "models/llama/kept.txt", "models/llama-2/other"):
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"x")

    named, deleted = push("--exclude", "*.txt"), push("--exclude", "*.txt", "--delete")

    assert "1 files in the bucket are not in" in named.stdout
    assert "(--delete deletes them): models/llama/old.bin" in named.stdout
    assert "1 files deleted, not in" in deleted.stdout
    assert keys(s3) == ["models/llama-2/other", "models/llama/config.json", "models/llama/kept.txt"]


def test_a_deployment_that_serves_the_path_now_is_a_warning_and_an_unchanged_folder_is_none(
    push: Push, simulator: Simulator, s3: Any
) -> None:
    import httpx

    headers = {"Authorization": f"Bearer {simulator.token}"}
    root = f"{simulator.url}/v1alpha1/inference"
    gateway = httpx.post(
        f"{root}/gateways",
        headers=headers,
        json={
            "name": "public",
            "zones": ["US-EAST-04A"],
            "coreWeaveAuth": {},
            "bodyBasedRouting": {"apiType": "API_TYPE_OPENAI"},
        },
    ).json()["gateway"]["spec"]["id"]
    made = httpx.post(
        f"{root}/deployments",
        headers=headers,
        json={
            "name": "chat",
            "gatewayIds": [gateway],
            "model": {"name": "acme/chat", "bucket": BUCKET, "path": "models/llama"},
            "runtime": {"engine": "vllm", "version": "0.22.0+crwv.2"},
            "resources": {"instanceType": "gd-8xh200ib-i128", "gpuCount": 1},
            "autoscaling": {"min": 1, "max": 1},
            "traffic": {"weight": 0},
        },
    )
    assert made.is_success, made.text

    changed, unchanged = push(), push()
    above = push("--delete", path="models")

    assert 'warning: deployment "chat" serves "models/llama" of this bucket' in changed.stderr
    assert changed.exit_code == 0
    assert unchanged.stderr == ""

    assert above.exit_code == 2
    assert '--delete would delete files under "models/llama", which deployment "chat" serves' in above.stderr
    assert keys(s3) == ["models/llama/config.json"]


@pytest.mark.usefixtures("s3")
def test_a_path_that_no_deployment_of_the_declaration_reads_is_a_warning_that_names_the_closest_one(
    push: Push, tmp_path: Path
) -> None:
    without = push("--dry-run")
    chat = DECLARED.format(path="models/llama-3.1-8b")
    (tmp_path / "inference.yaml").write_text(chat)

    typed = push("--dry-run", path="models/llama-3.1-8B")
    read = [
        push("--dry-run", path=path)
        for path in ("/models/llama-3.1-8b/", "models/llama-3.1-8b/original", "models")
    ]
    other_bucket = push("--dry-run", bucket="acme-weights-2", path="x")

    assert typed.exit_code == 0
    assert "no deployment of" in typed.stderr
    assert 'reads "models/llama-3.1-8B" in bucket "acme-weights"' in typed.stderr
    assert 'the closest path that one reads is "models/llama-3.1-8b"' in typed.stderr
    assert json.loads(push("--dry-run", "--json", path="models/x").stdout)["warnings"]
    assert not [found for found in (without, *read, other_bucket) if "no deployment of" in found.stderr]


def test_an_error_of_a_skewed_clock_says_so_and_what_to_do(push: Push, s3: Any, simulator: Simulator) -> None:
    from coreweave_inference.simulator.faults import Fault

    simulator.faults.add(Fault("status", "GET", f"^/{BUCKET}", count=None, status=403, body="skewed"))
    try:
        refused = push()
    finally:
        simulator.faults.clear()

    assert refused.exit_code == 1
    assert "the clock of this machine differs from the service's" in refused.stderr
    assert "set the clock" in refused.stderr
    assert "may not do this" not in refused.stderr


def test_a_large_upload_shows_rate_and_rest_on_a_terminal_and_lines_on_a_pipe(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from coreweave_inference.cli import transfers

    def sent() -> str:
        with transfers.transfer_shown(quiet=False) as (compare, progress):
            compare("models/a.safetensors")
            for part in range(1, 21):
                progress("models/a.safetensors", part * 10**8, 2 * 10**9)
        return capsys.readouterr().err

    piped = sent()
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    shown = sent()

    assert piped.splitlines() == [f"uploaded {tenth * 10} % of 2.0 GB" for tenth in range(1, 11)]
    assert "models/a.safetensors" in shown
    assert "2.0/2.0 GB" in shown
    assert re.search(r"[0-9?.]+ ?[kMGT]?B/s", shown)
    assert re.search(r"\d:\d\d:\d\d", shown)


def test_an_error_that_the_clock_explains_says_so() -> None:
    from datetime import datetime, timedelta, timezone

    now = datetime(2026, 1, 1, 12, 0, tzinfo=timezone.utc)
    skew = clock_skew("Thu, 01 Jan 2026 11:00:00 GMT", now)

    assert skew == timedelta(hours=1)
    assert clock_skew("Thu, 01 Jan 2026 11:59:00 GMT", now) is None
    assert clock_skew("", now) is None
    assert "the clock of this machine differs from the service's by 60 minutes" in str(
        storage_error(BUCKET, "look at it", "403", "Forbidden", "", skew)
    )
    named = str(storage_error(BUCKET, "list it", "RequestTimeTooSkewed", "The difference is too large."))
    assert "the clock of this machine differs from the service's, and" in named
    assert "may not do this" not in named


def test_a_folder_that_is_not_there_is_refused(cw_inference: Callable[..., Result], tmp_path: Path) -> None:
    done = cw_inference("weights", "push", str(tmp_path / "none"), "acme", "p")

    assert (done.exit_code, done.stderr) == (2, f"error: {tmp_path / 'none'} is not a folder\n")
