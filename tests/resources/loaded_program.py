"""Run as a script in a stack directory: its declaration under Pulumi's mocks; prints what it registers and exports as JSON."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import coreweave_inference as cw
import pulumi
from pulumi.runtime.stack import run_pulumi_func

registered: list[dict[str, Any]] = []
exported: dict[str, Any] = {}


class Engine(pulumi.runtime.Mocks):
    """Notes what a program registers; every output is its input."""

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        inputs = {
            key: value for key, value in args.inputs.items() if value is not None and key != "__provider"
        }
        registered.append({"type": args.typ, "name": args.name, "inputs": inputs})
        endpoints = {"endpoints": ["https://gw.example/"]} if args.typ.endswith("Gateway") else {}
        return args.name, {**args.inputs, **endpoints}

    def call(self, args: pulumi.runtime.MockCallArgs) -> dict[str, Any]:
        return {}


async def program() -> None:
    cw.load()
    root: Any = pulumi.runtime.get_root_resource()
    pulumi.Output.from_input(root.outputs).apply(exported.update)


if __name__ == "__main__":
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)  # The mocks declare the stack itself, on the loop that is current then.
    pulumi.runtime.set_mocks(Engine(), project="acme", stack="dev", preview=False, organization="acme-corp")
    loop.run_until_complete(run_pulumi_func(program))
    print(json.dumps({"registered": registered, "exported": exported}))
