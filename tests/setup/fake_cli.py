"""A Pulumi CLI that is only a script: as a folder, in a release archive, and as what a fake `go` builds."""

from __future__ import annotations

import hashlib
import io
import sys
import tarfile
from pathlib import Path

VERSION = "v3.259.0"
ARCHIVE_NAME = "pulumi-v3.259.0-linux-x64.tar.gz"
CHECKSUMS_NAME = "pulumi-3.259.0-checksums.txt"
CLI_NAMES = [
    "pulumi",
    "pulumi-language-python",
    "pulumi-language-python-exec",
    "pulumi-resource-pulumi-python",
]


PYTHON_PROGRAM = f"""#!/bin/sh
''''exec "{sys.executable}" "$0" "$@" # '''
"""
"""How a Python program begins that can be run whatever the path of this Python is: `#!` takes no spaces."""


def cli_files(version: str = VERSION, *, language_host: bool = True) -> dict[str, str]:
    """File name to content."""
    files = dict.fromkeys(CLI_NAMES, "#!/bin/sh\n") | {"pulumi": f"#!/bin/sh\necho {version}\n"}
    return {name: text for name, text in files.items() if language_host or "language" not in name}


def write_program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def write_cli(directory: Path, version: str = VERSION, *, language_host: bool = True) -> Path:
    for name, text in cli_files(version, language_host=language_host).items():
        write_program(directory / name, text)
    return directory


def write_archive(directory: Path, version: str = VERSION, *, language_host: bool = True) -> Path:
    files = cli_files(version, language_host=language_host)
    members = {f"pulumi/{name}": text for name, text in files.items()}
    return write_members(directory / ARCHIVE_NAME, members | {"pulumi/pulumi-language-go": "not for us"})


def write_members(archive: Path, members: dict[str, str]) -> Path:
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive, "w:gz") as tar:
        for name, text in members.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(text), 0o644
            tar.addfile(member, io.BytesIO(text.encode()))
    return archive


def write_link(archive: Path, name: str, target: str) -> Path:
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive, "w:gz") as tar:
        member = tarfile.TarInfo(name)
        member.type, member.linkname = tarfile.SYMTYPE, target
        tar.addfile(member)
    return archive


def write_checksums(archive: Path, name: str = "SHA256SUMS", *, digest: str = "") -> Path:
    checksums = archive.with_name(name)
    digest = digest or hashlib.sha256(archive.read_bytes()).hexdigest()
    checksums.write_text(f"{'0' * 64}  some-other-file.tar.gz\n{digest}  {archive.name}\n")
    return checksums


def names_in(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())
