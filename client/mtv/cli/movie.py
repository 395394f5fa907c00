"""Movies: play what a query finds, with keys and a bar on a terminal; steer one that plays; save one to a file."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import click

from mtv.arguments import checks
from mtv.cli import common, output, targets
from mtv.cli.common import Call, Command, Refused, display_option
from mtv.wire.errors import Error, RequestError, bad_value, exception_for
from mtv.wire.messages import Progress
from mtv.wire.reports import Movie as State

if TYPE_CHECKING:
    from mtv.streams.movie import Movie

_KEYS: Final = "space: pause or play, arrows: one back or on, + and -: speed, l: loop, q: stop"
_OF_A_NEW_ONE: Final = ("where", "bind", "order_by", "limit", "every", "start", "background", "save", "bbox", "sky")
_LOOK_SECS: Final = 0.1
"""Between looks at how it goes, while keys are waited for."""
_FASTER: Final = 1.25


@click.command("movie", cls=Command)
@click.argument("words", nargs=-1, metavar="[DATASET_TYPE [KEY=VALUE]...]")
@common.repo_option
@common.collections_option
@click.option("--where", default="", help="Expression of Butler's query language.")
@click.option("--bind", multiple=True, metavar="NAME=VALUE", help="A value for :NAME in --where.")
@click.option("--order-by", multiple=True, help="Dimensions or fields; -visit turns the order round.")
@click.option("--limit", type=click.IntRange(min=1), help="At most so many frames.")
@targets.part_options
@display_option
@click.option("--fps", type=click.FloatRange(min=0, min_open=True), help="Frames a second.  [default: 2]")
@click.option("--loop/--once", default=None, help="Begin again after the last frame, or end there (default).")
@click.option("--every", is_flag=True, help="Skip none: where it is too fast it takes longer.")
@click.option("--start", type=int, default=0, metavar="N", help="Index of the first frame, from 0.")
@click.option("--background", is_flag=True, help="Return at once; it plays on.")
@click.option("--save", type=click.Path(), metavar="FILE|DIR", help="Write FILE.gif, FILE.mp4, or DIR/00000.png ...")
@click.option("--pause", "action", flag_value="pause", help="Steer: stand still.")
@click.option("--play", "action", flag_value="play", help="Steer: go on.")
@click.option("--stop", "action", flag_value="stop", help="Steer: end; the last frame stays.")
@click.option("--step", type=int, metavar="N", help="Steer: pause, and go N frames on, or back.")
@click.option("--seek", type=int, metavar="N", help="Steer: go to frame N, from 0, or from the end.")
@click.pass_obj
def movie(call: Call, /, words: tuple[str, ...], **asked: Any) -> None:
    """Play what a query finds, frame by frame, in the daemon.

    On a terminal keys steer it: space pauses and plays, the arrows step, + and - change the speed, l loops, q stops.
    Elsewhere the command waits for the end. Ctrl-C stops the movie; with --background it goes on by itself.

    \b
    mtv movie calexp instrument=HSC detector=41 --order-by visit --fps 4
    mtv movie calexp instrument=HSC --where "visit > 1000" --save visits.mp4
    mtv movie calexp --sky 150.1,2.2,30 --loop --background      a patch of the sky
    mtv movie --pause                                            steer the one that plays on --display
    mtv movie --fps 10 --loop
    mtv movie                                                    how it goes
    """  # noqa: D301 - \b is click's own mark
    if words:
        _begin(call, words, asked)
    else:
        _steer(call, asked)


def _begin(call: Call, words: tuple[str, ...], asked: dict[str, Any]) -> None:
    """Play, and stay with it."""
    from mtv.repository import Repository

    for name in ("action", "step", "seek"):
        if asked[name] is not None:
            option = asked[name] if name == "action" else name
            raise click.UsageError(f"--{option} steers a movie that plays: leave {words[0]} out")
    if asked["background"] and asked["save"] is not None:
        raise click.UsageError("--background plays on by itself, --save waits for each frame: leave one of them out")
    if asked["start"] and asked["save"] is not None:
        raise click.UsageError("--save writes all frames, from the first one on: leave --start out")
    dataset_type, *constraints = words
    data_id: dict[str, Any] = dict(common.keywords(constraints))
    for name in data_id.keys() & inspect.signature(Repository.movie).parameters:
        raise bad_value(f"data_id.{name}", f"there is no dimension {name!r}", f"did you mean --{name}?")
    sky, save = asked["sky"], asked["save"]
    with output.Bar(wanted=_on_terminal(call)) as bar:
        begun = Repository(asked["repo"] or None, connection=call.connection).movie(
            dataset_type,
            where=asked["where"],
            bind=common.values(asked["bind"], "bind"),
            collections=common.split_items(asked["collections"]) or None,
            order_by=common.split_items(asked["order_by"]),
            limit=asked["limit"],
            fps=2.0 if asked["fps"] is None else asked["fps"],
            loop=bool(asked["loop"]),
            every=asked["every"],
            display=checks.display_name(asked["frame"]),
            start=asked["start"],
            component=asked["component"],
            cube_index=asked["cube_index"],
            bbox=asked["bbox"],
            centre_deg=sky and sky[:2],
            size_arcsec=sky and sky[2:],
            paused=save is not None,
            on_progress=bar,
            **data_id,
        )
        if save is not None:
            _save(call, begun, save, bar)
            return
    if asked["background"]:
        _tell(call, begun.state)
        return
    try:
        state = _follow(call, begun)
    except KeyboardInterrupt:
        begun.stop()
        raise
    _tell(call, state)
    if state.reason == "failed" and state.error is not None:
        raise exception_for(state.error)


def _save(call: Call, begun: Movie, save: str, bar: output.Bar) -> None:
    with begun:
        try:
            saved = begun.save(save, on_progress=bar)
        except OSError as error:
            raise Refused(f"save: {save}: {error.strerror or error}") from None
    if call.json:
        output.print_json({"file": str(saved.path), "frames": saved.frames, "failed": saved.failed})
        return
    failed = f", {saved.failed} could not be shown" if saved.failed else ""
    click.echo(f"{save}: {output.plural(saved.frames, 'frame')}{failed}")


def _steer(call: Call, asked: dict[str, Any]) -> None:
    """Do to the movie on a display what the options say."""
    from mtv.streams.movie import on_display

    for name in _OF_A_NEW_ONE:
        if asked[name]:
            raise click.UsageError(f"--{name.replace('_', '-')} needs a dataset type to play")
    found = on_display(call.connection, checks.display_name(asked["frame"]))
    state = found.state
    if asked["fps"] is not None:
        state = found.speed(asked["fps"])
    if asked["loop"] is not None:
        state = found.loop(asked["loop"])
    if asked["seek"] is not None:
        state = found.seek(asked["seek"])
    if asked["step"] is not None:
        state = found.step(asked["step"])
    if asked["action"] is not None:
        state = getattr(found, asked["action"])()
    _tell(call, state)


# Staying with it


def _on_terminal(call: Call) -> bool:
    return not call.json and sys.stderr.isatty()


def _follow(call: Call, begun: Movie) -> State:
    """Wait for the end: with a bar on a terminal, and with keys where there is a keyboard."""
    if not _on_terminal(call):
        return begun.wait()
    from mtv.cli.keyboard import Keys, has_keyboard

    keyboard = has_keyboard()
    with MovieBar(hint=_KEYS if keyboard else "") as bar:
        if not keyboard:
            return begun.wait(on_state=bar)
        with Keys() as keys:
            state = begun.state
            while state.state != "ended":
                bar(state)
                for key in keys.read(_LOOK_SECS):
                    try:
                        _do(key, begun, state)
                    except RequestError as error:
                        if error.code != "not_found":  # it has ended meanwhile
                            raise
                state = begun.state
            return state


def _do(key: str, begun: Movie, state: State) -> None:
    """Do what a key means."""
    does: dict[str, Callable[[], object]] = {
        " ": begun.pause if state.state == "playing" else begun.play,
        "right": begun.step,
        "left": lambda: begun.step(-1),
        "+": lambda: begun.speed(state.fps * _FASTER),
        "=": lambda: begun.speed(state.fps * _FASTER),
        "-": lambda: begun.speed(state.fps / _FASTER),
        "l": lambda: begun.loop(not state.loop),
        "q": begun.stop,
    }
    if key in does:
        does[key]()


class MovieBar:
    """Shows on stderr how a movie goes; called with each state. The hint stands above it."""

    def __init__(self, *, hint: str = "") -> None:
        self._hint = hint

    def __enter__(self) -> MovieBar:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        shown = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[count]}"))
        self._bar: Any = Progress(*shown, console=Console(stderr=True), transient=True, auto_refresh=False)
        self._task: Any = None
        if self._hint:
            self._bar.console.print(self._hint, style="dim", highlight=False)
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def __call__(self, state: State) -> None:
        """Show a state."""
        if self._task is None:
            self._task = self._bar.add_task("", total=state.count, count="")
        shown = {"completed": state.position + 1, "description": state.state, "count": describe_state(state)}
        self._bar.update(self._task, **shown, refresh=True)


def describe_state(state: State) -> str:
    """Return place, rate, and what went wrong, as people read them beside a bar."""
    lost = [f"{count} {word}" for count, word in ((state.skipped, "skipped"), (state.failed, "failed")) if count]
    return ", ".join([*_place(state), *lost])


def line_of(state: State) -> str:
    """Return how a movie goes, or went, as a line."""
    going = f"ended ({state.reason})" if state.reason else state.state
    counts = f"{state.shown} shown, {state.skipped} skipped, {state.failed} failed"
    return f"display {state.display}: " + ", ".join([going, *_place(state), counts])


def _place(state: State) -> list[str]:
    place = Progress(done=state.position + 1, total=state.count)
    rate = f"{state.shown_fps:.3g} of {state.fps:.3g} frames/s" if state.shown_fps else f"{state.fps:.3g} frames/s"
    return [output.amount_text(place), rate, *(["loops"] if state.loop else [])]


def _tell(call: Call, state: State) -> None:
    if call.json:
        output.print_json(state)
        return
    click.echo(line_of(state))
    if state.error is not None and state.reason != "failed":
        click.echo(f"mtv: the last that failed: {_words(state.error)}", err=True)


def _words(error: Error) -> str:
    return common.in_words_of_the_shell(exception_for(error))
