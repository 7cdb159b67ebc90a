"""`init`: a stack directory to start from. Files that exist are left as they are; nothing is run."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from coreweave_inference.errors import Fault, InvalidDeclaration
from coreweave_inference.version import __version__

if TYPE_CHECKING:
    from coreweave_inference.engine.directory import StackDirectory

PROJECT = """\
name: {name}
description: A model-serving stack on CoreWeave Dedicated Inference
runtime:
  name: python
  options:
    # Both keys are needed: the program and its providers find their Python by different rules.
    # `pulumi install` makes the virtualenv from requirements.txt; `cw-inference` needs none.
    toolchain: pip
    virtualenv: .venv
# A preview then shows what was changed outside, and `up` knowingly puts it back.
options: {{refresh: always}}
"""

PROGRAM = """\
import coreweave_inference as cw

stack = cw.load()
"""

IGNORED = """\
/.venv/
/venv/
__pycache__/
"""

DECLARATION = """\
# yaml-language-server: $schema=./inference.schema.json
version: 1

# Where the weights lie. `destroy` keeps the bucket, unless there is `options: {{retainOnDelete: false}}`, and, where it is not
# empty, `forceDestroy: true`. `policy` lets the inference service read the folders named.
# ownerAccess: a first policy shuts out everyone it does not name; `organization` keeps your own users in.
buckets:
  weights:
    name: {bucket}
    zone: {zone}
    policy: {{prefixes: [models], ownerAccess: organization}}

# The address that clients call; they authenticate with a CoreWeave API token.
gateways:
  public:
    zones: [{zone}]
    coreWeaveAuth: {{}}
    bodyBasedRouting: {{apiType: API_TYPE_OPENAI}}

# GPU instances reserved, billed for as long as the claim exists. `cw-inference catalog` shows what there is.
# capacityClaims:
#   h200:
#     instanceId: gd-8xh200ib-i128
#     instanceCount: 1
#     capacityType: CAPACITY_TYPE_SERVERLESS
#     zones: [{zone}]

deployments:
  chat:
    gateways: [public]
    model:
      name: acme/chat                     # what clients ask for
      path: models/llama-3.1-8b           # where its weights lie in the bucket
    runtime:
      engine: vllm                        # version left out: the newest at creation, kept from then on
      engineConfig: {{max-model-len: 16384}}
    resources: {{instanceType: gd-8xh200ib-i128, gpuCount: 1}}
    autoscaling:
      min: 1
      max: 2
      concurrency: 32
      capacityClasses: [CAPACITY_CLASS_ON_DEMAND]   # with a claim: CAPACITY_CLASS_RESERVED

  # A second version of the model, for a share of the traffic (then give `chat` a weight too):
  # chat-canary:
  #   extends: chat
  #   model: {{path: models/llama-3.1-8b-v2}}
  #   traffic: {{weight: 100}}
"""


def init(directory: Path, *, name: str, stack: str, zone: str) -> list[str]:
    """Write what is missing; lines that say what was written and what comes next.

    A stack's file without an identity gets one, unless the stack has objects already, whose ids would change.

    Raises InvalidDeclaration for a name that Pulumi would refuse, or where there is nothing left to write, and StartupError
    where it cannot be known whether there are objects.
    """
    from coreweave_inference.engine.directory import StackDirectory, add_identity
    from coreweave_inference.settings.resolution import IDENTITY_KEY

    project = project_name(directory, name)
    _require_name("--name", project)
    _require_name("--stack", stack)
    has_project = (directory / "Pulumi.yaml").exists()
    found = StackDirectory.at(directory) if has_project else None
    file = found.stack_file(stack) if found else directory / f"Pulumi.{stack}.yaml"
    incomplete = False
    if directory.exists() and not directory.is_dir():
        raise InvalidDeclaration([Fault(f"{directory} is a file", do="name a directory, new or not")])
    if file.exists():
        if found is None:
            raise InvalidDeclaration(
                [
                    Fault(
                        f"{file} is there, and {directory} has no Pulumi.yaml",
                        do="put its Pulumi.yaml back, or remove the file",
                    )
                ]
            )
        if IDENTITY_KEY in found.plain_configuration(stack):
            raise InvalidDeclaration(
                [Fault(f'{directory} has a stack "{stack}" already', do="add another one with --stack NAME")]
            )
        _require_no_objects(found, stack)
        incomplete = True
    directory.mkdir(parents=True, exist_ok=True)
    files = {} if has_project else _project_files(project, zone)
    lines = [_written(directory / file_name, text) for file_name, text in files.items()]
    add_identity(file)
    lines.append(f"{'added an identity to' if incomplete else 'written '} {file}")
    if found and (directory / "inference.yaml").is_file() and set(found.stacks()) - {stack}:
        return [*lines, "", *_next_to_others(directory, stack)]
    return [*lines, "", *_next_steps(directory, stack, new=not has_project)]


def prepare(directory: Path, *, name: str, stack: str) -> list[str]:
    """Make a stack directory without a declaration, for one that is written from an account; lines on what was written.

    Raises InvalidDeclaration for a name that Pulumi would refuse.
    """
    from coreweave_inference.engine.directory import StackDirectory, add_identity

    project = project_name(directory, name)
    require_names(project, stack)
    directory.mkdir(parents=True, exist_ok=True)
    files = {file: text for file, text in _project_files(project, "").items() if file != "inference.yaml"}
    files["Pulumi.yaml"] = files.pop(
        "Pulumi.yaml"
    )  # The last one: an import that is killed before it goes on here.
    lines = [_written(directory / file, text) for file, text in files.items()]
    file = StackDirectory.at(directory).stack_file(stack)
    if not file.exists():
        add_identity(file)
        lines.append(f"written  {directory / file.name}")
    return lines


def require_names(project: str, stack: str) -> None:
    """Raises InvalidDeclaration for names that Pulumi would refuse."""
    _require_name("--name", project)
    _require_name("--stack", stack)


def project_name(directory: Path, name: str) -> str:
    """The name of a new project: as given, else the directory's."""
    return name or _project_name(directory)


