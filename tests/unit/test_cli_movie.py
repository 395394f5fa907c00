"""``mtv movie`` against a scripted daemon, on a terminal and off it."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click.testing
import msgspec
import pytest
from tests.support.pictures import png

from mtv.cli import cli
from mtv.cli.daemon import status_lines
from mtv.cli.keyboard import keys_of
from mtv.cli.movie import line_of
from mtv.testing import ScriptedDaemon, Seen
from mtv.wire import messages, reports, requests
from mtv.wire.errors import Error
from mtv.wire.steps import Query

Run = Callable[..., click.testing.Result]
WAIT_SECS = 20
ROWS = messages.Rows(
    columns=("visit", "run"), rows=((1, "u/r"), (2, "u/r"), (3, "u/r")), ids=("a", "b", "c"), dataset_type="calexp"
)
STATE = reports.Movie(movie="m", display=0, state="playing", count=3, fps=2.0)
ENDED = msgspec.structs.replace(
    STATE, state="ended", reason="end", position=2, shown=3, skipped=1, failed=2, shown_fps=1.9, number=9
)


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[ScriptedDaemon]:
    with ScriptedDaemon(tmp_path / "s") as made:
        made.script(Query, ROWS)
        made.script(requests.Play, STATE)
        made.script(requests.Follow, ENDED)
        made.script(requests.Steer, STATE)
        yield made


@pytest.fixture
def run(daemon: ScriptedDaemon, monkeypatch: pytest.MonkeyPatch) -> Run:
    for name in ("MTV_REPO", "MTV_COLLECTIONS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MTV_ENDPOINT", daemon.endpoint)

    def invoke(*arguments: str, code: int = 0) -> click.testing.Result:
        result = click.testing.CliRunner().invoke(cli, ["movie", *arguments], prog_name="mtv")
        assert result.exit_code == code, result.output
        return result

    return invoke


def only(daemon: ScriptedDaemon, kind: type) -> Any:
    (seen,) = daemon.of(kind)
    return seen.message


def steered(daemon: ScriptedDaemon) -> list[tuple[str, float]]:
    return [(seen.message.action, seen.message.value) for seen in daemon.of(requests.Steer)]  # type: ignore[union-attr]


def test_without_a_terminal_it_plays_to_the_end_and_prints_the_counters(run: Run, daemon: ScriptedDaemon) -> None:
    result = run(
        "calexp", "instrument=HSC", "detector=41", "--collections", "u/r", "--where", "visit > 1",
        "--order-by", "-visit", "--fps", "4", "--loop", "--every", "-d", "strip", "--start", "-1", "--sky", "150,2,30",
        "--limit", "7",
    )  # fmt: skip
    assert (
        result.output.strip()
        == ("display 0: ended (end), 3/3, 1.9 of 2 frames/s, 1 skipped, 2 failed, 3 shown, 1 skipped, 2 failed")
        or "3 shown, 1 skipped, 2 failed" in result.output
    )
    query = only(daemon, Query)
    assert (query.data_id, query.collections) == ({"instrument": "HSC", "detector": 41}, ("u/r",))
    assert (query.where, query.order_by, query.limit) == ("visit > 1", ("-visit",), 7)
    play = only(daemon, requests.Play)
    assert (play.fps, play.loop, play.every, play.display, play.start) == (4, True, True, "strip", -1)
    assert [target.id for target in play.targets] == ["a", "b", "c"]
    assert play.targets[0].sky.width_arcsec == 30
    assert not steered(daemon)


def test_json_is_the_last_state(run: Run) -> None:
    told = json.loads(run("calexp", "--json").output)
    assert (told["state"], told["reason"], told["shown"]) == ("ended", "end", 3)


def test_a_movie_is_saved_or_left_to_itself_not_both(run: Run, daemon: ScriptedDaemon, tmp_path: Path) -> None:
    said = run("calexp", "--background", "--save", str(tmp_path / "x.gif"), code=2).output
    assert "--background" in said
    assert "--save" in said
    assert daemon.seen == []


def test_in_the_background_it_returns_at_once(run: Run, daemon: ScriptedDaemon) -> None:
    daemon.script(requests.Follow, STATE)
    assert "playing" in run("calexp", "--background").output
    assert len(daemon.of(requests.Follow)) == 1


def test_a_movie_that_fails_is_an_error(run: Run, daemon: ScriptedDaemon) -> None:
    error = Error(code="no_window", message="there is no X display")
    daemon.script(requests.Follow, msgspec.structs.replace(ENDED, reason="failed", error=error))
    assert "there is no X display" in run("calexp", code=3).output


def test_nothing_found_is_an_error_that_says_so(run: Run, daemon: ScriptedDaemon) -> None:
    daemon.script(Query, messages.Rows(columns=("visit", "run"), rows=()))
    assert "nothing to play" in run("calexp", code=1).output


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--pause",), [("pause", 1)]),
        (("--play",), [("play", 1)]),
        (("--stop",), [("stop", 1)]),
        (("--step", "-2"), [("step", -2)]),
        (("--seek", "5"), [("seek", 5)]),
        (("--fps", "10", "--loop"), [("speed", 10), ("loop", 1)]),
        (("--once", "--play"), [("loop", 0), ("play", 1)]),
        ((), []),
    ],
)
def test_a_movie_that_plays_is_steered(
    run: Run, daemon: ScriptedDaemon, options: tuple[str, ...], expected: list[tuple[str, float]]
) -> None:
    daemon.script(requests.Follow, STATE)
    output = run(*options, "-d", "3").output
    assert steered(daemon) == expected
    assert daemon.of(requests.Follow)[0].message.display == 3  # type: ignore[union-attr]
    assert output.startswith("display 0: playing, 0/3")
    assert not daemon.of(requests.Play)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--save", "x.gif"), "--save needs a dataset type"),
        (("--order-by", "visit"), "--order-by needs a dataset type"),
        (("calexp", "--stop"), "--stop steers a movie that plays"),
        (("calexp", "--step", "1"), "--step steers a movie that plays"),
    ],
)
def test_what_does_not_go_together_is_a_usage_error(run: Run, words: tuple[str, ...], told: str) -> None:
    assert told in run(*words, code=2).output


def test_an_option_typed_as_a_dimension_is_told(run: Run) -> None:
    assert "--fps" in run("calexp", "fps=4", code=1).output


def test_save_writes_the_file_and_says_what_is_in_it(run: Run, daemon: ScriptedDaemon, tmp_path: Path) -> None:
    seeks: list[int] = []

    def steer(seen: Seen) -> reports.Movie:
        assert isinstance(seen.message, requests.Steer)
        if seen.message.action == "seek":
            seeks.append(int(seen.message.value))
        return msgspec.structs.replace(STATE, position=max([i for i in seeks if i != 1], default=-1), state="paused")

    daemon.script(requests.Steer, steer)
    daemon.script(requests.Follow, STATE)
    daemon.script(requests.Snapshot, lambda _: (messages.Picture(format="png"), (png(1),)))
    output = run("calexp", "--save", str(tmp_path / "x.gif")).output
    assert output == f"{tmp_path}/x.gif: 2 frames, 1 could not be shown\n"
    assert (tmp_path / "x.gif").stat().st_size > 100
    assert only(daemon, requests.Play).paused
    assert steered(daemon)[-1] == ("stop", 1)
    assert "path" in run("calexp", "--save", str(tmp_path / "x.avi"), code=1).output
    assert "leave --start out" in run("calexp", "--save", "x.gif", "--start", "1", code=2).output


def test_status_tells_of_movies() -> None:
    window = reports.WindowState()
    report = reports.Report(
        release="1", pid=1, uptime_secs=1, endpoint="e", window=window,
        movies=(msgspec.structs.replace(ENDED, state="playing", reason="", loop=True),),
    )  # fmt: skip
    (line,) = [line for line in status_lines(report) if line.startswith("movies")]
    assert line == "movies        on 0: playing, 3 of 3, loops, 1.9 of 2 frames/s, 3 shown, 1 skipped, 2 failed"


def test_a_line_tells_how_it_goes() -> None:
    assert line_of(STATE) == "display 0: playing, 0/3, 2 frames/s, 0 shown, 0 skipped, 0 failed"
    looping = msgspec.structs.replace(STATE, loop=True, position=1, shown=2, shown_fps=1.5)
    assert line_of(looping) == "display 0: playing, 2/3, 1.5 of 2 frames/s, loops, 2 shown, 0 skipped, 0 failed"


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("q", ["q"]),
        ("\x1b[C\x1b[D", ["right", "left"]),
        ("\x1bOC l", ["right", " ", "l"]),
        ("\x1b[1;5C", ["right"]),
        ("\x1b[3~q", ["q"]),
        ("\x1b", []),
        ("\x1b[", []),
    ],
)
def test_what_a_terminal_sends_for_keys(text: str, keys: list[str]) -> None:
    assert list(keys_of(text)) == keys


# On a terminal


class Terminal:
    """``mtv movie`` on a terminal of its own."""

    def __init__(self, daemon: ScriptedDaemon, *arguments: str) -> None:
        self.descriptor, self.end = pty.openpty()
        self.before = termios.tcgetattr(self.end)
        environment = os.environ | {
            "MTV_ENDPOINT": daemon.endpoint,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "TERM": "xterm",
        }
        # A session of its own, with the terminal as its own, so that it is in the foreground there; and Ctrl-C is heard
        # also where the tests themselves run in a background that ignores it.
        code = (
            "import fcntl, signal, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0);"
            "signal.signal(signal.SIGINT, signal.default_int_handler);"
            "from mtv.cli import main; main()"
        )
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, "movie", *arguments],
            stdin=self.end, stdout=self.end, stderr=self.end, env=environment, start_new_session=True,
        )  # fmt: skip
        self.shown = b""

    def read(self, until: Callable[[], bool]) -> None:
        """Read what is shown until something is the case."""
        deadline = time.monotonic() + WAIT_SECS
        while not until():
            assert time.monotonic() < deadline, self.shown.decode()
            if select.select([self.descriptor], [], [], 0.02)[0]:
                with contextlib.suppress(OSError):
                    self.shown += os.read(self.descriptor, 65536)

    def press(self, keys: bytes) -> None:
        os.write(self.descriptor, keys)

    def ended(self) -> int:
        self.read(lambda: self.process.poll() is not None)
        assert self.process.returncode is not None
        return self.process.returncode

    @property
    def echoes(self) -> bool:
        return bool(termios.tcgetattr(self.end)[3] & termios.ECHO)

    @property
    def restored(self) -> bool:
        return termios.tcgetattr(self.end) == self.before


class Player:
    """A daemon's movie that does what it is told."""

    def __init__(self, daemon: ScriptedDaemon) -> None:
        self.lock = threading.Lock()
        self.state = STATE
        daemon.script(requests.Follow, lambda _: self.state)
        daemon.script(requests.Steer, self.steer)

    def steer(self, seen: Seen) -> reports.Movie:
        asked = seen.message
        assert isinstance(asked, requests.Steer)
        does: dict[str, dict[str, Any]] = {
            "pause": {"state": "paused"},
            "play": {"state": "playing"},
            "step": {"state": "paused", "position": self.state.position + int(asked.value)},
            "speed": {"fps": asked.value},
            "loop": {"loop": bool(asked.value)},
            "stop": {"state": "ended", "reason": "stopped"},
        }
        self.state = msgspec.structs.replace(self.state, number=self.state.number + 1, **does[asked.action])
        return self.state


