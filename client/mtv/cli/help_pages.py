"""Manual pages, ``mtv.1`` and one for each command, made of what the commands themselves say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import click

import mtv
from mtv.cli import help_words

_SPECIAL: Final = str.maketrans({"\\": "\\e", "-": "\\-", "`": "\\(ga", "'": "\\(aq", "^": "\\(ha", "~": "\\(ti"})


def write(directory: Path) -> list[Path]:
    """Write all pages into a directory, which is made where it is not there; return their files.

    Raises
    ------
    OSError
        They cannot be written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    written = []
    for name, text in pages().items():
        (directory / name).write_text(text, "utf-8")
        written.append(directory / name)
    return written


def pages() -> dict[str, str]:
    """Return all pages by the names of their files."""
    from mtv.cli import cli

    root = click.Context(cli, info_name="mtv", max_content_width=100, terminal_width=100)
    found = {
        "mtv.1": "\n".join(_page(root, "One DS9 window and the Butler repositories of one daemon.", commands=True))
    }
    for path, ctx, summary in _commands(root, ()):
        found[f"mtv-{'-'.join(path)}.1"] = "\n".join(_page(ctx, summary))
    return {name: f"{text}\n" for name, text in found.items()}


def _commands(ctx: click.Context, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Context, str]]:
    from mtv.cli import COMMANDS

    group = ctx.command
    assert isinstance(group, click.Group)
    for name in group.list_commands(ctx):
        command = group.get_command(ctx, name)
        assert command is not None
        inner = click.Context(command, info_name=name, parent=ctx, max_content_width=100, terminal_width=100)
        summary = command.get_short_help_str(100) if ctx.parent else COMMANDS[name].summary
        yield (*path, name), inner, summary
        if isinstance(command, click.Group):
            yield from _commands(inner, (*path, name))


def _page(ctx: click.Context, summary: str, *, commands: bool = False) -> Iterator[str]:
    name = ctx.command_path.replace(" ", "-")
    yield f'.TH "{name.upper()}" "1" "" "mtv {mtv.__version__}" "mtv"'
    yield ".SH NAME"
    yield f"{_text(name)} \\- {_text(summary.rstrip('.'))}"
    yield ".SH SYNOPSIS"
    yield f".B {_text(ctx.command_path)}"
    yield _text(" ".join(ctx.command.collect_usage_pieces(ctx)))
    yield ".SH DESCRIPTION"
    yield from _description(ctx.command.help or "")
    if records := [
        record
        for param in ctx.command.get_params(ctx)
        if isinstance(param, click.Option) and (record := param.get_help_record(ctx))
    ]:
        yield ".SH OPTIONS"
        for option, text in records:
            yield from (".TP", f".B {_text(option)}", _text(" ".join(text.split())) or "\\&")
    if isinstance(ctx.command, click.Group):
        yield ".SH COMMANDS"
        for path, inner, text in _commands(ctx, ()):
            if len(path) == 1:
                page = inner.command_path.replace(" ", "-")
                yield from (".TP", f".BR {_text(page)} (1)", _text(text))
    if commands:
        yield from _definitions("ENVIRONMENT", help_words.VARIABLES.items())
        yield from _definitions("EXIT STATUS", ((str(code), text) for code, text in help_words.EXITS.items()))
    else:
        yield from (".SH SEE ALSO", ".BR mtv (1)")


def _definitions(title: str, entries: Iterable[tuple[str, str]]) -> Iterator[str]:
    yield f".SH {title}"
    for name, text in entries:
        yield from (".TP", f".B {_text(name)}", _text(text))


def _description(text: str) -> Iterator[str]:
    """Yield paragraphs; one that begins with click's mark of a backspace keeps its lines."""
    for paragraph in text.split("\n\n"):
        lines = [line for line in paragraph.splitlines() if line.strip()]
        if lines and lines[0].strip() == "\b":
            yield from (".PP", ".nf", *(_text(line) for line in lines[1:]), ".fi")
        elif lines:
            yield from (".PP", _text(" ".join(" ".join(lines).split())))


def _text(text: str) -> str:
    """Return a text that roff takes for nothing else; a dot or a quote in front would be a request."""
    escaped = text.translate(_SPECIAL)
    return f"\\&{escaped}" if escaped.startswith((".", "\\(aq")) else escaped
