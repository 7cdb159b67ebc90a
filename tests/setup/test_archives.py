"""Release archives are verified, unpacked whole or not at all, and never outside their place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from fake_cli import (
    ARCHIVE_NAME,
    CHECKSUMS_NAME,
    CLI_NAMES,
    names_in,
    write_archive,
    write_checksums,
    write_link,
    write_members,
)
from pulumi_cli import archive
from pulumi_cli.archive import Release
from pulumi_cli.download import Missing, Progress, listed_digest, read_text, save
from pulumi_cli.inspection import Left

Serve = Callable[[Path], str]


def silence(_: str) -> None:
    pass


@pytest.fixture
def stage(tmp_path: Path) -> Path:
    """The folder that must hold the new copy and nothing else in the end."""
    (tmp_path / "stage").mkdir()
    return tmp_path / "stage"


def release(archive_sites: list[str], checksum_sites: list[str]) -> Release:
    return Release("3.259.0", "linux-x64", archive_sites, checksum_sites)


def published(folder: Path, digest: str = "") -> Path:
    write_checksums(write_archive(folder), CHECKSUMS_NAME, digest=digest)
    return folder


def test_only_the_cli_and_its_python_files_are_unpacked_and_they_can_be_run(tmp_path: Path) -> None:
    archive.unpack(write_archive(tmp_path), tmp_path / "new", ARCHIVE_NAME)

    assert names_in(tmp_path / "new") == CLI_NAMES
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "new").iterdir()} == {0o755}


@pytest.mark.parametrize("name", ["../pulumi", "/tmp/pulumi", "pulumi/../../pulumi", "pulumi/../python"])
def test_an_archive_that_would_write_elsewhere_is_refused_and_writes_nothing(
    tmp_path: Path, stage: Path, name: str
) -> None:
    hostile = write_members(tmp_path / "hostile.tar.gz", {name: "gotcha"})

    with pytest.raises(Left, match=r"hostile\.tar\.gz is refused: .* is not a plain file inside the archive"):
        archive.unpack(hostile, stage / "new", hostile.name)

    assert names_in(tmp_path) == ["hostile.tar.gz", "stage"]
    assert names_in(stage / "new") == []


def test_an_archive_with_a_link_is_refused(tmp_path: Path) -> None:
    hostile = write_link(tmp_path / "hostile.tar.gz", "pulumi/pulumi", "/bin/sh")

    with pytest.raises(Left, match="'pulumi/pulumi' is not a plain file"):
        archive.unpack(hostile, tmp_path / "new", hostile.name)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.97])
def test_a_truncated_archive_is_refused(tmp_path: Path, share: float) -> None:
    whole = write_archive(tmp_path)
    whole.write_bytes(whole.read_bytes()[: int(share * whole.stat().st_size)])

    with pytest.raises(Left, match=r"is damaged or no \.tar\.gz archive"):
        archive.unpack(whole, tmp_path / "new", whole.name)


@pytest.mark.parametrize("form", ["path", "file URL", "http URL", "http URL with a query"])
def test_a_given_archive_may_be_a_path_or_a_url_and_agrees_with_the_sums_beside_it(
    tmp_path: Path, stage: Path, serve: Serve, form: str
) -> None:
    given, said = write_archive(tmp_path / "with space"), list[str]()
    write_checksums(given)
    url = f"{serve(given.parent)}/{given.name}"
    locations = {"path": str(given), "file URL": given.as_uri(), "http URL": url}

    archive.unpack_given(locations.get(form, f"{url}?signature=1"), stage / "new", said.append)

    assert names_in(stage) == ["new"]
    assert names_in(stage / "new") == CLI_NAMES
    assert said == []


@pytest.mark.parametrize("remote", [False, True])
def test_a_given_archive_that_differs_from_the_sums_beside_it_is_refused(
    tmp_path: Path, serve: Serve, remote: bool
) -> None:
    given = write_archive(tmp_path / "downloads")
    write_checksums(given, digest="ab" * 32)
    location = f"{serve(given.parent)}/{given.name}" if remote else str(given)

    with pytest.raises(Left, match=f"{ARCHIVE_NAME} is refused: its SHA-256 is .* says (ab){{32}}"):
        archive.unpack_given(location, tmp_path / "new", silence)

    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("remote", [False, True])
def test_a_given_archive_without_sums_is_unpacked_and_said_to_be_unverified(
    tmp_path: Path, serve: Serve, remote: bool
) -> None:
    given, said = write_archive(tmp_path / "downloads"), list[str]()

    archive.unpack_given(
        f"{serve(given.parent)}/{given.name}" if remote else str(given), tmp_path / "new", said.append
    )

    assert said == [f"  not verified: no SHA256SUMS beside {ARCHIVE_NAME} lists it"]


def test_a_location_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Left, match="s3://bucket/a is neither a path nor a file://, http:// or https:// URL"):
        archive.unpack_given("s3://bucket/a", tmp_path / "new", silence)


def test_a_given_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Left, match=f"PULUMI_ARCHIVE names {tmp_path}/none, which is not a file"):
        archive.unpack_given(f"{tmp_path}/none", tmp_path / "new", silence)


def test_an_official_archive_is_unpacked_once_its_checksum_is_right(
    tmp_path: Path, stage: Path, serve: Serve
) -> None:
    site = serve(published(tmp_path / "site"))

    archive.unpack_official(release([site], [site]), stage / "new", silence)

    assert names_in(stage) == ["new"]


def test_an_official_archive_with_a_wrong_checksum_is_refused(
    tmp_path: Path, stage: Path, serve: Serve
) -> None:
    site = serve(published(tmp_path / "site", digest="0" * 64))

    with pytest.raises(Left, match="is refused: its SHA-256 is"):
        archive.unpack_official(release([site], [site]), stage / "new", silence)

    assert names_in(stage) == []


def test_an_official_archive_that_the_checksums_do_not_list_is_not_even_downloaded(
    tmp_path: Path, serve: Serve, closed_site: str
) -> None:
    folder = published(tmp_path / "site")
    (folder / CHECKSUMS_NAME).write_text(f"{'a' * 64}  pulumi-v3.259.0-windows-x64.zip\n")

    with pytest.raises(Left, match=f"{CHECKSUMS_NAME} does not list {ARCHIVE_NAME}"):
        archive.unpack_official(release([closed_site], [serve(folder)]), tmp_path / "new", silence)


def test_the_second_site_is_asked_when_the_first_cannot_be_reached_or_has_no_such_file(
    tmp_path: Path, stage: Path, serve: Serve, closed_site: str
) -> None:
    (tmp_path / "empty").mkdir()
    empty, full = serve(tmp_path / "empty"), serve(published(tmp_path / "site"))

    archive.unpack_official(release([empty, full], [closed_site, full]), stage / "new", silence)

    assert names_in(stage / "new") == CLI_NAMES


def test_when_no_site_has_it_every_answer_is_told(tmp_path: Path, serve: Serve, closed_site: str) -> None:
    (tmp_path / "empty").mkdir()
    empty = serve(tmp_path / "empty")

    with pytest.raises(
        Left, match=r"cannot be reached \(Connection refused\); .* answers 404 File not found"
    ):
        archive.unpack_official(release([empty], [closed_site, empty]), tmp_path / "new", silence)


@pytest.mark.parametrize(
    ("system", "machine", "name"),
    [
        ("Linux", "x86_64", "linux-x64"),
        ("Linux", "aarch64", "linux-arm64"),
        ("Darwin", "arm64", "darwin-arm64"),
        ("Darwin", "x86_64", "darwin-x64"),
    ],
)
def test_a_platform_is_called_as_releases_call_it(system: str, machine: str, name: str) -> None:
    assert archive.platform_name(system, machine) == name


@pytest.mark.parametrize("line", ["{} *a.tgz", "{}  a.tgz", "{}  ./a.tgz", "  {}  a.tgz\r"])
def test_a_checksums_line_may_have_any_form_that_sha256sum_writes(line: str) -> None:
    digest = "AB" * 32

    assert listed_digest(f"# comment\n\n{line.format(digest)}\n", "a.tgz") == "ab" * 32


@pytest.mark.parametrize("text", ["", "abc  a.tgz", f"{'a' * 64}  a.tgz.sig", f"{'a' * 63}  a.tgz"])
def test_a_checksums_file_that_does_not_list_a_file_says_nothing_about_it(text: str) -> None:
    assert listed_digest(text, "a.tgz") is None


def test_fewer_bytes_than_announced_are_refused(tmp_path: Path, promising_site: str) -> None:
    with pytest.raises(Left, match="broke off after 10 of 1000 bytes"):
        save(f"{promising_site}/a", tmp_path / "a", silence)


def test_a_file_that_a_site_does_not_have_is_missing_rather_than_failed(tmp_path: Path, serve: Serve) -> None:
    with pytest.raises(Missing, match="/none answers 404"):
        read_text(f"{serve(tmp_path)}/none")


def test_a_site_that_says_nothing_is_left_in_time(silent_site: str) -> None:
    with pytest.raises(Left, match=r"127\.0\.0\.1:\d+ did not answer within 0\.05 s"):
        read_text(f"{silent_site}/a", 0.05)


def test_progress_is_silent_for_two_seconds_and_then_tells_now_and_then() -> None:
    times, said = iter([0.0, 1.9, 2.0, 2.5, 9.0]), list[str]()
    progress = Progress(100_000_000, said.append, clock=lambda: next(times))

    for received in (10_000_000, 20_000_000, 30_000_000, 90_000_000):
        progress.update(received)

    assert said == ["  20 of 100 MB", "  90 of 100 MB"]


def test_progress_without_an_announced_size_tells_what_came() -> None:
    times, said = iter([0.0, 3.0]), list[str]()

    Progress(0, said.append, clock=lambda: next(times)).update(5_000_000)

    assert said == ["  5 MB"]
