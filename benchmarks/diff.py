"""How long `cw-inference diff` of 50 deployments takes, beside the imports of its modules and three LISTs.

    python benchmarks/diff.py [DEPLOYMENTS]

Prints one line, in seconds of the processor; the aim is at most 1.3 times the two together. A simulator on a loopback port is in for the service.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
from checks import declaration_text
from coreweave_inference.cli.account_lists import listed, opened
from coreweave_inference.cli.diff import files_of
from coreweave_inference.model.kinds import Kind
from coreweave_inference.model.normal_form import complete, sparse
from coreweave_inference.simulator import Behaviour, Simulator
from coreweave_inference.stateless.derived import planned_ids

AIM = 1.3
REPEATS = 7
LOADED = (
    "import runpy, sys\n"
    "try:\n runpy.run_module('coreweave_inference.cli', run_name='__main__')\n"
    "except SystemExit: pass\n"
    "print(*(name for name in sys.modules if not name.startswith('__')), file=sys.stderr)\n"
)


def main(count: int) -> None:
    """Make the account, and print the figures."""
    behaviour = Behaviour(gateway_create_seconds=0.0, claim_create_seconds=0.0, deployment_create_seconds=0.0)
    with tempfile.TemporaryDirectory() as place, Simulator(behaviour) as simulator:
        directory = Path(place)
        (directory / "Pulumi.yaml").write_text("name: serving\nruntime: python\n")
        (directory / "Pulumi.dev.yaml").write_text("config:\n  coreweave:identity: 5f1c0f6a4d\n")
        (directory / "inference.yaml").write_text(declaration_text(count))
        os.environ.update(COREWEAVE_API_TOKEN=simulator.token, COREWEAVE_API_ENDPOINT=simulator.url)
        _make(directory, simulator)
        command = [sys.executable, "-m", "coreweave_inference.cli", "diff", place]
        modules = subprocess.run(
            [sys.executable, "-c", LOADED, "diff", place], capture_output=True, text=True, check=False
        ).stderr.splitlines()[-1]
        imports = [
            sys.executable,
            "-c",
            f"for name in {modules.split()!r}:\n try: __import__(name)\n except Exception: pass",
        ]
        whole, importing, listing = [], [], []
        for _ in range(REPEATS):
            whole.append(_seconds(command))
            importing.append(_seconds(imports))
            with opened(files_of(directory, None).settings) as api:
                start = time.perf_counter()
                listed(api)
                listing.append(time.perf_counter() - start)
        base = min(importing) + min(listing)
        print(
            f"{count} deployments: {min(whole):.3f} s; imports {min(importing):.3f} s, three LISTs {min(listing):.3f} s; "
            f"{min(whole) / base:.2f} times both (aim {AIM})"
        )


def _seconds(command: list[str]) -> float:
    """Of the processor, which a busy machine does not lengthen; a process waits for three answers besides."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _make(directory: Path, simulator: Simulator) -> None:
    """Every declared object, under the id that the stack would choose."""
    files = files_of(directory, None)
    ids: dict[str, str] = {}
    paths = {Kind.GATEWAY: "gateways", Kind.CAPACITY_CLAIM: "capacityclaims", Kind.DEPLOYMENT: "deployments"}
    headers = {"Authorization": f"Bearer {simulator.token}"}
    with httpx.Client(base_url=f"{simulator.url}/v1alpha1/inference/", headers=headers) as client:
        for item in files.declaration.objects():
            id_ = planned_ids(files.stack, item)[0]
            name = f"{item.key}-serving-dev"
            spec = {**item.spec, "name": name, "gatewayIds": [ids[key] for key in item.gateways]}
            if item.kind is Kind.GATEWAY:
                ids[item.key] = id_
            if item.kind is Kind.DEPLOYMENT:
                spec["runtime"] = {**spec["runtime"], "version": "0.22.0+crwv.2"}
            body = {**complete(item.kind, sparse(item.kind, spec)), "id": id_}
            answer = client.post(paths[item.kind], json=body)
            assert answer.status_code == 200, answer.text


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50)
