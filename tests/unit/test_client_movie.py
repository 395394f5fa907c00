"""Movies as they are asked for, followed and saved by a program."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import PIL.Image
import pytest
from tests.support.pictures import png

import mtv
from mtv.data.datasets import DataId
from mtv.streams import movie as movies
from mtv.testing import ScriptedDaemon, Seen
from mtv.wire import data, messages, reports, requests
from mtv.wire.errors import Error, RequestError
from mtv.wire.limits import Limits
from mtv.wire.steps import Query

COLUMNS = ("instrument", "detector", "visit", "run")


class Player:
    """Answers as a daemon with one movie; frames in ``broken`` fail."""

    def __init__(self, daemon: ScriptedDaemon) -> None:
        self.daemon = daemon
        self.state = reports.Movie(movie="m", display=0, state="playing", count=3, fps=2.0)
        self.broken: set[int] = set()
        self.ended_at = 10**9
        self.pictures = 0
        daemon.script(requests.Play, self.play)
        daemon.script(requests.Steer, self.steer)
        daemon.script(requests.Follow, self.follow)
        daemon.script(requests.Snapshot, self.snapshot)

    def now(self, **fields: Any) -> reports.Movie:
        self.state = msgspec.structs.replace(self.state, number=self.state.number + 1, **fields)
        return self.state

    def play(self, seen: Seen) -> reports.Movie:
        asked = seen.message
        assert isinstance(asked, requests.Play)
        state: Any = "paused" if asked.paused else "playing"
        return self.now(display=asked.display, count=len(asked.targets), fps=asked.fps, state=state)

    def steer(self, seen: Seen) -> reports.Movie:
        asked = seen.message
        assert isinstance(asked, requests.Steer)
        if asked.action == "stop":
            return self.now(state="ended", reason="stopped")
        if asked.action == "seek" and asked.value in self.broken:
            return self.now(failed=self.state.failed + 1, error=Error(code="unreadable_file", message="it is broken"))
        if asked.action == "seek":
            return self.now(position=int(asked.value), shown=self.state.shown + 1)
        return self.now(state="paused" if asked.action in {"pause", "step"} else "playing")

    def follow(self, seen: Seen) -> reports.Movie:
        asked = seen.message
        assert isinstance(asked, requests.Follow)
        if asked.seen >= 0 and self.state.state != "ended":
            over = self.state.position >= 1
            return self.now(position=self.state.position + 1, **({"state": "ended", "reason": "end"} if over else {}))
        return self.state

    def snapshot(self, _seen: Seen) -> tuple[messages.Picture, tuple[bytes, ...]]:
        self.pictures += 1
        if self.pictures == self.ended_at:
            self.now(state="ended", reason="replaced")
        return messages.Picture(format="png"), (png(self.state.position),)

    def asked(self, kind: type) -> list[Any]:
        return [seen.message for seen in self.daemon.of(kind)]


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[ScriptedDaemon]:
    with ScriptedDaemon(tmp_path / "s", limits=Limits(movie_frames=4)) as made:
        yield made


@pytest.fixture
def player(daemon: ScriptedDaemon) -> Player:
    return Player(daemon)


@pytest.fixture
def repository(daemon: ScriptedDaemon) -> Iterator[mtv.Repository]:
    with mtv.connect(daemon.endpoint) as connection:
        yield mtv.Repository("hsc", connection=connection)


def refs(count: int = 3) -> list[mtv.DatasetRef]:
    return [mtv.DatasetRef("hsc", "calexp", f"id{n}", "u/run", DataId(visit=n)) for n in range(count)]


def rows(*, pages: tuple[int, ...]) -> Any:
    """Return the script of a query with pages of so many rows."""

    def answer(seen: Seen) -> messages.Rows:
        assert isinstance(seen.message, Query)
        page = int(seen.message.cursor or 0)
        first = sum(pages[:page])
        numbers = range(first, first + pages[page])
        return messages.Rows(
            columns=COLUMNS,
            rows=tuple(("HSC", 41, number, "u/run") for number in numbers),
            ids=tuple(f"id{number}" for number in numbers),
            dataset_type="calexp",
            repo="hsc",
            cursor=str(page + 1) if page + 1 < len(pages) else "",
        )

    return answer


def test_what_a_query_finds_is_played_in_its_order_page_by_page(
    daemon: ScriptedDaemon, player: Player, repository: mtv.Repository
) -> None:
    daemon.script(Query, rows(pages=(2, 1)))
    movie = repository.movie(
        "calexp",
        where="visit > :v",
        bind={"v": 3},
        collections="u/run",
        order_by="-visit",
        detector=41,
        fps=4,
        loop=True,
        every=True,
        display="strip",
        start=-1,
    )
    (play,) = player.asked(requests.Play)
    assert [target.id for target in play.targets] == ["id0", "id1", "id2"]
    assert (play.fps, play.loop, play.every, play.display, play.start, play.paused) == (
        4,
        True,
        True,
        "strip",
        -1,
        False,
    )
    query = player.asked(Query)[0]
    assert (query.where, query.bind, query.order_by, query.data_id) == (
        "visit > :v",
        {"v": 3},
        ("-visit",),
        {"detector": 41},
    )
    assert query.limit == 5, "one more than a movie may have, and no more"
    assert (movie.id, movie.display, movie.count) == ("m", "strip", 3)
    assert repr(movie) == "<mtv.Movie of 3 frames on display 'strip'>"


def test_references_and_paths_and_parts_of_them_are_played(player: Player, repository: mtv.Repository) -> None:
    display = mtv.Display(7, connection=repository.connection)
    listed: list[mtv.DatasetRef | Path] = [*refs(1), Path("/a/b.fits"), *refs(9)]
    repository.movie(listed, limit=2, display=display, centre_deg=(150.0, 2.0), size_arcsec=10.0)
    (play,) = player.asked(requests.Play)
    assert play.display == 7
    assert [type(target) for target in play.targets] == [data.Dataset, data.File]
    assert [target.sky.ra_deg for target in play.targets] == [150.0, 150.0]


@pytest.mark.parametrize(("pages", "code"), [((0,), "not_found"), ((3, 2), "too_large")])
def test_nothing_and_too_much_are_refused_here(
    daemon: ScriptedDaemon, player: Player, repository: mtv.Repository, pages: tuple[int, ...], code: str
) -> None:
    daemon.script(Query, rows(pages=pages))
    with pytest.raises(mtv.RequestError) as caught:
        repository.movie("calexp")
    assert caught.value.code == code
    assert not player.asked(requests.Play)


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"fps": "fast"}, "fps"),
        ({"start": 0.5}, "start"),
        ({"display": -1}, "frame"),
        ({"where": "visit > 3"}, "target"),
        ({"detector": 3}, "target"),
        ({"save": "x.avi"}, "path"),
        ({"save": "/nowhere/x.gif"}, "path"),
        ({"save": "x.gif", "fps": 60}, "fps"),
        ({"save": "x.gif", "start": 1}, "start"),
    ],
)
def test_what_cannot_be_is_refused_here(
    player: Player, repository: mtv.Repository, fields: dict[str, Any], where: str
) -> None:
    with pytest.raises(mtv.RequestError) as caught:
        repository.movie(refs(), **fields)
    assert caught.value.error.where == where
    assert not player.asked(requests.Play)


def test_each_word_of_steering_has_its_message(player: Player, repository: mtv.Repository) -> None:
    movie = repository.movie(refs())
    movie.pause()
    movie.play()
    movie.step()
    movie.step(-2)
    movie.seek(-1)
    movie.speed(8)
    movie.loop()
    movie.loop(False)
    assert movie.stop().reason == "stopped"
    steered = [(steer.action, steer.value) for steer in player.asked(requests.Steer)]
    assert steered == [
        ("pause", 1), ("play", 1), ("step", 1), ("step", -2), ("seek", -1), ("speed", 8), ("loop", 1), ("loop", 0),
        ("stop", 1),
    ]  # fmt: skip
    assert {steer.movie for steer in player.asked(requests.Steer)} == {"m"}


def test_it_is_waited_for_and_each_state_is_told(player: Player, repository: mtv.Repository) -> None:
    told: list[reports.Movie] = []
    assert repository.movie(refs()).wait(on_state=told.append).reason == "end"
    assert [state.position for state in told] == [-1, 0, 1, 2]
    assert [follow.seen for follow in player.asked(requests.Follow)] == [-1, 1, 2, 3]


def test_waiting_has_an_end_and_the_movie_goes_on(player: Player, repository: mtv.Repository) -> None:
    player.daemon.script(requests.Follow, lambda _: player.state)
    with pytest.raises(mtv.DeadlineExceeded, match="goes on"):
        repository.movie(refs()).wait(0.05)
    assert not player.asked(requests.Steer)


def test_as_a_context_it_is_stopped(player: Player, repository: mtv.Repository) -> None:
    with repository.movie(refs()):
        assert not player.asked(requests.Steer)
    assert [steer.action for steer in player.asked(requests.Steer)] == ["stop"]


def test_the_movie_on_a_display_is_found(player: Player, repository: mtv.Repository) -> None:
    assert movies.on_display(repository.connection, "strip").id == "m"
    (follow,) = player.asked(requests.Follow)
    assert follow.display == "strip"


def test_save_takes_a_picture_of_each_frame(player: Player, repository: mtv.Repository, tmp_path: Path) -> None:
    told: list[messages.Progress] = []
    repository.movie(refs(), save=tmp_path / "x.gif", fps=4, on_progress=told.append)
    (play,) = player.asked(requests.Play)
    assert play.paused
    assert [steer.action for steer in player.asked(requests.Steer)] == ["pause", "seek", "seek", "seek", "stop"]
    assert [(progress.done, progress.total, progress.unit) for progress in told] == [
        (n, 3, "frames") for n in (1, 2, 3)
    ]
    with PIL.Image.open(tmp_path / "x.gif") as file:
        assert (file.n_frames, file.info["duration"]) == (3, 250)  # type: ignore[attr-defined]


def test_a_frame_that_fails_is_left_out_and_counted(player: Player, repository: mtv.Repository, tmp_path: Path) -> None:
    player.broken = {1}
    saved = repository.movie(refs()).save(tmp_path / "pictures")
    assert saved == (tmp_path / "pictures", 2, 1)
    assert sorted(path.name for path in (tmp_path / "pictures").iterdir()) == ["00000.png", "00001.png"]


def test_where_all_fail_the_error_is_raised_and_no_file_is_left(
    player: Player, repository: mtv.Repository, tmp_path: Path
) -> None:
    player.broken = {0, 1, 2}
    with pytest.raises(RequestError, match="it is broken"):
        repository.movie(refs()).save(tmp_path / "x.mp4")
    assert not [path for path in tmp_path.iterdir() if "x.mp4" in path.name]


def test_a_movie_that_is_replaced_in_mid_save_leaves_no_file(
    player: Player, repository: mtv.Repository, tmp_path: Path
) -> None:
    player.ended_at = 2
    with pytest.raises(RequestError, match="replaced"):
        repository.movie(refs()).save(tmp_path / "x.mp4")
    assert not [path for path in tmp_path.iterdir() if "x.mp4" in path.name]


def test_without_pyav_the_command_that_brings_it_is_told_before_anything_is_shown(
    player: Player, repository: mtv.Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(RequestError, match=r"pip install 'mtv\[movie\]'") as caught:
        repository.movie(refs(), save=tmp_path / "x.mp4")
    assert caught.value.code == "unsupported"
    assert not player.asked(requests.Play)
    repository.movie(refs(), save=tmp_path / "pictures")


def test_a_scripted_daemon_plays_a_movie_by_itself(repository: mtv.Repository) -> None:
    movie = repository.movie(refs(), display="strip")
    assert (movie.wait().shown, movie.stop().reason, movie.display) == (3, "end", "strip")
    with pytest.raises(RequestError, match="no such movie"):
        movies.on_display(repository.connection, 5)
