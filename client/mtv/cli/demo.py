"""The demo: a repository, a daemon of its own, the tutorial drawn, a picture, and what to try next."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from mtv.cli import common, output, starting
from mtv.cli.common import Call, Command, Refused
from mtv.shared import ownership, paths
from mtv.wire.errors import MtvError

_TUTORIAL: Final = "tutorial.py"
_COMPLETE: Final = "mtv-demo.json"
"""The builder writes it last, so what has it is whole."""
_KEPT: Final = "mtv-demo"
"""Runtime directory of a demo that was kept, beside that of the user's own daemon."""
_LOG_LINES: Final = 20


@click.command("demo", cls=Command)
@click.option("--directory", default="demo", show_default=True, type=click.Path(file_okay=False, path_type=Path))
@click.option("--picture", default="demo.png", show_default=True, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--size", type=click.Choice(["small", "full"]), default="full", show_default=True)
@click.option("--keep", is_flag=True, help="Leave the daemon and its window running.")
@click.pass_obj
def demo(call: Call, directory: Path, picture: Path, size: str, keep: bool) -> None:
    """See it work, with nothing but this: a repository, a window, the tutorial, a picture.

    Builds a demo repository in --directory (once; 'full' takes a minute or two and 2 GB), starts a daemon of its own,
    draws LSST's tutorial with it, and writes --picture. Your own daemon is left alone. Nothing stays running unless
    --keep.
    """
    starting.require_daemon()
    ownership.check_directory(paths.runtime_directory())  # the demo's own lies beside it
    tutorial = find_tutorial()
    directory, picture = directory.absolute(), picture.absolute()
    built = _build(call, directory, size)
    with _runtime(keep=keep) as runtime:
        endpoint = f"ipc://{runtime / paths.SOCKET_NAME}"
        headless = not os.environ.get("DISPLAY")
        options = ["--repo", f"demo={directory}", *(["--window", "headless"] if headless else [])]
        _say(call, "Starting a daemon of its own, " + ("on a virtual screen." if headless else "on your screen."))
        started = starting.start(endpoint, options, call.timeout_secs)
        finished = False
        try:
            _say(call, f"Running the tutorial, {_short_path(tutorial)}:")
            _run(tutorial, picture, endpoint, started.log)
            finished = True
        finally:
            if not (keep and finished):
                _stop(endpoint, started)
    _tell(call, tutorial, directory, picture, endpoint, built=built, keep=keep, headless=headless)


def find_tutorial() -> Path:
    """Return the tutorial: packaged with this library, or in the checkout that this file is in.

    Raises
    ------
    Refused
        It is in neither place.
    """
    here = Path(__file__).resolve()
    for folder in (here.parents[1] / "examples", here.parents[3] / "examples"):
        if (folder / _TUTORIAL).is_file():
            return folder / _TUTORIAL
    raise Refused("the tutorial is missing from this installation (pip install --force-reinstall 'mtv[daemon]')")


def _build(call: Call, directory: Path, size: str) -> bool:
    """Build the repository; False where it was there already."""
    if (directory / _COMPLETE).exists():
        _say(call, f"The demo repository is there already: {_short_path(directory)}")
        return False
    _say(call, f"Building a demo repository in {_short_path(directory)} ...")
    command = [sys.executable, "-m", "mtvd", "demo-repo", str(directory), "--size", size]
    result = subprocess.run(command, check=False, stdout=sys.stderr)
    if result.returncode:
        raise Refused("the demo repository was not built; the lines above say why", common.BROKEN)
    return True


@contextlib.contextmanager
def _runtime(*, keep: bool) -> Iterator[Path]:
    """Give the demo's daemon a runtime directory: one that is found again where it is kept, else one that goes."""
    base = paths.runtime_directory().parent
    if not keep:
        base.mkdir(mode=0o700, parents=True, exist_ok=True)
        runtime = Path(tempfile.mkdtemp(prefix=f"{_KEPT}-", dir=base))
        try:
            yield runtime
        finally:
            shutil.rmtree(runtime, ignore_errors=True)
        return
    kept = base / _KEPT
    endpoint = f"ipc://{kept / paths.SOCKET_NAME}"
    if starting.probe(endpoint) is not None:
        raise Refused(f"a demo that was kept still runs (stop it with: mtv down --endpoint {shlex.quote(endpoint)})")
    yield kept


def _run(tutorial: Path, picture: Path, endpoint: str, log: Path) -> None:
    environ = {**os.environ, paths.ENDPOINT_VARIABLE: endpoint}
    command = [sys.executable, str(tutorial), "--picture", str(picture)]
    result = subprocess.run(command, check=False, env=environ, stdout=sys.stderr)
    if result.returncode:
        for line in log.read_text(errors="replace").splitlines()[-_LOG_LINES:]:
            click.echo(f"  mtvd: {line}", err=True)
        raise Refused(f"the tutorial ended with status {result.returncode}; its lines are above", common.BROKEN)
    if not picture.is_file():
        raise Refused(f"the tutorial wrote no picture {picture}", common.BROKEN)


def _stop(endpoint: str, started: starting.Started) -> None:
    """Stop the demo's daemon in order, or by force."""
    with starting.Leaving(started.report.pid, endpoint) as leaving:
        connection = common.connect(endpoint, 5.0)
        with contextlib.suppress(MtvError):
            connection.shutdown(keep_window=False)
        connection.close()
        if not leaving.wait(20.0):
            started.process.returncode = None
            starting.end(started.process)


def _tell(
    call: Call,
    tutorial: Path,
    directory: Path,
    picture: Path,
    endpoint: str,
    *,
    built: bool,
    keep: bool,
    headless: bool,
) -> None:
    if call.json:
        output.print_json(
            {
                "repository": str(directory),
                "built": built,
                "picture": str(picture),
                "headless": headless,
                "endpoint": endpoint if keep else None,
            }
        )
        return
    for line in _story(tutorial, directory, picture, endpoint, keep=keep, headless=headless):
        click.echo(line)


def _story(
    tutorial: Path, directory: Path, picture: Path, endpoint: str, *, keep: bool, headless: bool
) -> Iterator[str]:
    """Tell what was done and what to try next."""
    import getpass

    chain = f"u/{getpass.getuser()}/single_frame"
    yield ""
    yield "What this did:"
    yield f"  - a Butler repository with simulated Hyper Suprime-Cam exposures is in {_short_path(directory)};"
    yield f"  - a daemon opened a DS9 window {'on a virtual screen' if headless else 'on your screen'},"
    yield f"    and {_short_path(tutorial)} drew LSST's tutorial in it, from a process of its own;"
    yield f"  - a picture of the window is in {_short_path(picture)}."
    if not keep:
        yield "  - the daemon and its window are gone again ('mtv demo --keep' leaves them)."
    yield ""
    yield "What to try next:"
    if keep:
        yield f"  export {paths.ENDPOINT_VARIABLE}={shlex.quote(endpoint)}"
    else:
        yield f"  mtv up --repo demo={shlex.quote(_short_path(directory))}"
    yield f"  export MTV_COLLECTIONS={shlex.quote(chain)}"
    yield "  mtv query calexp instrument=HSC physical_filter=HSC-R"
    yield "  mtv show calexp instrument=HSC visit=23718 detector=42 --scale 'asinh zscale'"
    yield "  mtv overlay src instrument=HSC visit=23718 detector=42 --size 10 --colour orange"
    if headless:
        yield "  mtv snap window.png                      the window is on a virtual screen"
    yield f"  less {shlex.quote(_short_path(tutorial))}    the same from Python"
    yield "  mtv down                                 stops the daemon and closes its window"


def _say(call: Call, text: str) -> None:
    click.echo(text, err=call.json)


def _short_path(path: Path) -> str:
    """Return a path as people know it: relative where it is below the working directory."""
    with contextlib.suppress(ValueError, OSError):
        return str(path.relative_to(Path.cwd()))
    return str(path)
