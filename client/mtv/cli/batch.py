"""One transaction from JSON lines: each line is a step as in ``PROTOCOL.md``, errors name the line."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from mtv.cli import common, output
from mtv.cli.common import Call, Command
from mtv.cli.query import as_objects, print_rows
from mtv.wire.data import File
from mtv.wire.errors import MtvError, RequestError, bad_value
from mtv.wire.hints import near
from mtv.wire.messages import Outcome, StepOutcome
from mtv.wire.steps import STEP_TYPES, AnyStep, Load, Mtv, Overlay

_PATH: Final = re.compile(r" - at `\$\.?(?P<path>[^`]*)`$")
_BY_TAG: Final = {str(kind.__struct_config__.tag): kind for kind in STEP_TYPES}
_KINDS: Final = ", ".join(_BY_TAG)


@click.command("batch", cls=Command)
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True))
@click.pass_obj
def batch(call: Call, file: str) -> None:
    """Carry out the steps in FILE, one JSON object a line, as one transaction: all of them, or none.

    \b
    {"type": "mtv", "target": {"source": "file", "path": "image.fits"}}
    {"type": "scale", "stretch": "asinh", "mode": "zscale"}
    {"type": "overlay", "x": [10, 20], "y": [30, 40], "symbol": "o", "size": 8, "colour": "orange"}

    '-' is the standard input. Empty lines and lines that begin with # do not count. Types: query, load, mtv, overlay,
    erase, delete, show, scale, zoom, pan, rotate, flip, arrange, colormap, mask_colour, mask_transparency,
    annotate. Displays,
    overlays and mask planes that are named must be there, or be made by one of the lines.
    """  # noqa: D301 - \b is click's own mark
    numbered = list(read_steps(_lines(file)))
    if not numbered:
        click.echo("mtv: there is nothing to do", err=True)
        return
    numbers = [number for number, _ in numbered]
    try:
        outcome = call.draw(*(step for _, step in numbered))
    except MtvError as error:
        raise _in_lines(error, numbers) from None
    _tell(call, outcome, numbers)


def read_steps(lines: Iterable[str]) -> Iterable[tuple[int, AnyStep]]:
    """Yield the number of each line, from 1, and its step.

    Raises
    ------
    RequestError
        ``bad_value`` naming the line and the field.
    """
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if text and not text.startswith("#"):
            yield number, _step(number, text)


def _step(number: int, text: str) -> AnyStep:
    try:
        step: AnyStep = msgspec.json.decode(text, type=AnyStep)
    except msgspec.ValidationError as error:
        _check_names(number, text)  # a field that is misspelt is missing, too
        raise _refusal(number, str(error)) from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise bad_value(f"line {number}", f"this is no JSON: {error}", "one object a line") from None
    _check_fields(f"line {number}: ", "", msgspec.json.decode(text), step)
    return _with_absolute_path(number, step)


def _check_names(number: int, text: str) -> None:
    """Refuse unknown fields of an object that is no step as it stands; those below them are not looked at."""
    given = msgspec.json.decode(text)
    kind = _BY_TAG.get(str(given.get("type"))) if isinstance(given, dict) else None
    if kind is not None:
        _check_keys(f"line {number}: ", str(given["type"]), given, kind)


def _check_fields(where: str, name: str, given: Any, understood: Any) -> None:
    """Refuse fields that were not understood, at any depth: the wire ignores what it does not know.

    Parameters
    ----------
    where : `str`
        In front of a field's name, for the error.
    name : `str`
        The field that it is.
    given, understood
        The same value, as it was read and as it will be sent.
    """
    if isinstance(understood, msgspec.Struct) and isinstance(given, dict):
        kind = type(understood)
        _check_keys(where, str(kind.__struct_config__.tag or name), given, kind)
        for key, value in given.items():
            _check_fields(f"{where}{key}.", key, value, getattr(understood, key, None))
    elif isinstance(understood, tuple | list) and isinstance(given, list):
        for index, (value, item) in enumerate(zip(given, understood, strict=True)):
            _check_fields(f"{where.removesuffix('.')}[{index}].", name, value, item)


def _check_keys(where: str, owner: str, given: dict[str, Any], kind: type[msgspec.Struct]) -> None:
    known = kind.__struct_fields__
    for key in given:
        if key not in known and key != kind.__struct_config__.tag_field:
            hint = near(key, known, otherwise=f"it has {', '.join(known)}", count=1)
            raise bad_value(f"{where}{key}", f"{owner!r} has no such field", hint)


def _refusal(number: int, text: str) -> RequestError:
    match = _PATH.search(text)
    path, message = (match["path"], text[: match.start()]) if match else ("", text)
    hint = f"one of {_KINDS}" if path == "type" or "`type`" in message else ""
    return bad_value(f"line {number}" + (f": {path}" if path else ""), message, hint)


def _with_absolute_path(number: int, step: AnyStep) -> AnyStep:
    """Return a step whose file the daemon finds: it runs in another directory."""
    if not isinstance(step, Mtv | Load | Overlay) or not isinstance(step.target, File):
        return step
    try:
        target = msgspec.structs.replace(step.target, path=common.absolute(step.target.path))
    except RequestError as error:
        raise RequestError(msgspec.structs.replace(error.error, where=f"line {number}: target.path")) from None
    return msgspec.structs.replace(step, target=target)


def _lines(file: str) -> list[str]:
    try:
        return sys.stdin.read().splitlines() if file == "-" else Path(file).read_text("utf-8").splitlines()
    except FileNotFoundError:
        raise bad_value("file", f"{file} is not there") from None
    except (OSError, UnicodeDecodeError) as error:
        raise bad_value("file", f"{file} cannot be read: {error}") from None


def _in_lines(error: MtvError, numbers: list[int]) -> MtvError:
    """Return an error that names the line in place of the step."""
    index = common.step_of(error)
    if index is None or index >= len(numbers):
        return error
    field = error.error.where.partition(".")[2]
    where = f"line {numbers[index]}" + (f": {field}" if field else "")
    return type(error)(msgspec.structs.replace(error.error, where=where))


def _tell(call: Call, outcome: Outcome, numbers: list[int]) -> None:
    if call.json:
        steps = [_as_object(number, step) for number, step in zip(numbers, outcome.steps, strict=True)]
        output.print_json({"steps": steps, "note": outcome.note})
        return
    for step in outcome.steps:
        if step.rows is not None:
            print_rows(step.rows)
        if step.loaded is not None:
            click.echo(f"handle:{step.loaded.handle}")
    for number, step in zip(numbers, outcome.steps, strict=True):
        for note in (step.note, *(step.loaded.notes if step.loaded else ())):
            if note:
                click.echo(f"mtv: line {number}: {note}", err=True)
    click.echo(f"mtv: {output.plural(len(outcome.steps), 'step')} done", err=True)


def _as_object(number: int, step: StepOutcome) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(step)
    if step.rows is not None:
        plain["rows"] = as_objects(step.rows)
    return {"line": number, "state": step.state, **plain}
