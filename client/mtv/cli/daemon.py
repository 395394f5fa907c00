"""The daemon from outside: up, down, status, cancel, version."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from mtv.cli import common
from mtv.cli.common import Call, Command, Refused
from mtv.wire.errors import Unavailable, bad_value

if TYPE_CHECKING:
    from mtv.cli.upkeep import Option
    from mtv.wire.reports import Arrangement, DisplayReport, FeedInfo, Movie, Report, SessionInfo, WindowState

_LEAVE_SECS: Final = 20.0
"""How long a daemon may take to close its window and go."""


@click.command("up", cls=Command)
@click.option("--repo", "repos", multiple=True, metavar="[ALIAS=]PATH", help="A Butler repository; may be repeated.")
@click.option("--window", help="auto (default), headless, or an X display such as :0.")
@click.option("--attach", metavar="TITLE", help="Draw in a DS9 that you run: XPA_METHOD=local ds9 -title TITLE.")
@click.option("--keep-window/--close-window", default=None, help="What becomes of the window at an orderly stop.")
@click.option("--config", type=click.Path(exists=True, dir_okay=False), help="Configuration file of the daemon.")
@click.option(
    "--listen", metavar="TCP", help="Hear other hosts too, at tcp://address:port, with keys: mtv keys --help."
)
@click.option("--log-level", type=click.Choice(["DEBUG", "INFO", "WARNING", "ERROR"]), help="How much is logged.")
@click.option("--service", is_flag=True, help="Install and start the user service: the daemon comes with each login.")
@click.pass_obj
def up(
    call: Call,
    repos: tuple[str, ...],
    window: str | None,
    attach: str | None,
    keep_window: bool | None,
    config: str | None,
    listen: str | None,
    log_level: str | None,
    service: bool,
) -> None:
    """Start the daemon in the background, and wait until it answers.

    No window opens before something is shown. The log is in the runtime directory, beside the socket. A daemon that
    runs already keeps the settings that it was started with: options that it does not have are exit code 1.
    """
    from mtv.cli import starting, upkeep

    options = {
        "--window": window,
        "--attach": attach,
        "--config": str(Path(config).absolute()) if config else None,
        "--listen": listen and upkeep.check_listen(listen),
        "--log-level": log_level,
    }
    wanted = [upkeep.Option("--repo", starting.absolute_repo(repo)) for repo in repos]
    wanted += [upkeep.Option(name, value) for name, value in options.items() if value]
    if keep_window is not None:
        wanted.append(upkeep.Option("--keep-window" if keep_window else "--close-window"))
    if service:
        _up_by_service(call, wanted)
        return
    report = starting.probe(call.endpoint)
    already = report is not None
    if report is None:
        for location in filter(None, map(starting.missing_directory, repos)):
            raise bad_value("repo", f"there is no directory {location}", "--repo takes [ALIAS=]PATH or [ALIAS=]URI")
        words = [word for option in wanted for word in option.words]
        report, already = starting.start_or_find(call.endpoint, words, call.timeout_secs)
    lacking = [option for option in wanted if not upkeep.has(report, option)] if already else []
    _tell_up(call, report, already=already, lacking=lacking)
    if lacking:
        raise Refused(upkeep.refusal(lacking, wanted))


def _up_by_service(call: Call, wanted: list[Option]) -> None:
    """Install the user service, and start it unless a daemon runs: that is left alone."""
    from mtv.cli import starting

    if wanted:
        raise click.UsageError(
            f"the service has its settings from ~/.config/mtv/mtvd.toml, not from {wanted[0].name}: write them there"
        )
    report = starting.probe(call.endpoint)
    starting.install_service(start=report is None)
    if report is None:
        _tell_up(call, common.connect(call.endpoint, call.timeout_secs).status(), already=False)
        return
    _tell_up(call, report, already=True)
    when = "from the next login on, or now: mtv down && systemctl --user start mtvd"
    click.echo(f"mtv: the service is installed; it takes the place of this daemon {when}", err=True)


def _tell_up(call: Call, report: Report, *, already: bool, lacking: list[Option] | None = None) -> None:
    if call.json:
        from mtv.cli.output import print_json

        told = {"already": already, "pid": report.pid, "endpoint": report.endpoint, "release": report.release}
        print_json({**told, "not_taken": [" ".join(option.words) for option in lacking or ()]})
        return
    word = "runs already" if already else "is up"
    click.echo(f"mtvd {report.release} {word}, pid {report.pid}, {report.endpoint}")


@click.command("down", cls=Command)
@click.option("--keep-window/--close-window", default=None, help="What becomes of the window; else as set.")
@click.pass_obj
def down(call: Call, keep_window: bool | None) -> None:
    """Stop the daemon in order, and wait until it has gone. Where none runs there is nothing to do."""
    from mtv.cli.starting import Leaving

    try:
        report = call.connection.status()
    except Unavailable as error:
        if error.code != "no_daemon":
            raise
        _tell_down(call, None)
        return
    with Leaving(report.pid, call.connection.endpoint) as leaving:
        call.connection.shutdown(keep_window=keep_window)
        call.connection.close()
        if not leaving.wait(max(call.timeout_secs, _LEAVE_SECS)):
            raise Refused(f"mtvd (pid {report.pid}) still runs after it was asked to stop", common.OVERDUE)
    _tell_down(call, report.pid)


def _tell_down(call: Call, pid: int | None) -> None:
    if call.json:
        from mtv.cli.output import print_json

        print_json({"stopped": pid is not None, "pid": pid})
    else:
        click.echo("no daemon runs" if pid is None else f"mtvd has stopped, pid {pid}")


@click.command("status", cls=Command)
@click.pass_obj
def status(call: Call) -> None:
    """Tell what the daemon has and does: window, displays, sessions, repositories, memory."""
    report = call.connection.status()
    if call.json:
        from mtv.cli.output import print_json

        print_json(report)
        return
    for line in status_lines(report, call.connection.session):
        click.echo(line)


def status_lines(report: Report, own_session: str = "") -> list[str]:
    """Return the daemon's state as lines; the session that asks is left out."""
    from mtv.cli.output import duration, plural, size

    others = [session for session in report.sessions if session.session != own_session]
    sessions = [session for session in others if not _has_ended(session)]
    ended = len(others) - len(sessions)
    limit = f" of {size(report.pixel_bytes_limit)}" if report.pixel_bytes_limit else ""
    return [
        f"mtvd {report.release}, pid {report.pid}, up {duration(report.uptime_secs)}, {report.endpoint}",
        *([_entry("other hosts", report.listen)] if report.listen else []),
        _entry("window", _window(report.window)),
        *_entries("displays", [_display(display, report.front) for display in report.displays]),
        *([_entry("arrangement", arranged)] if (arranged := _arrangement(report.arrangement)) else []),
        *_entries(
            "sessions",
            [
                f"{session.program or 'unnamed'}, pid {session.pid}{f' on {session.host}' if session.host else ''}, "
                f"{plural(session.requests, 'request')}, {session.waiting} waiting"
                for session in sessions
            ]
            + ([f"{ended} more, of programs that have ended"] if ended else [])
            + ([f"and {more} more"] if (more := report.session_count - len(report.sessions)) > 0 else []),
        ),
        *(_entries("feeds", [_feed(feed) for feed in report.feeds]) if report.feeds else []),
        *(_entries("movies", [_movie(movie) for movie in report.movies]) if report.movies else []),
        *_entries(
            "repositories",
            [
                " ".join(filter(None, (repo.alias, "(default)" if repo.default else "", repo.location, repo.state)))
                for repo in report.repositories
            ],
        ),
        _entry(
            "memory",
            f"pixels {size(report.pixel_bytes)}{limit} in {plural(report.pixel_files, 'file')}, "
            f"room for {size(report.pixel_room_bytes)}, daemon {size(report.memory_bytes)}, "
            f"journal {size(report.journal_bytes)}, {plural(report.workers, 'worker')}",
        ),
        _entry(
            "work",
            f"{report.queue} waiting, {plural(report.transactions, 'transaction')} in "
            f"{plural(report.batches, 'batch').replace('batchs', 'batches')}",
        ),
    ]