def _require_no_objects(directory: StackDirectory, stack: str) -> None:
    """Raises InvalidDeclaration where a new identity would change the ids of what the stack has."""
    from coreweave_inference.engine.installation import PulumiCli
    from coreweave_inference.engine.stacks import exported
    from coreweave_inference.model.resource_types import TYPES
    from coreweave_inference.program.recorded import resources_of

    state = exported(directory, lambda: PulumiCli.found(os.environ), stack) or {}
    if any(str(found.get("type", "")).startswith(TYPES) for found in resources_of(state)):
        raise InvalidDeclaration(
            [
                Fault(
                    f'stack "{stack}" has no identity in its file and has objects, whose ids come from its name',
                    do="leave the file as it is: a new identity would replace them all",
                )
            ]
        )


def _project_files(project: str, zone: str) -> dict[str, str]:
    from coreweave_inference.declaration import schema

    return {
        "Pulumi.yaml": PROJECT.format(name=project),
        "inference.yaml": DECLARATION.format(zone=zone, bucket=f"{_as_bucket_name(project)}-weights"),
        "__main__.py": PROGRAM,
        "requirements.txt": f"coreweave-inference>={__version__}\n",
        ".gitignore": IGNORED,
        # Editors complete and check the declaration, and an overlay of it, with these.
        **{file: schema.text(overlay=overlay) for file, overlay in schema.FILES.items()},
    }


def _written(file: Path, text: str) -> str:
    try:
        with file.open("x", encoding="utf-8") as opened:
            opened.write(text)
    except FileExistsError:
        return f"kept     {file}"
    return f"written  {file}"


def _next_steps(directory: Path, stack: str, *, new: bool) -> list[str]:
    options = f"{shlex.quote(str(directory))} --stack {shlex.quote(stack)}"
    declaration = directory / "inference.yaml"
    return [
        f"Next: edit {declaration}, then" if new else "Next:",
        "  export COREWEAVE_API_TOKEN=…",
        f"  cw-inference up {options} --only buckets",
        "  cw-inference weights push FOLDER BUCKET models/llama-3.1-8b",
        f"  cw-inference preview {options}",
        f"  cw-inference up {options}",
    ]


def _next_to_others(directory: Path, stack: str) -> list[str]:
    options = f"{shlex.quote(str(directory))} --stack {shlex.quote(stack)}"
    return [
        f"Next: write what {stack} has otherwise into {directory / f'inference.{stack}.yaml'}.",
        "A bucket that another stack made is adopted there, with the weights in it:",
        "  buckets: {weights: {adopt: true}}",
        "Then",
        "  export COREWEAVE_API_TOKEN=…",
        f"  cw-inference preview {options}",
        f"  cw-inference up {options}",
    ]


def _project_name(directory: Path) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", directory.resolve().name).strip("-.") or "inference"


def _as_bucket_name(project: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", project.lower()).strip("-")[:40] or "acme"


def _require_name(option: str, text: str) -> None:
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,100}", text):
        raise InvalidDeclaration(
            [
                Fault(
                    f'{option} "{text}" is not a name for Pulumi',
                    do="use letters, digits, hyphens, underscores, dots",
                )
            ]
        )
