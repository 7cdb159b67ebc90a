"""Which files of a folder on this machine are weights, and which cannot be sent."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from coreweave_inference.errors import InvalidDeclaration
from coreweave_inference.storage.weights_folder import files_in


def write(folder: Path, *names: str | bytes) -> Path:
    for name in names:
        path = os.path.join(os.fsencode(folder), os.fsencode(name))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(b"{}")
    return folder


def test_links_to_files_and_folders_are_followed_as_a_snapshot_of_the_hub_has_them(tmp_path: Path) -> None:
    snapshot = tmp_path / "snapshots" / "abc"
    write(tmp_path, "blobs/1234", "other/tokenizer.json")
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").symlink_to("../../blobs/1234")
    (snapshot / "tokenizer").symlink_to(tmp_path / "other")

    assert list(files_in(snapshot)) == ["config.json", "tokenizer/tokenizer.json"]


def test_the_cache_folder_of_a_model_is_refused_and_its_snapshots_are_named(tmp_path: Path) -> None:
    write(tmp_path, "blobs/1234", "snapshots/abc/config.json", "refs/main")

    with pytest.raises(InvalidDeclaration, match=r"push one snapshot: .*/snapshots/REVISION"):
        files_in(tmp_path)


def test_remains_of_downloads_and_of_desktops_are_left_out(tmp_path: Path) -> None:
    write(
        tmp_path,
        "config.json",
        "a/b.incomplete",
        ".DS_Store",
        "a/.DS_Store",
        ".huggingface/x",
        ".cache/y",
        ".git/z",
    )

    assert list(files_in(tmp_path)) == ["config.json"]


@pytest.mark.parametrize("pattern", ["*.bin", "original", "original/", "original/w.bin"])
def test_what_is_excluded_is_left_out(tmp_path: Path, pattern: str) -> None:
    write(tmp_path, "config.json", "original/w.bin")

    assert list(files_in(tmp_path, [pattern])) == ["config.json"]


def test_everything_that_cannot_be_sent_is_named_in_one_report(tmp_path: Path) -> None:
    write(tmp_path, "config.json", b"n\xff.bin", "with\nline")
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "circle").symlink_to(tmp_path)
    (tmp_path / "self").symlink_to("self")
    (tmp_path / "root").symlink_to("/")
    (tmp_path / "system").symlink_to("/proc/self")
    (tmp_path / "memory").symlink_to("/proc/self/mem")
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(InvalidDeclaration) as refused:
        files_in(tmp_path)

    faults = {fault.what.rsplit("/", 1)[-1] for fault in refused.value.faults}
    assert faults == {
        "n\ufffd.bin has a name that is not UTF-8",
        "with line has a control character in its name",
        "dangling is a link to a file that does not exist",
        "circle is a link to a folder that holds it",
        "self cannot be read: Too many levels of symbolic links",
        "root is a link to a folder that holds it",
        "system is a link to a folder of the system",
        "memory is a link to a file of the system",
        "pipe is not a regular file",
    }
    left_out = ["n*", "with*", "dang*", "deep", "self", "pipe", "root", "system", "memory"]
    assert list(files_in(tmp_path, left_out)) == ["config.json"]


def test_a_folder_of_the_system_is_no_folder_of_weights() -> None:
    with pytest.raises(InvalidDeclaration, match="/proc/self is no folder of weights"):
        files_in(Path("/proc/self"))


def test_links_that_make_ever_more_paths_end_at_a_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for level in range(40):
        (tmp_path / f"{level}").mkdir()
        for way in ("left", "right"):
            (tmp_path / f"{level}" / way).symlink_to(f"../{level + 1}")
    (tmp_path / "40").mkdir()
    monkeypatch.setattr("coreweave_inference.storage.weights_folder.MOST_ENTRIES", 500)

    with pytest.raises(InvalidDeclaration, match="holds more than 500 files and folders, links to folders"):
        files_in(tmp_path / "0")


@pytest.mark.parametrize(
    ("name", "depth"), [("d" * 120, 10), pytest.param("d", 600, marks=pytest.mark.thorough)]
)
def test_folders_too_deep_for_a_key_are_named_and_left_out_like_others(
    tmp_path: Path, name: str, depth: int
) -> None:
    deep = write(tmp_path, "config.json")
    start = os.getcwd()
    try:
        for _ in range(depth):
            os.mkdir(deep / name)
            os.chdir(deep / name)
            deep = Path()
    finally:
        os.chdir(start)

    with pytest.raises(InvalidDeclaration, match=r"d has a path of more than 1024 bytes"):
        files_in(tmp_path)
    assert list(files_in(tmp_path, [name])) == ["config.json"]


@pytest.mark.parametrize("name", ["", "missing"])
def test_a_folder_without_files_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidDeclaration, match=r"holds no files to upload|cannot be listed"):
        files_in(tmp_path / name)
