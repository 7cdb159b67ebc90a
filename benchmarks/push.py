"""How long `cw-inference weights push` takes for 1 GiB in 100 files, beside boto3's own transfer manager on the same server.

    python benchmarks/push.py [FILES] [MIB]

Whole processes, in turns, each into an empty path of a simulator in a process of its own. Prints one line; the aim is at most
1.2 times boto3's time.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from pathlib import Path

AIM = 1.2
REPEATS = 3
BUCKET = "acme-weights"
ZONE = "US-EAST-04A"
MIB = 1024 * 1024
BOTO3 = """
import sys
from pathlib import Path
import boto3
from s3transfer.manager import TransferManager

folder, bucket, path, endpoint, key, secret, zone = sys.argv[1:]
client = boto3.client("s3", endpoint_url=endpoint, aws_access_key_id=key, aws_secret_access_key=secret, region_name=zone)
with TransferManager(client) as manager:
    futures = [manager.upload(str(file), bucket, f"{path}/{file.name}") for file in sorted(Path(folder).iterdir())]
    [future.result() for future in futures]
"""


def main(files: int, mib: int) -> None:
    """Start a simulator, make a bucket and the files, and print the figures."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "weights"
        folder.mkdir()
        block = secrets.token_bytes(MIB)
        for number in range(files):
            with (folder / f"model-{number:05}.safetensors").open("wb") as file:
                left = mib * MIB // files
                while left > 0:
                    file.write(block[:left])
                    left -= MIB
        server = subprocess.Popen(
            [sys.executable, "-m", "coreweave_inference.cli", "simulate", "--json"],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert server.stdout is not None
            started = json.loads(server.stdout.readline())
            _measure(folder, started["url"], started["token"], files, mib)
        finally:
            server.terminate()
            server.wait()


def _measure(folder: Path, endpoint: str, token: str, files: int, mib: int) -> None:
    from coreweave_inference.api.client import InferenceApi
    from coreweave_inference.clock import system
    from coreweave_inference.settings.resolution import resolve
    from coreweave_inference.storage.client import ObjectStorage
    from coreweave_inference.storage.credentials import minted

    environ = {
        "COREWEAVE_API_ENDPOINT": endpoint,
        "COREWEAVE_S3_ENDPOINT": endpoint,
        "COREWEAVE_API_TOKEN": token,
    }
    with InferenceApi.of(resolve(environ, {})) as api:
        keys = minted(api, system)
        ObjectStorage(endpoint, keys, ZONE).create_bucket(BUCKET, ZONE)
        key = keys()
    ours, theirs = [], []
    for turn in range(REPEATS):
        push = [
            "-m",
            "coreweave_inference.cli",
            "weights",
            "push",
            str(folder),
            BUCKET,
            f"ours/{turn}",
            "--zone",
            ZONE,
        ]
        ours.append(_seconds(push, {**os.environ, **environ}))
        boto3 = ["-c", BOTO3, str(folder), BUCKET, f"theirs/{turn}", endpoint, key.access_key_id]
        theirs.append(_seconds([*boto3, key.secret_key, ZONE], dict(os.environ)))
    ratio = min(ours) / min(theirs)
    print(
        f"{mib} MiB in {files} files: {min(ours):.2f} s; boto3's transfer manager {min(theirs):.2f} s; {ratio:.2f} times "
        f"(aim {AIM})"
    )


def _seconds(arguments: list[str], environ: dict[str, str]) -> float:
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, *arguments],
        env=environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    return time.perf_counter() - start


if __name__ == "__main__":
    main(*(int(text) for text in sys.argv[1:3]) if len(sys.argv) > 2 else (100, 1024))
