"""What the how-to pages show is right."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from coreweave_inference.declaration import read, read_for_stack
from coreweave_inference.errors import InvalidDeclaration

CHECKOUT = Path(__file__).resolve().parents[3]


def shown(page: str) -> str:
    """The first YAML of a page."""
    found = re.search(r"```yaml\n(.*?)```", (CHECKOUT / page).read_text(), re.DOTALL)
    assert found
    return found[1]


def test_the_overlay_of_the_page_fits_the_declaration_of_the_readme(tmp_path: Path) -> None:
    (tmp_path / "inference.yaml").write_text(shown("README.md"))
    overlay = shown("docs/how-to/overlays.md")
    (tmp_path / "inference.prod.yaml").write_text(overlay)

    prod, dev = (read_for_stack(tmp_path / "inference.yaml", stack) for stack in ("prod", "dev"))
    (tmp_path / "inference.prod.yaml").write_text(overlay.replace("min: 4", "min: 40"))
    with pytest.raises(InvalidDeclaration) as caught:
        read_for_stack(tmp_path / "inference.yaml", "prod")

    assert list(prod.deployments) == ["chat", "chat-eu"]
    assert prod.deployments["chat-eu"].spec["autoscaling"]["max"] == 24
    assert prod.deployments["chat"].spec["runtime"]["engineConfig"] == {"max-model-len": "16384"}
    assert prod.gateways["public"].options.protect
    assert list(dev.deployments) == ["chat"]
    message = str(caught.value).splitlines()[0].split("inference.prod.yaml")[1]
    assert f"inference.prod.yaml{message}"[:100] in (CHECKOUT / "docs/how-to/overlays.md").read_text()


def test_the_existing_objects_of_the_page_are_read(tmp_path: Path) -> None:
    path = tmp_path / "inference.yaml"
    path.write_text("version: 1\n" + shown("docs/how-to/split-ownership.md").split("deployments:")[0])

    existing = read(path).existing

    assert list(existing.gateways) == ["internal", "public", "shared"]
    assert existing.capacity_claims["h200"].stack_key == "h200"
    assert existing.buckets["weights"].zone == "US-EAST-04A"


@pytest.mark.parametrize("project", ["platform", "models"])
@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_the_stacks_of_a_team_are_right_with_each_overlay(project: str, stack: str) -> None:
    found = read_for_stack(CHECKOUT / "stacks" / project / "inference.yaml", stack)

    assert all(gateway.options.protect for gateway in found.gateways.values()) is (
        stack == "prod" or project == "models"
    )
    assert {item.stack for item in found.existing.objects()} <= {f"organization/platform/{stack}"}


@pytest.mark.parametrize(
    "path", sorted(CHECKOUT.glob("stacks/*/Pulumi.yaml")), ids=lambda path: path.parent.name
)
def test_the_project_of_a_stack_is_named_after_its_directory(path: Path) -> None:
    project = yaml.safe_load(path.read_text())

    assert project["name"] == path.parent.name
    assert project["options"] == {"refresh": "always"}