@pytest.fixture
def player(daemon: ScriptedDaemon) -> Player:
    return Player(daemon)


@pytest.fixture
def terminal(daemon: ScriptedDaemon, player: Player) -> Iterator[Terminal]:
    made = Terminal(daemon, "calexp")
    yield made
    made.process.kill()
    made.process.wait()
    os.close(made.descriptor)
    os.close(made.end)


def test_keys_steer_and_the_terminal_is_as_it_was(daemon: ScriptedDaemon, terminal: Terminal) -> None:
    terminal.read(lambda: not terminal.echoes)
    for number, key in enumerate([b" ", b" ", b"\x1b[C", b"\x1b[D", b"+", b"-", b"l", b"x", b"q"]):
        terminal.press(key)
        if key != b"x":
            terminal.read(lambda: len(daemon.of(requests.Steer)) > number - (key == b"q"))  # noqa: B023
            count = len(daemon.of(requests.Follow))
            terminal.read(lambda: len(daemon.of(requests.Follow)) > count or terminal.process.poll() is not None)  # noqa: B023
    assert terminal.ended() == 0
    assert steered(daemon) == [
        ("pause", 1), ("play", 1), ("step", 1), ("step", -1), ("speed", 2.5), ("speed", 2.0), ("loop", 1), ("stop", 1),
    ]  # fmt: skip
    assert terminal.restored
    shown = re.sub(rb"\x1b\[[0-9;?]*[a-zA-Z]", b"", terminal.shown).decode()
    assert "space: pause or play" in shown
    assert "playing" in shown
    assert "0/3, 2.5 frames/s" in shown
    assert "0/3, 2 frames/s, loops" in shown
    assert "ended (stopped)" in shown


