"""Compiles the published schema of the API to the descriptors that the simulator reads.

`compile_schema.py SCHEMA` writes them; `compile_schema.py --check SCHEMA` only says whether they are current.
The published text holds several files. Its options, and the files that only options need, are left out: they
import what is not published with it, and the simulator has its own rules for each field.
"""

from __future__ import annotations

import re
import sys
import tempfile
from importlib.resources import files
from pathlib import Path

from coreweave_inference.simulator.schema.messages import DESCRIPTORS
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from grpc_tools import protoc

TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|//[^\n]*|\w+|\s+|.')
FILE = re.compile(r"^// FILE (\S+)\n", re.MULTILINE)
ONLY_FOR_OPTIONS = re.compile(r'^import "(?:buf/|google/api/|.*/validation\.proto).*\n', re.MULTILINE)


def sources(published: str) -> dict[str, str]:
    """The files in the published text, by their paths, without options and comments."""
    _, *parts = FILE.split(published)
    found = dict(zip(parts[::2], parts[1::2], strict=True))
    return {path: plain(text) for path, text in found.items() if not path.endswith("/validation.proto")}


def plain(text: str) -> str:
    """A file without comments, options, and the imports that only options need."""
    kept: list[str] = []
    opened, skipping = 0, False
    for token in TOKEN.findall(ONLY_FOR_OPTIONS.sub("", text)):
        skipping = skipping or token in ("option", "[")
        if skipping:
            opened += (token in ("[", "{", "(")) - (token in ("]", "}", ")"))
            skipping = opened > 0 or token not in ("]", ";")
        elif not token.startswith("//"):
            kept.append(token)
    return "".join(kept)


def descriptors(published: str) -> FileDescriptorSet:
    """The compiled files, with what they import."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        compiled = directory / "descriptors"
        written = [directory / path for path in sources(published)]
        for file, text in zip(written, sources(published).values(), strict=True):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        known = files("grpc_tools") / "_proto"
        options = [f"-I{directory}", f"-I{known}", "--include_imports", f"--descriptor_set_out={compiled}"]
        if protoc.main(["protoc", *options, *map(str, written)]):
            raise SystemExit("the published schema does not compile")
        return FileDescriptorSet.FromString(compiled.read_bytes())


def main(arguments: list[str]) -> int:
    """Exit code 1 if the descriptors were not current and only compared."""
    *options, schema = arguments
    found = descriptors(Path(schema).read_text(encoding="utf-8"))
    if options == ["--check"]:
        current = found == FileDescriptorSet.FromString(DESCRIPTORS.read_bytes())
        print(f"{DESCRIPTORS.name} is {'current' if current else 'stale: run scripts/compile_schema.py'}")
        return 0 if current else 1
    DESCRIPTORS.write_bytes(found.SerializeToString(deterministic=True))
    print(f"wrote {DESCRIPTORS.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
