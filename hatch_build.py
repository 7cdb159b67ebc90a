"""The README as a package index shows it: see `scripts/package_readme.py`."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface


class PackageReadme(MetadataHookInterface):
    """Gives the package's metadata its long description."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Put it there; links lead to `project.urls.Repository`, where there is one."""
        root = Path(self.root)
        for_index = runpy.run_path(str(root / "scripts" / "package_readme.py"))["for_index"]
        text = for_index(
            (root / "README.md").read_text("utf-8"), metadata.get("urls", {}).get("Repository", "")
        )
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
