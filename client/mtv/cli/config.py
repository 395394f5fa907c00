"""Settings in force, and where each is from: of the daemon that runs, or of one that would be started now."""

from __future__ import annotations

import itertools
import os
from pathlib import Path
from typing import Any

import click
import msgspec

from mtv.cli import output, starting
from mtv.cli.common import BROKEN, Call, Command, Refused
from mtv.shared import paths
from mtv.wire.errors import bad_value


class _Setting(msgspec.Struct, frozen=True):
    """One setting in force."""

    name: str
    value: Any
    source: str


class _Told(msgspec.Struct, frozen=True):
    """Settings as a daemon leaves them in its runtime directory."""

    pid: int
    settings: list[_Setting]


@click.command("config", cls=Command)
@click.argument("names", nargs=-1, metavar="[SETTING|TABLE]...")
@click.option("--changed", is_flag=True, help="Only settings that are not the default.")
@click.pass_obj
def config(call: Call, names: tuple[str, ...], changed: bool) -> None:
    """Show the daemon's settings: value, and where it is from (file, option, environment or default).

    \b
    mtv config                    all
    mtv config --changed          those that somebody has set
    mtv config stage              a table of them
    mtv config stage.window       one; 'mtv help stage.window' says what it means

    Where no daemon runs, they are those that one would start with now. Settings are written into
    ~/.config/mtv/mtvd.toml; a daemon that runs has them after 'mtv down' and 'mtv up'.
    """  # noqa: D301 - \b is click's own mark
    pid, settings = _of_the_running(call) or (None, _of_the_next(call))
    chosen = [setting for setting in settings if not changed or setting.source != "default"]
    chosen = [setting for setting in chosen if not names or _is_named(setting.name, names)]
    for name in names:
        if not any(_is_named(setting.name, (name,)) for setting in settings):
            from mtv.wire.hints import near

            known = [setting.name for setting in settings]
            raise bad_value(
                "setting", f"there is no setting {name!r}", near(name, known, otherwise="mtv config lists all")
            )
    if call.json:
        output.print_json({"pid": pid, "settings": chosen})
        return
    output.print_table(("setting", "value", "from"), [(each.name, _text(each.value), each.source) for each in chosen])
    running = f"of the daemon that runs, pid {pid}" if pid else "of a daemon that would be started now: none runs"
    click.echo(f"mtv: {output.plural(len(chosen), 'setting')} {running}", err=True)


def _is_named(setting: str, names: tuple[str, ...]) -> bool:
    return any(setting == name or setting.startswith(f"{name}.") for name in names)


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} = {text}" for key, text in value.items()) or "{}"
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _of_the_running(call: Call) -> tuple[int, list[_Setting]] | None:
    """Return pid and settings of the daemon that runs; None where none does."""
    endpoint = call.endpoint or paths.default_endpoint()
    if paths.is_tcp(endpoint):
        raise bad_value("endpoint", "settings are told on the daemon's own host alone", "run mtv config there")
    report = starting.probe(call.endpoint)
    if report is None:
        return None
    places = [path.parent for path in (paths.socket_path(endpoint),) if path is not None]
    for runtime in dict.fromkeys([*places, *_runtime_directories(report.pid)]):
        try:
            told = msgspec.json.decode((runtime / "settings.json").read_bytes(), type=_Told)
        except (OSError, msgspec.DecodeError):
            continue  # another place may have it, else it is said below
        if told.pid == report.pid:
            return report.pid, told.settings
    raise Refused(f"the daemon that runs (mtvd {report.release}, pid {report.pid}) does not tell its settings", BROKEN)


def _runtime_directories(pid: int) -> list[Path]:
    """Return where a daemon of ours may have its runtime directory, if not beside its socket: it works there."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        words = []
    given = [Path(os.fsdecode(value)) for option, value in itertools.pairwise(words) if option == b"--runtime-dir"]
    return [*given, paths.runtime_directory()]


def _of_the_next(call: Call) -> list[_Setting]:
    from mtvd.settings import config as files
    from mtvd.settings import listing, options

    environ = os.environ.get(paths.ENDPOINT_VARIABLE)
    source = "option --endpoint" if call.endpoint else f"environment {paths.ENDPOINT_VARIABLE}"
    try:
        used = files.resolve(options.merge(files.read(None), endpoint=call.endpoint or environ))
    except files.ConfigError as error:
        raise Refused(str(error)) from None
    given = {"endpoint": source} if call.endpoint or environ else {}
    told = listing.in_force(used, listing.Sources(options=given))
    return [_Setting(each.name, each.value, each.source) for each in told]
