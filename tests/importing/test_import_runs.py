"""`cw-inference import` with the real engine, in front of an account that was made by hand."""

from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path

import pytest
import yaml
from coreweave_inference.policy.statements import inference_statement, owner_statement

from tests.importing.accounts import ZONE, Account, fifty, files, policy_of, small
from tests.running.command_line import Stack, until


def test_fifty_objects_of_every_kind_come_in_with_an_empty_preview_and_no_write(
    stack: Stack, account: Account
) -> None:
    count = fifty(account)
    made = account.writes()

    first = stack.document("import", "--apply", "--yes")
    state, written = stack.state(), files(stack)
    second = stack.document("import", "--apply", "--yes")

    assert (first["code"], first["errors"], first["expected"]) == (0, [], [])
    assert first["preview"] == {"same": count + 3 + 2 + 2}  # buckets, policies, account and readiness
    assert len([one for one in first["imported"] if one["kind"] != "weights bucket"]) == count
    assert (second["code"], second["imported"], second["preview"]) == (0, [], first["preview"])
    assert len(second["present"]) == count + 3
    assert (stack.state(), files(stack)) == (state, written)
    assert account.writes() == made
    secrets = [f"S3cr3t/{number}" for number in range(3)]
    everything = [first["stderr"], json.dumps(first), json.dumps(state), *map(str, written.values())]
    assert not [secret for secret in secrets if any(secret in text for text in everything)]


@pytest.mark.thorough
def test_an_import_without_apply_writes_three_files_and_pulumi_alone_can_use_them(
    stack: Stack, account: Account
) -> None:
    small(account)
    stack.pulumi("stack", "init", "--no-select", "dev")
    before, made = files(stack), account.writes()

    shown = stack.run("import", "--dry-run")
    assert (shown.returncode, files(stack)) == (0, before)
    assert "proof: the next preview is empty" in shown.stdout
    found = stack.run("import")
    assert found.returncode == 0, found.stderr
    assert set(files(stack)) - set(before) == {"inference.yaml", "import.json", "import-report.md"}
    assert not stack.state().get("resources")
    again, first = stack.run("import"), files(stack)
    assert (again.returncode, files(stack)) == (0, first)

    flags = ("--generate-code=false", "--protect=false", "--yes", "--stack", "dev")
    stack.pulumi("import", "--file", "import.json", *flags)
    preview = stack.document("preview")

    assert (preview["ok"], preview["counts"], preview["drift"]) == (True, {"same": 8}, [])
    assert account.writes() == made


@pytest.mark.thorough
def test_what_was_imported_can_be_changed_and_destroyed_and_a_gateway_in_use_goes_last(
    stack: Stack, account: Account
) -> None:
    small(account)
    stack.run("import", "--apply", "--yes")
    file = stack.path / "inference.yaml"
    file.write_text(file.read_text().replace("max: 4", "max: 5"))

    up = stack.document("up", "--yes")
    live = account.live("deployments")
    down = stack.document("destroy", "--yes")

    assert (up["ok"], up["counts"]["update"]) == (True, 3), up["errors"]  # both deployments, and readiness
    assert {name: found["spec"]["autoscaling"]["max"] for name, found in live.items()} == {
        "chat": 5,
        "chat-canary": 5,
    }
    assert down["ok"], down["errors"]
    assert {kind: len(found) for kind, found in account.simulator.control.account().items()} == {
        "gateways": 0,
        "capacityclaims": 0,
        "deployments": 0,
        "buckets": 1,
    }
    statements = json.loads(account.s3.get_bucket_policy(Bucket="acme-weights")["Policy"])["Statement"]
    assert sorted(found["Sid"] for found in statements) == ["AllowInference", "Ourselves"]


def test_a_killed_import_of_a_half_is_finished_by_the_next_one_and_the_other_half_joins(
    stack: Stack, account: Account
) -> None:
    small(account)
    account.simulator.behaviour = account.simulator.behaviour.changed({"emit_zero_values": True})
    made, half = account.writes(), ("import", "--only", "public,chat*", "--apply", "--yes")
    with stack.started(*half) as process:
        until(lambda: (stack.path / "import-report.md").exists())
        process.send_signal(signal.SIGKILL)
        process.communicate()

    first = stack.document(*half)
    file = stack.path / "inference.yaml"
    file.write_text("# Ours.\n" + file.read_text().replace("  chat:\n", "  # The main one.\n  chat:\n"))
    kept = file.read_text()
    second = stack.document("import", "--apply", "--yes")

    assert (first["code"], first["preview"]) == (0, {"same": 7}), first["stderr"]
    assert (second["code"], second["preview"], second["errors"]) == (0, {"same": 8}, [])
    assert [one["key"] for one in second["imported"]] == ["h200"]
    assert file.read_text().startswith(kept)
    resources = stack.state()["resources"]
    owned = next(one for one in resources if one["type"].endswith(":Readiness"))
    assert len(owned["inputs"]["__owned"]) == 6
    assert len({one["urn"] for one in resources}) == len(resources)
    assert stack.names() == {
        "account",
        "ready",
        "public",
        "h200",
        "chat",
        "chat-canary",
        "acme-weights",
        "acme-weights-policy",
    }
    assert account.writes() == made


