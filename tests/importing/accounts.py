"""Accounts that somebody made by hand, through the API itself: bodies, and a client that sends them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx
from coreweave_inference.policy.statements import inference_statement, owner_statement
from coreweave_inference.simulator import Simulator

from tests.running.command_line import Stack
from tests.simulator.inference_fixtures import s3_client

ZONE = "US-EAST-04A"
PATHS = {"gateway": "gateways", "capacityClaim": "capacityclaims", "deployment": "deployments"}
VERSION = "0.22.0+crwv.2"


class Account:
    """What a person with a token does to an account."""

    def __init__(self, simulator: Simulator, client: httpx.Client) -> None:
        self.simulator = simulator
        self._client = client
        self.s3 = s3_client(simulator)

    def make(self, wrapper: str, body: Mapping[str, Any]) -> str:
        """Create an object; its id."""
        answer = self._client.post(PATHS[wrapper], json=body)
        assert answer.status_code == 200, answer.text
        id_: str = answer.json()[wrapper]["spec"]["id"]
        return id_

    def gateway(self, name: str, **more: Any) -> str:
        """A gateway; without auth and routing in `more` the usual ones."""
        body: dict[str, Any] = {"name": name, **more}
        if not {"coreWeaveAuth", "weightsAndBiasesAuth"} & set(body):
            body["coreWeaveAuth"] = {}
        if not any(key.endswith("Routing") for key in body):
            body["bodyBasedRouting"] = {"apiType": "API_TYPE_OPENAI"}
        return self.make("gateway", body)

    def claim(self, name: str, **resources: Any) -> str:
        """A capacity claim."""
        usual = {
            "instanceId": "gd-8xh200ib-i128",
            "instanceCount": 1,
            "capacityType": "CAPACITY_TYPE_MANAGED",
            "zones": [ZONE],
        }
        return self.make("capacityClaim", {"name": name, "resources": {**usual, **resources}})

    def deployment(self, name: str, gateways: list[str], **blocks: Any) -> str:
        """A deployment; each block of `blocks` is merged into the usual one."""
        usual: dict[str, Any] = {
            "runtime": {"engine": "vllm", "version": VERSION},
            "resources": {"instanceType": "gd-8xh200ib-i128", "gpuCount": 1},
            "model": {"name": f"acme/{name}", "bucket": "acme-weights", "path": "models/chat"},
            "autoscaling": {"min": 1, "max": 4, "concurrency": 32},
            "traffic": {"weight": 100},
        }
        merged = {block: {**value, **blocks.pop(block, {})} for block, value in usual.items()}
        return self.make("deployment", {"name": name, "gatewayIds": gateways, **merged, **blocks})

    def bucket(self, name: str = "acme-weights", *paths: str, policy: Any = "documented") -> None:
        """A bucket with weights below each path, and with the documentation's statement in its policy."""
        self.s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": ZONE})
        for path in paths or ("models/chat",):
            self.s3.put_object(Bucket=name, Key=f"{path}/config.json", Body=b"{}")
        if policy == "documented":
            policy = policy_of(name, inference_statement(name, ["models"]))
        if policy is not None:
            self.s3.put_bucket_policy(Bucket=name, Policy=json.dumps(policy))

    def live(self, section: str) -> dict[str, Any]:
        """The live objects of a kind, by name."""
        return {found["spec"]["name"]: found for found in self.simulator.control.account()[section]}

    def writes(self) -> list[str]:
        """Everything that was ever asked of the service and is no look; keys for object storage are none of the account's."""
        entries = self.simulator.journal.entries()
        return [
            f"{e.method} {e.path}"
            for e in entries
            if e.method not in ("GET", "HEAD") and "/access-key" not in e.path
        ]


def policy_of(bucket: str, *statements: Any) -> dict[str, Any]:
    """A policy that somebody wrote: the owner's own users stay in."""
    owner = owner_statement(bucket, "ab1cd2", "Ourselves")
    return {"Version": "2012-10-17", "Statement": [owner, *statements]}


@contextmanager
def account_of(simulator: Simulator) -> Iterator[Account]:
    """A client of the simulator's own account."""
    base = f"{simulator.url}/v1alpha1/inference/"
    with httpx.Client(base_url=base, headers={"Authorization": f"Bearer {simulator.token}"}) as client:
        found = Account(simulator, client)
        try:
            yield found
        finally:
            found.s3.close()


