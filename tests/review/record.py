"""Records previews of real engine runs against the simulator into `recorded/`.

    python -m tests.review.record

What differs between two machines or two minutes is taken out or numbered; everything else is as the engine printed it.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import coreweave_inference as cw
import pulumi
from coreweave_inference.simulator import Simulator

from tests.engine.conftest import QUICK
from tests.engine.declarations import BUCKET, DEPLOYMENT, GATEWAY, canary, edited, stack
from tests.engine.workbench import Service, Workbench
from tests.review.secrets import FROM_ENVIRONMENT, IN_DECLARATION, VARIABLE

HERE = Path(__file__).parent / "recorded"
SERVICE = "https://service.example"
TOO_LONG = ("sourcePosition", "stackTrace", "propertyDependencies", "__provider", "created", "modified")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[0-9.]*Z")
RESOURCES = 200

Scenario = Callable[[Workbench], str]


def main() -> None:
    """Record everything."""
    HERE.mkdir(exist_ok=True)
    os.environ[VARIABLE] = FROM_ENVIRONMENT
    for scenario in SCENARIOS:
        with _workbench() as workbench:
            text = _scrubbed(scenario(workbench), workbench)
        (HERE / f"{scenario.__name__}.json").write_text(text, encoding="utf-8")
        print(scenario.__name__, len(text))


@contextlib.contextmanager
def _workbench() -> Iterator[Workbench]:
    with Simulator(QUICK) as simulator, tempfile.TemporaryDirectory() as folder:
        service = Service(simulator)
        try:
            service.make_bucket()
            service.put_weights("models/chat", "models/chat-v2")
            yield Workbench(service, Path(folder))
        finally:
            service.s3.close()


def with_secrets(document: Mapping[str, Any]) -> dict[str, Any]:
    """A declaration in which a deployment has two secrets."""
    env = {"VLLM_LOGGING_LEVEL": IN_DECLARATION, "HF_HUB_OFFLINE": {"fromEnv": VARIABLE}}
    return edited(document, {"deployments": {"chat": {"runtime": {"engineEnv": env}}}})


def create(workbench: Workbench) -> str:
    """A first preview."""
    workbench.declare(with_secrets(canary()))
    return _preview(workbench)


def same(workbench: Workbench) -> str:
    """A preview of what is there."""
    _up(workbench, with_secrets(canary()))
    return _preview(workbench, "--refresh")


def update(workbench: Workbench) -> str:
    """A version, an engine option, a default, bounds, shares and a secret in one change."""
    old = {"runtime": {"version": "0.21.1+crwv.1"}, "autoscaling": {"concurrency": 32}}
    _up(workbench, with_secrets(canary(deployments={"chat": old})))
    new = {
        "runtime": {"version": "0.22.0+crwv.2", "engineConfig": {"max-model-len": 32768}},
        "autoscaling": {"concurrency": None, "max": 6},
        "traffic": {"weight": 500},
    }
    document = with_secrets(canary(deployments={"chat": new, "chat-canary": {"traffic": {"weight": 500}}}))
    env = document["deployments"]["chat"]["runtime"]["engineEnv"]
    env["VLLM_LOGGING_LEVEL"] = f"{IN_DECLARATION}-rotated"
    workbench.declare(document)
    return _preview(workbench)


def newcomer(workbench: Workbench) -> str:
    """A canary beside a deployment that had all of the traffic."""
    before = canary(deployments={"chat-canary": None})
    _up(workbench, before)
    workbench.declare(canary())
    return _preview(workbench, "--refresh")


def replace(workbench: Workbench) -> str:
    """A gateway and a claim that cannot be changed in place."""
    _up(workbench, canary())
    gateway = {"public": {"name": "front-door"}}
    claim = {"h200": {"instanceId": "gd-8xh100ib-i128"}}
    workbench.declare(canary(gateways=gateway, capacityClaims=claim))
    return _preview(workbench)


def delete(workbench: Workbench) -> str:
    """A claim, a policy and one member of a group go."""
    _up(
        workbench,
        canary(deployments={"chat": {"autoscaling": {"capacityClasses": ["CAPACITY_CLASS_RESERVED"]}}}),
    )
    bare = canary(
        buckets={"weights": {"policy": None}},
        capacityClaims=None,
        deployments={
            "chat": {"autoscaling": {"capacityClasses": ["CAPACITY_CLASS_RESERVED"]}},
            "chat-canary": None,
        },
    )
    workbench.declare(bare)
    return _preview(workbench)


def destroy(workbench: Workbench) -> str:
    """Everything goes but the bucket."""
    _up(workbench, canary())
    return _json(workbench._run("destroy", "--preview-only", "--json").output)


def failed(workbench: Workbench) -> str:
    """A declaration with a fault."""
    _up(workbench, canary())
    workbench.declare(canary(deployments={"chat": {"autoscaling": {"min": 9}}}))
    return _preview(workbench, "--refresh")


def drift(workbench: Workbench) -> str:
    """Changed, switched off, renamed, changed to what is declared by now, and deleted: all from outside."""
    _up(workbench, canary(deployments={"aside": edited(DEPLOYMENT, {"model": {"name": "acme/aside"}})}))
    service = workbench.service
    service.edit("deployments", "chat-serving-dev", {"autoscaling": {"max": 9}})
    service.edit("deployments", "chat-canary-serving-dev", {"disabled": True, "autoscaling": {"max": 8}})
    service.edit("gateways", "public-serving-dev", {"name": "renamed-by-hand"})
    _delete(service, "deployments", "aside-serving-dev")
    workbench.declare(
        canary(
            deployments={
                "chat-canary": {"autoscaling": {"max": 8}},
                "aside": edited(DEPLOYMENT, {"model": {"name": "acme/aside"}}),
            }
        )
    )
    return _preview(workbench, "--refresh")


def imported(workbench: Workbench) -> str:
    """A gateway that exists is taken in by the engine's own option."""
    _up(workbench, stack())
    id_ = workbench.service.live("gateways")["public-serving-dev"]["spec"]["id"]
    other = Workbench(workbench.service, workbench.directory, "adopting")

    def program() -> None:
        cw.Gateway(
            "public",
            zones=["US-EAST-04A"],
            auth=cw.CoreWeaveAuth(),
            routing=cw.BodyBasedRouting(),
            api_name="public-serving-dev",
            opts=pulumi.ResourceOptions(import_=id_),
        )

    other.program = program
    return _preview(other)


