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


GO = """\
import os, pathlib, sys, time
here, build, arguments = pathlib.Path({here!r}), {build!r}, sys.argv[1:]
assert os.environ["GOFLAGS"] == "-mod=mod" and os.environ["GOWORK"] == "off"
required = [line.split()[1:] for line in open("go.mod") if line.startswith("require")]
assert required == [
    ["github.com/pulumi/pulumi/" + module, "v3.259.0"] for module in ("pkg/v3", "sdk/v3")
]
if arguments[0] == "list":
    print(here / "sdk")
elif build == "broken":
    sys.exit("lots of text\\nsyntax error")
else:
    if build == "stopped":
        (here / "pid").write_text(str(os.getpid()))
        (here / "pid").rename(here / "building")
        time.sleep(60)
    assert "-X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v3.259.0" in arguments[2]
    pulumi = pathlib.Path(arguments[arguments.index("-o") + 1])
    pulumi.write_text("#!/bin/sh\\necho v3.259.0\\n")
    pulumi.chmod(0o755)
"""
"""A `go` that checks what it is asked to build, and does what `build` names."""


def cli_files(version: str = VERSION) -> dict[str, str]:
    """File name to content; the CLI refuses the caller's settings."""
    asked = f'test "$PULUMI_HOME" != /hostile && echo {version}'
    return dict.fromkeys(CLI_NAMES, "#!/bin/sh\n") | {"pulumi": f"#!/bin/sh\n{asked}\n"}


def write_program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def write_cli(directory: Path, version: str = VERSION) -> Path:
    for name, text in cli_files(version).items():
        write_program(directory / name, text)
    return directory


def write_archive(directory: Path) -> Path:
    """A release: the CLI, and what no run here needs; a member that would be written elsewhere too."""
    archive = directory / ARCHIVE_NAME
    archive.parent.mkdir(parents=True, exist_ok=True)
    files = {f"pulumi/{name}": text for name, text in cli_files().items()}
    with tarfile.open(archive, "w:gz") as tar:
        for name, text in {**files, "pulumi/pulumi-language-go": "x", "../pulumi": "gotcha"}.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(text), 0o644
            tar.addfile(member, io.BytesIO(text.encode()))
    return archive


def write_checksums(archive: Path, name: str = "SHA256SUMS", *, digest: str = "") -> Path:
    checksums = archive.with_name(name)
    digest = digest or hashlib.sha256(archive.read_bytes()).hexdigest()
    checksums.write_text(f"{'0' * 64}  some-other-file.tar.gz\n{digest}  {archive.name}\n")
    return checksums


def names_in(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())