def test_a_program_that_does_not_load_the_declaration_keeps_its_state(stack: Stack, account: Account) -> None:
    small(account)
    (stack.path / "__main__.py").write_text("import coreweave_inference as cw\n\ncw.export()\n")

    found = stack.run("import", "--apply", "--yes")

    assert found.returncode == 1
    assert "does not load inference.yaml" in found.stdout
    assert "__main__.py has to load the declaration" in found.stderr
    assert "nothing was imported: the state is as it was" in found.stderr
    assert not stack.state().get("resources")


@pytest.mark.thorough
def test_a_lost_state_is_imported_again_with_bucket_and_statement_of_the_stack_itself(
    stack: Stack, account: Account
) -> None:
    account.bucket(policy=None)
    stack.declare(
        "buckets:\n  weights: {name: acme-weights, zone: US-EAST-04A, adopt: true, policy: {prefixes: [models], ownerAccess: organization}}\n",
        "gateways:\n  public: {zones: [US-EAST-04A], coreWeaveAuth: {}, bodyBasedRouting: {}}\n",
        "deployments:\n  chat:\n    gateways: [public]\n    model: {name: acme/chat, path: models/chat}\n"
        "    runtime: {engine: vllm}\n    resources: {instanceType: gd-8xh200ib-i128, gpuCount: 1}\n"
        "    autoscaling: {min: 1, max: 2, concurrency: 8}\n",
    )
    up = stack.document("up", "--yes")
    assert up["ok"], up["errors"]
    ids = {one["urn"]: one["id"] for one in stack.state()["resources"] if "inference:" in one["type"]}
    text, made = (stack.path / "inference.yaml").read_text(), account.writes()
    stack.pulumi("stack", "rm", "--force", "--yes", "--stack", "dev", "--preserve-config")

    found = stack.document("import", "--apply", "--yes")

    assert (found["code"], found["preview"], found["expected"]) == (0, {"same": 6}, [])
    assert {one["urn"]: one["id"] for one in stack.state()["resources"] if "inference:" in one["type"]} == ids
    assert ((stack.path / "inference.yaml").read_text(), account.writes()) == (text, made)


@pytest.mark.thorough
def test_a_new_directory_becomes_a_stack_directory(stack: Stack, account: Account, tmp_path: Path) -> None:
    by_hand = {**inference_statement("acme-weights"), "Sid": "Mine"}
    account.bucket(policy=policy_of("acme-weights", by_hand))
    gateway = account.gateway("public", zones=[ZONE])
    account.deployment("chat", [gateway], runtime={"engineEnv": {"VLLM_ATTENTION_BACKEND": "s3cr3t/1"}})
    target = tmp_path / "serving"

    found = stack.run("import", str(target), "--name", "acme", "--apply", "--yes", stack="prod")

    assert found.returncode == 0, found.stderr
    assert "5 unchanged" in found.stdout
    assert "export before each run: CHAT_VLLM_ATTENTION_BACKEND" in found.stdout
    assert {"Pulumi.yaml", "Pulumi.prod.yaml", "inference.yaml", "__main__.py"} <= {
        f.name for f in target.iterdir()
    }
    assert yaml.safe_load((target / "Pulumi.yaml").read_text())["name"] == "acme"
    state = "".join(file.read_text() for file in stack.backend.rglob("prod.json"))
    assert "chat" in state
    assert "s3cr3t" not in state
    assert owner_statement(
        "acme-weights", "ab1cd2"
    )  # The policy's owner may read it, else it would be used only.


@pytest.mark.thorough
def test_two_imports_of_one_stack_from_two_directories_lose_nothing_unreported(
    stack: Stack, account: Account, tmp_path: Path
) -> None:
    small(account)
    shutil.copytree(stack.path, tmp_path / "other")
    with (
        stack.started("import", "--apply", "--yes", "--only", "claims") as one,
        stack.started("import", str(tmp_path / "other"), "--apply", "--yes", "--only", "public,chat*") as two,
    ):
        printed = [process.communicate(timeout=120)[1] for process in (one, two)]

    for process, error in zip((one, two), printed, strict=True):
        assert process.returncode in (0, 3) or "another run wrote its state" in error
    last = stack.document("import", "--apply", "--yes")
    assert (last["expected"], last["preview"]) == ([], {"same": 8})


