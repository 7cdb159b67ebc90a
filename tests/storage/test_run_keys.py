"""The processes of a run share one key, over a socket in the directory of the run."""

from __future__ import annotations

import socket
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from coreweave_inference.clock import RUN_DIRECTORY
from coreweave_inference.errors import Forbidden
from coreweave_inference.settings.secret import Secret
from coreweave_inference.storage import run_keys
from coreweave_inference.storage.credentials import Minted, S3Credentials, minted

from tests.storage.test_credentials import KeyMaker, Refusing
from tests.waiting.hand_clock import HandClock

PLACE = run_keys.place_of("https://api.example", Secret("t"))


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def maker(clock: HandClock) -> KeyMaker:
    return KeyMaker(clock)


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(RUN_DIRECTORY, str(tmp_path))
    return tmp_path


@pytest.fixture
def ask(clock: HandClock, monkeypatch: pytest.MonkeyPatch) -> Callable[..., S3Credentials | None]:
    """What another process gets: in this one, which answers, nobody is asked."""

    def asked(place: str = PLACE, without: str = "") -> S3Credentials | None:
        with monkeypatch.context() as patch:
            patch.setattr(run_keys, "_answering", set())
            return run_keys.of_run(place, clock, without)

    return asked


def test_all_processes_of_a_run_get_the_key_that_is_made_when_the_first_one_asks(
    clock: HandClock, maker: KeyMaker, directory: Path, ask: Callable[..., S3Credentials | None]
) -> None:
    with run_keys.answering(directory, PLACE, minted(maker, clock), clock):
        assert maker.durations == []
        first = ask()
        clock.time += 100.0
        second = ask()

    assert maker.durations == [3600]
    assert first is not None
    assert second is not None
    assert (first.access_key_id, first.secret_key, first.session_token) == ("key-1", "secret-1", None)
    assert first.renew_at == second.renew_at == clock.monotonic() - 100.0 + 3000.0
    assert second.made_at == clock.monotonic() - 100.0


def test_a_key_that_has_ended_makes_room_for_another_one_for_all_of_them(
    clock: HandClock, maker: KeyMaker, directory: Path, ask: Callable[..., S3Credentials | None]
) -> None:
    own = KeyMaker(clock)
    source = minted(own, clock, elsewhere=lambda without: ask(without=without))
    with run_keys.answering(directory, PLACE, minted(maker, clock, shared=Minted()), clock):
        key = source()
        assert key.discard is not None
        key.discard()

        assert (key.access_key_id, source().access_key_id) == ("key-1", "key-2")
        found = ask(without="key-1")

    assert found is not None
    assert found.access_key_id == "key-2"
    assert (len(maker.durations), own.durations) == (2, [])


def test_a_process_with_another_token_or_endpoint_makes_its_own(
    clock: HandClock, maker: KeyMaker, directory: Path, ask: Callable[..., S3Credentials | None]
) -> None:
    with run_keys.answering(directory, PLACE, minted(maker, clock), clock):
        others = [
            ask(run_keys.place_of(endpoint, Secret(token)))
            for endpoint, token in (("https://api.example", "other"), ("https://other.example", "t"))
        ]

    assert others == [None, None]
    assert maker.durations == []


def test_where_nobody_answers_or_none_may_be_made_a_process_asks_for_its_own(
    clock: HandClock,
    directory: Path,
    ask: Callable[..., S3Credentials | None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refusing = minted(Refusing(clock, Forbidden("no", status=403)), clock)

    assert ask() is None
    with run_keys.answering(directory, PLACE, refusing, clock):
        assert ask() is None
    assert ask() is None
    monkeypatch.delenv(RUN_DIRECTORY)
    assert ask() is None


@pytest.mark.parametrize("answer", [b"", b"\n", b"[]\n", b'{"id": 1}\n', b"no json\n"])
def test_an_answer_that_is_none_is_no_key(
    directory: Path, ask: Callable[..., S3Credentials | None], answer: bytes
) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(directory / run_keys.SOCKET))
        listener.listen(1)
        listener.settimeout(5.0)

        def reply() -> None:
            asker, _ = listener.accept()
            with asker:
                asker.recv(1000)
                asker.sendall(answer)

        thread = threading.Thread(target=reply)
        thread.start()
        assert ask() is None
        thread.join()


def test_the_key_is_never_written_down_and_the_process_that_answers_asks_nobody(
    clock: HandClock, maker: KeyMaker, directory: Path, ask: Callable[..., S3Credentials | None]
) -> None:
    with run_keys.answering(directory, PLACE, minted(maker, clock), clock):
        assert ask() is not None
        assert run_keys.of_run(PLACE, clock) is None
        (file,) = directory.iterdir()
        assert stat.S_ISSOCK(file.stat().st_mode)


def test_a_directory_whose_path_is_too_long_for_a_socket_shares_nothing(
    clock: HandClock,
    maker: KeyMaker,
    tmp_path: Path,
    ask: Callable[..., S3Credentials | None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    deep = tmp_path / ("d" * 120)
    deep.mkdir()
    monkeypatch.setenv(RUN_DIRECTORY, str(deep))

    with run_keys.answering(deep, PLACE, minted(maker, clock), clock):
        assert ask() is None

    assert list(deep.iterdir()) == []
