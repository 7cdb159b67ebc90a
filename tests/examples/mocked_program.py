"""Run as a script: one example under Pulumi's mocks; prints the resources that it declared as JSON.

The example's own provider for buckets is a download of its own, so nothing is sent anywhere here.
"""

from __future__ import annotations

import asyncio
import json
import runpy
import sys
from typing import Any

import pulumi
from pulumi.runtime.stack import run_pulumi_func, wait_for_rpcs

declared: list[dict[str, Any]] = []


class Recorder(pulumi.runtime.Mocks):
    """Takes every resource as it is declared."""

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        declared.append({"type": args.typ, "name": args.name, "inputs": args.inputs})
        return f"{args.name}-id", dict(args.inputs)

    def call(self, args: pulumi.runtime.MockCallArgs) -> dict[str, Any]:
        return {}


async def program() -> None:
    """The example, and everything that it set going."""

    async def run() -> None:
        runpy.run_path(sys.argv[1], run_name="__main__")

    await run_pulumi_func(run)
    await wait_for_rpcs()


if __name__ == "__main__":
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)  # The mocks declare the stack itself, on the loop that is current then.
    pulumi.runtime.set_mocks(Recorder(), project="example", stack="dev", preview=False)
    loop.run_until_complete(program())
    print(json.dumps(declared, default=str))
