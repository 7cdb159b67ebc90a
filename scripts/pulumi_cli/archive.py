"""Release archives: where one is, whether it is the right one, and how it is unpacked without harm.

Nothing here may leave anything outside the directory it was given.
"""

from __future__ import annotations

import gzip
import shutil
import tarfile
import urllib.parse
import urllib.request
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TypeVar

from .download import (
    RESPONSE_SECONDS,
    Missing,
    Tell,
    listed_digest,
    read_text,
    refuse_other_than,
    save,
)
from .inspection import Left

T = TypeVar("T")

_SYSTEMS = {"linux": "linux", "darwin": "darwin"}
_MACHINES = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}


@dataclass(frozen=True)
class Release:
    """An official release: its archive's name, and the base URLs that have it, in the order they are asked.

    The checksums are asked for elsewhere than the archive as long as possible, so that one site alone
    cannot hand out both a wrong archive and the checksum that goes with it.
    """

    version: str
    platform: str
    archive_sites: Sequence[str]
    checksum_sites: Sequence[str]

    @property
    def archive_name(self) -> str:
        """The name under which the release is published."""
        return f"pulumi-v{self.version}-{self.platform}.tar.gz"

    @property
    def checksums_name(self) -> str:
        """The name of the file with the SHA-256 of every archive of the release."""
        return f"pulumi-{self.version}-checksums.txt"


def platform_name(system: str, machine: str) -> str:
    """Return how releases name a platform, `linux-x64`. Raises `Left` where none is published."""
    try:
        return f"{_SYSTEMS[system.lower()]}-{_MACHINES[machine.lower()]}"
    except KeyError:
        raise Left(f"there is no official archive for {system} on {machine}") from None


def unpack_given(
    location: str, directory: Path, tell: Tell, response_seconds: float = RESPONSE_SECONDS
) -> None:
    """Unpack the archive that a user named by path, file:// or http(s):// URL. Raises `Left`.

    A SHA256SUMS file beside it that lists it must agree with it.
    """
    scheme = urllib.parse.urlsplit(location).scheme
    if scheme in ("http", "https"):
        _unpack_given_url(location, directory, tell, response_seconds)
    elif scheme == "file":
        _unpack_given_file(
            Path(urllib.request.url2pathname(urllib.parse.urlsplit(location).path)), directory, tell
        )
    elif "://" in location:
        raise Left(f"{location} is neither a path nor a file://, http:// or https:// URL")
    else:
        _unpack_given_file(Path(location).expanduser(), directory, tell)


def unpack_official(
    release: Release, directory: Path, tell: Tell, response_seconds: float = RESPONSE_SECONDS
) -> None:
    """Download, verify and unpack an official archive. Raises `Left`."""
    checksums_urls = [f"{site}/{release.checksums_name}" for site in release.checksum_sites]
    checksums = _first(checksums_urls, lambda url: read_text(url, response_seconds))
    digest = listed_digest(checksums, release.archive_name)
    if digest is None:
        raise Left(f"{release.checksums_name} does not list {release.archive_name}")
    downloaded = directory.with_name(f"{directory.name}.tar.gz")
    archive_urls = [f"{site}/{release.archive_name}" for site in release.archive_sites]
    try:
        _first(archive_urls, lambda url: save(url, downloaded, tell, response_seconds))
        refuse_other_than(digest, downloaded, release.archive_name)
        unpack(downloaded, directory, release.archive_name)
    finally:
        downloaded.unlink(missing_ok=True)


def unpack(archive: Path, directory: Path, name: str) -> None:
    """Write the CLI and its Python files into `directory`. Raises `Left` for an archive that is not whole or not safe."""
    directory.mkdir(parents=True, exist_ok=True)
    try:
        with gzip.open(archive) as plain, tarfile.open(fileobj=plain) as tar:
            for member in _regular_files(tar, name):
                _write(tar, member, directory)
            # A tar may end before its file does; only the file's own end proves that nothing is missing.
            while plain.read(1 << 20):
                pass
    except (tarfile.TarError, zlib.error, EOFError, OSError) as error:
        raise Left(f"{name} is damaged or no .tar.gz archive ({error})") from error


def _regular_files(tar: tarfile.TarFile, name: str) -> Iterator[tarfile.TarInfo]:
    """Yield what is to be unpacked; a single member that could write elsewhere condemns the archive."""
    for member in tar:
        path = PurePosixPath(member.name)
        if path.is_absolute() or ".." in path.parts or not (member.isfile() or member.isdir()):
            raise Left(f"{name} is refused: {member.name!r} is not a plain file inside the archive")
        if member.isfile() and len(path.parts) == 2 and _is_wanted(path.name):
            yield member


def _is_wanted(name: str) -> bool:
    """The hosts of other languages are most of a release, and of no use here."""
    return name == "pulumi" or "python" in name


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, directory: Path) -> None:
    content = tar.extractfile(member)
    if content is None:
        return
    target = directory / PurePosixPath(member.name).name
    with content, target.open("wb") as file:
        shutil.copyfileobj(content, file, 1 << 20)
    target.chmod(0o755)


def _unpack_given_url(url: str, directory: Path, tell: Tell, response_seconds: float) -> None:
    parts = urllib.parse.urlsplit(url)
    name = PurePosixPath(urllib.parse.unquote(parts.path)).name
    beside = urllib.parse.urlunsplit(
        (parts.scheme, parts.netloc, f"{parts.path.rpartition('/')[0]}/SHA256SUMS", "", "")
    )
    downloaded = directory.with_name(f"{directory.name}.tar.gz")
    try:
        save(url, downloaded, tell, response_seconds)
        try:
            checksums = read_text(beside, response_seconds)
        except Missing:
            checksums = ""
        _verify_given(checksums, downloaded, name, tell)
        unpack(downloaded, directory, name)
    finally:
        downloaded.unlink(missing_ok=True)


def _unpack_given_file(archive: Path, directory: Path, tell: Tell) -> None:
    if not archive.is_file():
        raise Left(f"PULUMI_ARCHIVE names {archive}, which is not a file")
    beside = archive.with_name("SHA256SUMS")
    checksums = beside.read_text("utf-8", "replace") if beside.is_file() else ""
    _verify_given(checksums, archive, archive.name, tell)
    unpack(archive, directory, archive.name)


def _verify_given(checksums: str, archive: Path, name: str, tell: Tell) -> None:
    digest = listed_digest(checksums, name)
    if digest is None:
        tell(f"  not verified: no SHA256SUMS beside {name} lists it")
    else:
        refuse_other_than(digest, archive, name)


def _first(urls: Sequence[str], fetch: Callable[[str], T]) -> T:
    """Return what the first site that has the file gives; when none has it, say what each answered."""
    url, *others = urls
    try:
        return fetch(url)
    except Left as left:
        if not others:
            raise
        reason = str(left)
    try:
        return _first(others, fetch)
    except Left as left:
        raise Left(f"{reason}; {left}") from None