def _has_ended(session: SessionInfo) -> bool:
    """Tell whether the program is gone; of one on another host nobody here knows."""
    if session.host != os.uname().nodename:
        return False
    try:
        os.kill(session.pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def _feed(feed: FeedInfo) -> str:
    from mtv.cli.output import size

    return (
        f"{feed.feed} on {feed.display}: {feed.published} published, {feed.shown} shown, {feed.dropped} dropped, "
        f"{size(feed.bytes)}, {feed.fps:.1f} frames/s, latency {1e3 * feed.latency_p50_secs:.0f} ms "
        f"(99 %: {1e3 * feed.latency_p99_secs:.0f} ms)"
    )


def _movie(movie: Movie) -> str:
    return (
        f"on {movie.display}: {movie.state}, {movie.position + 1} of {movie.count}{', loops' if movie.loop else ''}, "
        f"{movie.shown_fps:.1f} of {movie.fps:g} frames/s, {movie.shown} shown, {movie.skipped} skipped, "
        f"{movie.failed} failed"
    )


def _entry(name: str, text: str) -> str:
    return f"{name:<14}{text}"


def _entries(name: str, texts: list[str]) -> list[str]:
    return [_entry("" if index else name, text) for index, text in enumerate(texts or ["none"])]


def _window(window: WindowState) -> str:
    from mtv.shared.ds9 import describe_version

    parts = [
        window.state,
        describe_version(window.version),
        f"pid {window.pid}" if window.pid else "",
        f"your own DS9 {window.title!r}, never closed from here" if window.attached else "",
        f"on {window.x_display}" if window.x_display else "",
        "a virtual screen that nobody sees ('mtv snap' takes a picture)" if window.headless else "",
        f"restarts: {window.restarts}" if window.restarts else "",
        window.reason,
    ]
    if window.state == "absent" and not window.reason:
        parts.append("opens when something is shown")
    return ", ".join(filter(None, parts))


def _arrangement(shown: Arrangement) -> str:
    shared = [
        f"zoom, pan and rotation by {shown.lock_frame}" if shown.lock_frame != "none" else "",
        "scale" if shown.lock_scale else "",
        "colour map" if shown.lock_colormap else "",
        f"crosshair by {shown.lock_crosshair}" if shown.lock_crosshair != "none" else "",
    ]
    locks = " and ".join(filter(None, shared))
    size = "{} x {} pixels".format(*shown.size) if shown.size else ""
    tiles = f"side by side{f' in {shown.columns} columns' if shown.columns else ''}" if shown.tile else ""
    tiles = f"each for {shown.blink_secs:g} s" if shown.blink_secs else tiles
    tiles += f": {', '.join(map(str, shown.displays))}" if shown.displays else ""
    return ", ".join(filter(None, [tiles, f"shared: {locks}" if locks else "", size]))


def _display(display: DisplayReport, front: int | None) -> str:
    from mtv.cli.output import plural

    name = f"{display.number}" + (f" {display.name!r}" if display.name else "")
    if display.shape:
        image = " x ".join(str(length) for length in reversed(display.shape)) + f" {display.label}".rstrip()
    else:
        image = "empty"
    limits = "{:g} to {:g}".format(*display.limits) if display.limits else display.mode
    overlays = [f"{key} {count}" for key, count in display.overlays.items()]
    parts = [
        image,
        f"{display.stretch} {limits}".rstrip(),
        plural(len(display.mask.planes), "mask plane") if display.mask.planes else "",
        ("markers: " + ", ".join(overlays)) if overlays else "",
        "in front" if display.number == front else "",
        *display.notes,
    ]
    return f"{name}: " + ", ".join(filter(None, parts))


@click.command("cancel", cls=Command)
@click.argument("request_id", default="")
@click.pass_obj
def cancel(call: Call, request_id: str) -> None:
    """Cancel a request by its id, which errors name, or all requests that wait."""
    from mtv.wire.requests import EVERYBODYS

    count = call.connection.cancel(request_id or EVERYBODYS)
    if call.json:
        from mtv.cli.output import print_json

        print_json({"cancelled": count})
        return
    if request_id and not count:
        raise Refused(f"request_id: no request {request_id!r} waits")
    click.echo("nothing waits" if not count else f"cancelled {count}")


@click.command("version", cls=Command)
@click.pass_obj
def version(call: Call) -> None:
    """Print the versions of this program and of its protocol; 'mtv status' has the daemon's."""
    import mtv
    from mtv.wire.version import MAJOR, MINOR

    if call.json:
        from mtv.cli.output import print_json

        print_json({"release": mtv.__version__, "protocol": [MAJOR, MINOR]})
    else:
        click.echo(f"mtv {mtv.__version__}, protocol {MAJOR}.{MINOR}")
