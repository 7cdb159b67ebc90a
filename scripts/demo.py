"""The main job from beginning to end, against the simulator on a loopback port: `make demo` runs it.

With `--picture` the simulator takes its time, and the live table of its first `up` becomes the picture of the README.

Every step is a command that a user would type, or a request that a client would send. Nothing is written outside
`.demo/` in the checkout, nothing is left running, and any step that does not do what it says ends with exit code 1.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

CHECKOUT = Path(__file__).resolve().parent.parent
PLACE = CHECKOUT / ".demo"
STACK = PLACE / "quickstart"
DECLARATION = STACK / "inference.yaml"
EVENTS = PLACE / "up.jsonl"
DRAWS = "--picture" in sys.argv[1:]
SLOWLY = ("gateway_create_seconds=8", "claim_create_seconds=14", "deployment_create_seconds=40")
CLI = [sys.executable, "-m", "coreweave_inference.cli"]
MODEL, WEIGHTS, BUCKET = "acme/chat", "models/llama-3.1-8b", "acme-weights"

CANARY = """
  chat-canary: {extends: chat, model: {path: models/llama-3.1-8b-v2}, traffic: {weight: 0}}
"""


class Wrong(Exception):
    """A step did not do what the demo says it does."""


def main() -> None:
    """Run all steps; raises Wrong at the first one that fails."""
    start = time.monotonic()
    shutil.rmtree(PLACE, ignore_errors=True)
    (PLACE / "state").mkdir(parents=True)
    with simulator() as service:
        environment = isolated(service)
        run = command(environment)
        bring_the_bucket_up(run)
        bring_the_stack_up(run)
        with httpx.Client(headers={"Authorization": f"Bearer {service['token']}"}) as client:
            base_url = say_hello(environment, client)
            roll_a_canary_out(run, base_url, client)
        break_and_fix(run)
        tear_down(run, service["url"])
    say(
        f"Done in {time.monotonic() - start:.0f} s. Nothing is left running; {PLACE.name}/ holds what was written."
    )


Run = Callable[..., str]


def bring_the_bucket_up(run: Run) -> None:
    """Weights must be there before anything can start."""
    say("A stack directory: the quickstart, with an identity of its own")
    shutil.copytree(CHECKOUT / "stacks" / "quickstart", STACK)
    run("init", ".", "--stack", "demo")
    # The demo takes its bucket away again; a stack keeps its weights unless it says so.
    change(
        "    zone: US-EAST-04A\n    policy:",
        "    zone: US-EAST-04A\n    forceDestroy: true\n    options: {retainOnDelete: false}\n    policy:",
    )
    say("The bucket first, then the weights (two small folders made here)")
    run("up", "--yes", "--only", "buckets")
    for version in ("", "-v2"):
        folder = PLACE / f"weights{version}"
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps({"architectures": ["LlamaForCausalLM"]}))
        (folder / "model.safetensors").write_bytes(os.urandom(64 * 1024))
        run("weights", "push", str(folder), BUCKET, WEIGHTS + version)


def bring_the_stack_up(run: Run) -> None:
    """Policy, gateway, capacity claim, deployment, and the wait until it serves."""
    say("The whole stack: what will happen, and then it does")
    run("preview")
    run("up", "--yes", "--events", str(EVENTS))
    if DRAWS:
        subprocess.run([sys.executable, CHECKOUT / "scripts" / "picture.py", EVENTS], check=True)


def say_hello(environment: Mapping[str, str], client: httpx.Client) -> str:
    """One chat completion through the gateway; returns the base URL."""
    say("One request, as a client sends it")
    shown = subprocess.run(
        ["pulumi", "stack", "output", "--json", "--stack", "demo"],
        cwd=STACK,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    base_url: str = json.loads(shown.stdout)["models"][MODEL]["baseUrls"][0]
    answer = ask(client, base_url)
    print(f"  {answer.json()['choices'][0]['message']['content']}")
    return base_url


def roll_a_canary_out(run: Run, base_url: str, client: httpx.Client) -> None:
    """900/0 until the canary serves, then 900/100 and 500/500, measured with real requests each time."""
    say("A canary without traffic, until it serves")
    DECLARATION.write_text(DECLARATION.read_text() + "    traffic: {weight: 900}" + CANARY)
    run("up", "--yes")
    measure(client, base_url, {"chat": 1.0, "chat-canary": 0.0})
    say("A tenth of the traffic")
    change("{weight: 0}", "{weight: 100}")
    run("up", "--yes")
    measure(client, base_url, {"chat": 0.9, "chat-canary": 0.1})
    say("Half of it: the preview shows one field of each, and nothing else")
    change("{weight: 900}", "{weight: 500}")
    change("{weight: 100}", "{weight: 500}")
    run("preview")
    run("up", "--yes")
    measure(client, base_url, {"chat": 0.5, "chat-canary": 0.5})


def break_and_fix(run: Run) -> None:
    """A path without weights: refused before it runs; let through, the error; and the way back."""
    say("A mistake on purpose: a path where no weights are, which is seen before anything runs")
    change(f"path: {WEIGHTS}-v2", f"path: {WEIGHTS}-v3")
    if "weights-missing" not in run("up", "--yes", expect=2):
        raise Wrong("the finding is not named")
    say("Let through all the same: the service's own condition, and nothing lost")
    if "ModelNotFound" not in run("up", "--yes", expect=1, COREWEAVE_CHECKS="warn"):
        raise Wrong("the error does not name the condition")
    say("The next run fixes it")
    change(f"path: {WEIGHTS}-v3", f"path: {WEIGHTS}-v2")
    run("up", "--yes")


def tear_down(run: Run, url: str) -> None:
    """Everything goes, in order, and the account is read."""
    say("Tear it down")
    run("destroy", "--yes")
    account = httpx.get(f"{url}/simulator/account").json()
    print(f"  the account: {account}")
    if any(account.values()):
        raise Wrong("the account is not empty")


def measure(client: httpx.Client, base_url: str, expected: Mapping[str, float], requests: int = 200) -> None:
    """Send requests and compare who answered with the weights."""
    served = Counter(
        ask(client, base_url).headers["x-served-by"].removesuffix("-quickstart-demo") for _ in range(requests)
    )
    print(f"  {requests} requests: " + ", ".join(f"{name} {count}" for name, count in sorted(served.items())))
    for name, share in expected.items():
        if abs(served[name] / requests - share) > 0.02:
            raise Wrong(f"{name} answered {served[name]} of {requests} requests instead of {share:.0%}")


def ask(client: httpx.Client, base_url: str) -> httpx.Response:
    """One chat completion."""
    body = {"model": MODEL, "messages": [{"role": "user", "content": "Say hello."}]}
    answer = client.post(f"{base_url}/chat/completions", json=body)
    if answer.status_code != 200:
        raise Wrong(f"the gateway answered {answer.status_code}: {answer.text}")
    return answer


def change(old: str, new: str) -> None:
    """Edit the declaration and show the edit."""
    text = DECLARATION.read_text()
    if old not in text:
        raise Wrong(f"the declaration does not say {old!r}")
    for sign, lines in (("-", old), ("+", new)):
        print("\n".join(f"  {sign} {line.strip()}" for line in lines.strip().splitlines()))
    DECLARATION.write_text(text.replace(old, new, 1))


def command(environment: Mapping[str, str]) -> Run:
    """A way to run cw-inference in the stack directory: shows what it prints, checks its exit code, returns the text."""

    def run(*words: str, expect: int = 0, **variables: str) -> str:
        shown = " ".join([*(f"{name}={value}" for name, value in variables.items()), "cw-inference", *words])
        print(f"  $ {shown}", flush=True)
        lines = []
        with subprocess.Popen(
            [*CLI, *words],
            cwd=STACK,
            env={**environment, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                print(f"    {line}", end="", flush=True)
                lines.append(line)
        if process.returncode != expect:
            raise Wrong(
                f"cw-inference {words[0]} ended with exit code {process.returncode} instead of {expect}"
            )
        return "".join(lines)

    return run


def isolated(service: Mapping[str, str]) -> dict[str, str]:
    """The environment of every command: this simulator, a state in `.demo/`, and nobody's AWS profile."""
    return {
        **os.environ,
        "COREWEAVE_API_TOKEN": service["token"],
        "COREWEAVE_API_ENDPOINT": service["url"],
        "COREWEAVE_S3_ENDPOINT": service["s3Endpoint"],
        "COREWEAVE_SETTLE_SECONDS": "2",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "PULUMI_BACKEND_URL": (PLACE / "state").as_uri(),
        "PULUMI_HOME": str(PLACE / "pulumi"),
        "PULUMI_CONFIG_PASSPHRASE": "",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
    }


@contextmanager
def simulator() -> Iterator[dict[str, str]]:
    """The service on a free loopback port, ended in any case."""
    say("The service: a simulator of CoreWeave Dedicated Inference on a loopback port")
    settings = [word for setting in SLOWLY if DRAWS for word in ("--set", setting)]
    process = subprocess.Popen(
        [*CLI, "simulate", "--port", "0", "--json", *settings],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise Wrong("the simulator did not start")
        service: dict[str, str] = json.loads(line)
        print(f"  it answers at {service['url']}")
        yield service
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def say(text: str) -> None:
    """A heading."""
    print(f"\n== {text}", flush=True)


if __name__ == "__main__":
    try:
        main()
    except Wrong as wrong:
        sys.exit(f"demo failed: {wrong}")