def fixed(workbench: Workbench) -> str:
    """Nothing is declared otherwise, but the last run saw a deployment fail."""
    _up(workbench, stack())
    workbench.declare(stack(deployments={"chat": {"model": {"path": "models/nowhere"}}}))
    workbench.up()
    return _preview(workbench)


def many(workbench: Workbench) -> str:
    """Two hundred resources."""
    others = 7  # the stack, account, bucket, policy, gateway, claim and readiness
    names = [f"chat-{number:03}" for number in range(RESOURCES - others)]
    deployments = {name: edited(DEPLOYMENT, {"model": {"name": f"acme/{name}"}}) for name in names}
    workbench.declare(
        {
            "version": 1,
            "buckets": {"weights": BUCKET},
            "gateways": {"public": GATEWAY},
            "capacityClaims": canary()["capacityClaims"],
            "deployments": deployments,
        }
    )
    return _preview(workbench)


SCENARIOS: tuple[Scenario, ...] = (
    create,
    same,
    update,
    newcomer,
    replace,
    delete,
    destroy,
    failed,
    drift,
    imported,
    fixed,
    many,
)


def _up(workbench: Workbench, document: Mapping[str, Any]) -> None:
    workbench.declare(document)
    run = workbench.up()
    assert run.ok, run.errors


def _preview(workbench: Workbench, *flags: str) -> str:
    return _json(workbench.preview("--json", "--show-sames", *flags).output)


def _delete(service: Service, kind: str, name: str) -> None:
    import httpx

    id_ = service.live(kind)[name]["spec"]["id"]
    headers = {"authorization": f"Bearer {service.simulator.token}"}
    httpx.delete(f"{service.url}/v1alpha1/inference/{kind}/{id_}", headers=headers).raise_for_status()
    while name in service.live(kind):
        pass


def _json(output: str) -> str:
    document, _ = json.JSONDecoder().raw_decode(output, output.index("{"))
    return json.dumps(document)


def _scrubbed(text: str, workbench: Workbench) -> str:
    """Without stack traces, pickles, times, and this machine's paths and ports; revisions are numbered."""
    document = json.loads(text, object_hook=_shortened)
    document.pop("duration", None)
    plain = json.dumps(document, indent=1)
    for real, stands_for in (
        (str(workbench.directory.resolve()), "/stacks/serving"),
        (str(workbench.directory), "/stacks/serving"),
        (workbench.service.url, SERVICE),
        (workbench.service.url.removeprefix("http://"), SERVICE.removeprefix("https://")),
    ):
        plain = plain.replace(real, stands_for)
    revisions: dict[str, str] = {}
    plain = re.sub(
        r'"(?:[0-9a-f]{12} [^"]*)"',
        lambda m: revisions.setdefault(m[0], f'"revision {len(revisions) + 1}"'),
        plain,
    )
    plain = TIME.sub("2026-01-01T00:00:00Z", plain)
    plain = re.sub(r'File \\"[^"]*/(?:site-packages|lib/python[0-9.]*)/', r'File \\"', plain)
    return plain + "\n"


def _shortened(mapping: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in mapping.items() if key not in TOO_LONG}


if __name__ == "__main__":
    main()