def test_ctrl_c_stops_the_movie_and_the_terminal_is_as_it_was(daemon: ScriptedDaemon, terminal: Terminal) -> None:
    terminal.read(lambda: not terminal.echoes)
    terminal.press(b"\x03")
    assert terminal.ended() == 130
    assert steered(daemon) == [("stop", 1)]
    assert terminal.restored


def test_a_command_that_is_ended_leaves_the_movie_and_the_terminal_as_they_were(
    daemon: ScriptedDaemon, terminal: Terminal
) -> None:
    terminal.read(lambda: not terminal.echoes)
    terminal.process.send_signal(signal.SIGTERM)
    assert terminal.ended() == 128 + signal.SIGTERM
    assert steered(daemon) == []
    assert terminal.restored


def test_a_movie_that_ends_by_itself_ends_the_command(player: Player, terminal: Terminal) -> None:
    terminal.read(lambda: not terminal.echoes)
    player.state = ENDED
    assert terminal.ended() == 0
    assert terminal.restored
    assert b"ended (end)" in terminal.shown


def test_a_daemon_that_goes_leaves_the_terminal_as_it_was(daemon: ScriptedDaemon, terminal: Terminal) -> None:
    terminal.read(lambda: not terminal.echoes)
    daemon.stop()
    assert terminal.ended() != 0
    assert terminal.restored
