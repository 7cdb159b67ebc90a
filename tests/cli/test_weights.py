"""`weights list`, `weights check` and `weights copy` as a user types them, on a bucket of the simulator."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import coreweave_inference
import pytest
from coreweave_inference.simulator import Simulator
from coreweave_inference.storage import copies
from typer.testing import Result

from tests.running.command_line import until
from tests.simulator.inference_fixtures import (
    deployment,
    environment_of,
    gateway,
    put_weights,
    s3_client,
    simulated,
)
from tests.storage.test_whole_weights import sharded, single

BUCKET, OTHER = "acme-weights", "acme-archive"
Run = Callable[..., Result]


@pytest.fixture(scope="module")
def service() -> Iterator[Any]:
    with simulated() as api:
        put_weights(api.simulator)
        api.create("gateways", gateway())
        model = {"name": "acme/chat", "bucket": BUCKET, "path": "models/chat"}
        api.create("deployments", deployment(model=model))
        yield api


@pytest.fixture
def simulator(service: Any) -> Simulator:
    found: Simulator = service.simulator
    return found


@pytest.fixture
def s3(simulator: Simulator) -> Iterator[Any]:
    """A client, of two buckets: one with a sharded model, a single one and a stray file; one that is empty."""
    client = s3_client(simulator)
    try:
        for bucket in (BUCKET, OTHER):
            client.create_bucket(
                Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "US-EAST-04A"}
            )
            for found in client.list_objects_v2(Bucket=bucket).get("Contents", []):
                client.delete_object(Bucket=bucket, Key=found["Key"])
            for upload in client.list_multipart_uploads(Bucket=bucket).get("Uploads", []):
                client.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
        for path, files in (("models/chat", sharded()), ("models/code", single())):
            for name, content in files.items():
                client.put_object(Bucket=BUCKET, Key=f"{path}/{name}", Body=content)
        client.put_object(Bucket=BUCKET, Key="notes/todo.txt", Body=b"x" * 10)
        yield client
    finally:
        client.close()


@pytest.fixture
def weights(cw_inference: Callable[..., Result], simulator: Simulator, tmp_path: Path) -> Run:
    def run(command: str, *words: str) -> Result:
        return cw_inference(
            "weights",
            command,
            *words,
            "--dir",
            str(tmp_path),
            **environment_of(simulator),
        )

    return run


def contents(s3: Any, bucket: str, prefix: str) -> dict[str, tuple[int, str]]:
    found = s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
    return {one["Key"].removeprefix(prefix): (one["Size"], one["ETag"]) for one in found}


def test_a_list_has_models_with_size_cost_and_readers_and_uploads_that_were_not_completed(
    weights: Run, s3: Any
) -> None:
    s3.create_multipart_upload(Bucket=BUCKET, Key="models/new/model.safetensors")

    shown, document = weights("list", BUCKET), json.loads(weights("list", BUCKET, "--json").stdout)
    narrow = json.loads(weights("list", BUCKET, "models/code", "--json").stdout)

    (listed,) = document["buckets"]
    models = {one["path"]: one for one in listed["models"]}
    assert shown.exit_code == 0
    assert set(models) == {"models/chat", "models/code", "notes"}
    assert (models["models/chat"]["files"], models["models/chat"]["readBy"]) == (7, ["chat"])
    assert models["models/chat"]["bytes"] == sum(map(len, sharded().values()))
    assert (models["notes"]["isModel"], models["notes"]["readBy"]) == (False, [])
    assert listed["unfinished"] == ["models/new/model.safetensors"]
    assert document["prices"] == {"currency": "USD", "class": "hot", "perGbMonth": 0.06}
    assert "not completed" in shown.stdout
    assert "notes/ (no model)" in shown.stdout
    assert [one["path"] for one in narrow["buckets"][0]["models"]] == ["models/code"]


def test_a_bucket_that_is_not_there_gets_the_nearest_name(weights: Run, s3: Any) -> None:
    for words in (("list", "acme-weigths"), ("check", "acme-weigths", "models/chat")):
        done = weights(*words)
        assert done.exit_code == 2
        assert 'did you mean "acme-weights"?' in done.stderr
    copied = weights("copy", BUCKET, "models/chat", "models/two", "--to-bucket", "acme-archiv")
    assert copied.exit_code == 2
    assert 'did you mean "acme-archive"?' in copied.stderr


def test_a_check_reads_the_bucket_and_says_what_is_wrong(weights: Run, s3: Any, tmp_path: Path) -> None:
    sound = weights("check", BUCKET, "models/chat")
    s3.delete_object(Bucket=BUCKET, Key="models/chat/model-00002-of-00003.safetensors")
    s3.create_multipart_upload(Bucket=BUCKET, Key="models/chat/model-00002-of-00003.safetensors")

    shown, document = (
        weights("check", BUCKET, "models/chat"),
        weights("check", BUCKET, "models/chat", "--json"),
    )

    found = json.loads(document.stdout)
    assert (sound.exit_code, shown.exit_code, document.exit_code) == (0, 2, 2)
    assert 'in bucket "acme-weights": whole; ' in " ".join(sound.stdout.split())
    assert [one["code"] for one in found["findings"]] == ["weights-incomplete"] * 2
    assert set(found["findings"][0]) >= {"severity", "object", "kind", "key", "what", "why", "do"}
    assert found["models"][0]["whole"] is False
    assert "model-00002-of-00003.safetensors" in shown.stdout
    assert max(map(len, shown.stdout.splitlines())) <= 80


def test_a_path_with_nothing_under_it_is_missing_and_gets_the_nearest_one(weights: Run, s3: Any) -> None:
    done = weights("check", BUCKET, "models/chatt", "--json")

    (finding,) = json.loads(done.stdout)["findings"]
    assert (done.exit_code, finding["code"]) == (2, "weights-missing")
    assert 'did you mean "models/chat"?' in finding["do"]


def test_a_folder_on_this_machine_is_checked_without_a_service(
    cw_inference: Callable[..., Result], tmp_path: Path
) -> None:
    folder = tmp_path / "llama"
    folder.mkdir()
    for name, content in single().items():
        (folder / name).write_bytes(content)

    sound = cw_inference("weights", "check", str(folder))
    (folder / "model.safetensors").write_bytes(b"<html>" * 100)
    wrong = cw_inference("weights", "check", str(folder))
    nowhere = cw_inference("weights", "check", str(tmp_path / "nothing"))

    assert [done.exit_code for done in (sound, wrong, nowhere)] == [0, 2, 2]


def test_what_the_declaration_reads_is_checked_without_words(weights: Run, s3: Any, tmp_path: Path) -> None:
    (tmp_path / "inference.yaml").write_text(
        "version: 1\n"
        "gateways: {public: {zones: [US-EAST-04A], coreWeaveAuth: {}, bodyBasedRouting: {}}}\n"
        "deployments:\n"
        "  chat:\n"
        "    gateways: [public]\n"
        f"    model: {{name: acme/chat, bucket: {BUCKET}, path: models/chat}}\n"
        "    runtime: {engine: vllm}\n"
        "    resources: {instanceType: gd-8xh200ib-i128, gpuCount: 1}\n"
        "    autoscaling: {min: 1, max: 1}\n"
    )

    found = json.loads(weights("check", "--json").stdout)

    assert [(one["path"], one["whole"]) for one in found["models"]] == [("models/chat", True)]


def test_a_copy_takes_what_is_missing_and_never_replaces_other_content_unasked(weights: Run, s3: Any) -> None:
    first = weights("copy", BUCKET, "models/chat", "archive/chat", "--to-bucket", OTHER)
    again = json.loads(
        weights("copy", BUCKET, "models/chat", "archive/chat", "--to-bucket", OTHER, "--json").stdout
    )
    s3.put_object(Bucket=OTHER, Key="archive/chat/config.json", Body=b'{"other": 1}')
    refused = weights("copy", BUCKET, "models/chat", "archive/chat", "--to-bucket", OTHER)
    kept = s3.get_object(Bucket=OTHER, Key="archive/chat/config.json")["Body"].read()
    dry = weights(
        "copy", BUCKET, "models/chat", "archive/chat", "--to-bucket", OTHER, "--overwrite", "--dry-run"
    )
    forced = weights("copy", BUCKET, "models/chat", "archive/chat", "--to-bucket", OTHER, "--overwrite")

    assert first.exit_code == 0, first.stderr
    assert (again["count"], again["skipped"]) == (0, 7)
    assert (refused.exit_code, kept) == (2, b'{"other": 1}')
    assert "--overwrite" in refused.stderr
    assert "1 files" in dry.stdout
    assert forced.exit_code == 0
    assert contents(s3, OTHER, "archive/chat/") == contents(s3, BUCKET, "models/chat/")


def test_a_large_object_is_copied_in_parts_and_keeps_its_etag(
    weights: Run, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "LEAST_PART", 1)
    part = 5 * 1024 * 1024
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key="models/big/model.safetensors")["UploadId"]
    parts = []
    for number, size in ((1, part), (2, part), (3, 1000)):
        body = bytes([number]) * size
        answer = s3.upload_part(
            Bucket=BUCKET, Key="models/big/model.safetensors", UploadId=upload, PartNumber=number, Body=body
        )
        parts.append({"PartNumber": number, "ETag": answer["ETag"]})
    s3.complete_multipart_upload(
        Bucket=BUCKET, Key="models/big/model.safetensors", UploadId=upload, MultipartUpload={"Parts": parts}
    )

    done = weights("copy", BUCKET, "models/big", "models/big-v2")
    again = weights("copy", BUCKET, "models/big", "models/big-v2")

    assert done.exit_code == 0, done.stderr
    assert contents(s3, BUCKET, "models/big-v2/") == contents(s3, BUCKET, "models/big/")
    assert "0 files, 0 bytes copied" in again.stdout
    digests = [
        hashlib.md5(s3.get_object(Bucket=BUCKET, Key=f"models/{name}/model.safetensors")["Body"].read())
        for name in ("big", "big-v2")
    ]
    assert digests[0].digest() == digests[1].digest()


def test_a_push_that_is_killed_half_way_goes_on_with_what_is_missing(
    weights: Run, s3: Any, simulator: Simulator, tmp_path: Path
) -> None:
    folder = tmp_path / "large"
    folder.mkdir()
    for number in range(40):
        (folder / f"model-{number:05}.safetensors").write_bytes(bytes([number]) * 300_000)
    environment = {
        **{name: value for name, value in os.environ.items() if name in ("PATH", "PYTHONPATH", "HOME")},
        "PYTHONPATH": str(Path(coreweave_inference.__file__).parent.parent),
        **environment_of(simulator),
    }
    command = [
        sys.executable,
        "-m",
        "coreweave_inference.cli",
        "weights",
        "push",
        str(folder),
        BUCKET,
        "models/large",
    ]

    with subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE) as process:
        until(lambda: contents(s3, BUCKET, "models/large/"))
        process.kill()
    there = contents(s3, BUCKET, "models/large/")
    again = json.loads(weights("push", str(folder), BUCKET, "models/large", "--json").stdout)

    assert process.returncode == -signal.SIGKILL
    assert 0 < len(there) < 40
    # What was under way when the process was killed may have arrived after it.
    assert len(there) <= again["skipped"] < 40
    assert again["count"] == 40 - again["skipped"]
    assert len(contents(s3, BUCKET, "models/large/")) == 40


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("models/chatt", "models/two"), 'did you mean "models/chat"?'),
        (("models/chat", "models/chat/v2"), "lies in it"),
        (("models/chat", "../x"), "PATH"),
    ],
)
def test_a_copy_that_cannot_be_meant_is_refused(
    weights: Run, s3: Any, words: tuple[str, str], message: str
) -> None:
    done = weights("copy", BUCKET, *words)

    assert done.exit_code == 2
    assert message in done.stderr


def test_a_copy_over_what_a_deployment_serves_is_a_warning(weights: Run, s3: Any) -> None:
    done = json.loads(
        weights("copy", BUCKET, "models/code", "models/chat", "--overwrite", "--dry-run", "--json").stdout
    )

    assert ["chat" in warning for warning in done["warnings"]] == [True]