def test_differences_end_with_code_three_and_are_named(stack: Stack, account: Account) -> None:
    small(account)
    stack.run("import")
    file = stack.path / "inference.yaml"
    file.write_text(file.read_text().replace("max: 4", "max: 5"))
    failed = account.live("deployments")["chat-canary"]["spec"]["id"]
    account.simulator.world.set_status(failed, "STATUS_FAILED", [])
    text = file.read_text()
    file.write_text(text.replace("weight: 900", "weight: 0").replace("weight: 100", "weight: 0"))
    stopped = stack.document("import")
    file.write_text(text)

    assert (stopped["code"], stopped["ok"]) == (3, False)
    assert [found["code"] for found in stopped["findings"]] == ["traffic-sum-zero"]
    applied = stack.document("import", "--apply", "--yes")

    assert applied["code"] == 3
    assert [(one["label"], one["changes"]) for one in applied["expected"]] == [
        ('deployment "chat"', ["autoscaling.max: 4 -> 5"]),
        ('deployment "chat-canary"', ["autoscaling.max: 4 -> 5"]),
        (
            "readiness",
            ['waits for deployment "chat-canary": FAILED, and the service gives no condition'],
        ),
    ]
    assert applied["preview"]["update"] == 3
    assert account.live("deployments")["chat"]["spec"]["autoscaling"]["max"] == 4


@pytest.mark.thorough
def test_what_does_not_serve_is_in_the_proof_and_in_the_preview_and_ends_with_code_three(
    stack: Stack, account: Account
) -> None:
    small(account)
    account.bucket("acme-closed", policy=None)
    account.deployment("closed", [account.gateway("edge", zones=[ZONE])], model={"bucket": "acme-closed"})
    live = account.live("deployments")
    account.simulator.world.set_status(live["chat"]["spec"]["id"], "STATUS_ERROR", [])
    account.simulator.world.set_status(live["chat-canary"]["spec"]["id"], "STATUS_FAILED", [])
    made = account.writes()

    shown, applied = stack.document("import"), stack.document("import", "--apply", "--yes")
    again = stack.run("import", "--apply", "--yes")

    expected = [(one["what"], one["label"], len(one["changes"])) for one in shown["expected"]]
    assert (shown["code"], expected) == (3, [("changes", "readiness", 3)])
    assert (applied["code"], applied["expected"]) == (3, shown["expected"])
    assert {"deployment "} == {change.partition('"')[0][-11:] for change in shown["expected"][0]["changes"]}
    assert applied["preview"] == {"same": 10, "update": 1}
    assert len(applied["imported"]) == 8
    errors = {found["code"] for found in applied["findings"] if found["severity"] == "error"}
    assert errors == {"weights-not-listed"}
    assert again.returncode == 3
    assert "what does not serve is waited for by the next `up`" in again.stdout
    assert "or list it under `accept`" in again.stdout
    assert account.writes() == made


@pytest.mark.thorough
def test_a_stack_gives_an_object_away_and_another_one_takes_it(
    stack: Stack, account: Account, tmp_path: Path
) -> None:
    small(account)
    file, other = stack.path / "inference.yaml", str(tmp_path / "other")
    half = stack.run("import", "--only", "public")
    assert half.returncode == 2
    assert 'gateway "public": deployments chat, chat-canary use it' in half.stderr
    assert not (stack.path / "import.json").exists()
    first = stack.document("import", "--apply", "--yes")
    made = account.writes()
    # Another directory on the same backend finds that a stack has it all.
    everything, named = (
        stack.document("import", other, "--dry-run"),
        stack.document("import", other, "--dry-run", "--only", "h200"),
    )
    assert (everything["code"], everything["imported"]) == (0, [])
    assert {one["why"].partition(";")[0] for one in everything["leftOut"]} == {
        "it is in the state of stack serving/dev"
    }
    assert named["code"] == 2
    assert "in the state of stack serving/dev" in named["errors"][0]

    file.write_text(
        file.read_text().replace("    name: h200\n", "    name: h200\n    options: {retainOnDelete: true}\n")
    )
    kept = stack.document("up", "--yes")
    text = file.read_text()
    start, end = text.index("capacityClaims:"), text.index("deployments:")
    file.write_text(text[:start] + text[end:])
    given = stack.document("up", "--yes")
    taken = stack.document("import", other, "--only", "h200", "--apply", "--yes")
    stack.pulumi("stack", "rm", "--force", "--yes", "--preserve-config", "--stack", "dev")
    rest = stack.document("import", other, "--apply", "--yes")

    assert (first["code"], kept["ok"], given["ok"]) == (0, True, True), (kept["errors"], given["errors"])
    assert given["counts"].get("keep") == 1
    assert (taken["code"], taken["preview"], len(taken["imported"])) == (0, {"same": 3}, 1)
    assert (rest["code"], len(rest["imported"]), rest["leftOut"]) == (0, 4, [])
    assert account.writes() == made