def small(account: Account) -> dict[str, str]:
    """A gateway, a claim, a bucket, and a model with a canary that differs in its path and its weight."""
    account.bucket()
    account.s3.put_object(Bucket="acme-weights", Key="models/chat-v2/config.json", Body=b"{}")
    public = account.gateway("public", zones=[ZONE])
    claim = account.claim("h200")
    model = {"name": "acme/chat"}
    config = {
        "max-model-len": "16384",
        "enable-auto-tool-choice": "",
        "tool-call-parser": "llama3_json",
        "gpu-memory-utilization": "0.90",
    }
    runtime = {"engineConfig": config}
    chat = account.deployment("chat", [public], model=model, runtime=runtime, traffic={"weight": 900})
    canary = account.deployment(
        "chat-canary", [public], model={**model, "path": "models/chat-v2"}, runtime=runtime
    )
    return {"public": public, "h200": claim, "chat": chat, "chat-canary": canary}


def fifty(account: Account) -> int:
    """Fifty objects of every kind and option; how many."""
    account.bucket("acme-weights", "models/chat", "models/large")
    account.bucket("acme-whole", policy=policy_of("acme-whole", inference_statement("acme-whole")))
    by_hand = {**inference_statement("acme-by-hand"), "Sid": "LetThemRead"}
    account.bucket("acme-by-hand", policy=policy_of("acme-by-hand", by_hand))
    routings: list[dict[str, Any]] = [
        {"bodyBasedRouting": {"apiType": "API_TYPE_OPENAI"}},
        {"headerBasedRouting": {"headerName": "x-model"}},
        {"pathBasedRouting": {}},
    ]
    auths: list[dict[str, Any]] = [
        {"coreWeaveAuth": {}},
        {"weightsAndBiasesAuth": {}},
        {"weightsAndBiasesAuth": {"enableUsageReports": True, "enableRateLimiting": True}},
    ]
    gateways = []
    for number, (auth, routing) in enumerate((a, r) for a in auths for r in routings):
        zones = {} if number == 4 else {"zones": [ZONE]}
        dns = {"endpointConfiguration": {"additionalDns": [f"m{number}.example.com"]}} if number % 2 else {}
        gateways.append(account.gateway(f"gw-{number}", **auth, **routing, **zones, **dns))
    for number, (type_, count) in enumerate(
        (t, c)
        for t in ("CAPACITY_TYPE_MANAGED", "CAPACITY_TYPE_SERVERLESS", "CAPACITY_TYPE_CUSTOMER")
        for c in (1, 3)
    ):
        account.claim(
            f"claim-{number}", capacityType=type_, instanceCount=count, instanceId="GD-8xH200ib-I128"
        )
    account.claim("n" * 90, instanceId="gb200-4x")
    made = len(gateways) + 7
    for number in range(50 - made):
        config = {
            "max-model-len": str(8192 + number),
            "gpu-memory-utilization": "0.9",
            "enable-prefix-caching": "true",
        }
        environment = {
            "VLLM_LOGGING_LEVEL": "INFO",
            "VLLM_USE_V1": "1",
            "VLLM_ATTENTION_BACKEND": f"S3cr3t/{number % 3}",
        }
        behind = [gateways[number % len(gateways)]]
        behind += [gateways[(number + 3) % len(gateways)]] if number % 5 == 0 else []
        account.deployment(
            f"model-{number}",
            behind,
            runtime={
                "version": ("0.22.0+crwv.2", "0.21.1+crwv.1", "0.20.0")[number % 3],
                **({"engineConfig": config} if number % 2 else {}),
                **({"engineEnv": environment} if number % 4 == 1 else {}),
            },
            resources={"gpuCount": (1, 2, 4, 8)[number % 4]},
            model={
                "name": f"acme/m{number // 2}",
                "bucket": ("acme-weights", "acme-whole", "acme-by-hand")[number % 3],
                "path": "models/chat" if number % 2 else "/models/chat/",
            },
            autoscaling={
                "min": 1 + number % 2,
                "max": 2 + number % 3,
                "priority": number if number % 3 == 0 else 0,
                "concurrency": 16,
                **(
                    {"capacityClasses": ["CAPACITY_CLASS_ON_DEMAND", "CAPACITY_CLASS_RESERVED"]}
                    if number % 4 == 2
                    else {}
                ),
            },
            traffic={"weight": (100, 0, 1000)[number % 3]},
            **({"disabled": True} if number % 11 == 10 else {}),
        )
    return 50


def files(stack: Stack) -> dict[str, bytes]:
    """Every file of a stack directory."""
    return {file.name: file.read_bytes() for file in sorted(stack.path.iterdir()) if file.is_file()}
