"""Explanations of a word: command, setting, error, variable, call in Python, or a word of afw, pyds9 and DS9."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from mtv.cli import help_words, output
from mtv.cli.common import Call, Command, Refused
from mtv.wire.errors import DaemonError, DeadlineExceeded, Unavailable, exception_for

_WIDTH: Final = 100


@click.command("help", cls=Command)
@click.argument("words", nargs=-1, metavar="[WORD]...")
@click.option(
    "--man", "directory", metavar="DIR", help="Write the manual pages into a directory: mtv.1, mtv-show.1 ..."
)
@click.pass_context
def help_(ctx: click.Context, words: tuple[str, ...], directory: str | None) -> None:
    """Explain a word.

    \b
    mtv help show                     a command; also two words: mtv help query types
    mtv help stage.window             a setting of mtvd.toml; mtv config shows what is in force
    mtv help no_window                the code of an error, or of an exit
    mtv help MTV_REPO                 a variable of the environment
    mtv help select                   an option; which commands have it
    mtv help data ID                  a word of LSST or of this program
    mtv help set_mask_transparency    a call in Python
    mtv help setMaskTransparency      a word of lsst.afw.display, pyds9 or DS9: what does it here
    mtv help "ds9.set('frame 1')"
    """  # noqa: D301 - \b is click's own mark
    call = ctx.ensure_object(Call)
    if directory is not None:
        from mtv.cli import help_pages

        written = help_pages.write(Path(directory))
        click.echo(f"{directory}: {output.plural(len(written), 'page')}")
        return
    root = ctx.find_root()
    lines = list(explain(root, " ".join(words))) if words else [root.get_help()]
    if call.json:
        output.print_json({"word": " ".join(words), "lines": lines})
        return
    width = min(shutil.get_terminal_size().columns, _WIDTH)
    for line in lines:
        indented = line.startswith("  ") and "\n" not in line
        click.echo(click.wrap_text(line.strip(), width, "  ", "  ") if indented else line)


def explain(root: click.Context, word: str) -> Iterator[str]:
    """Yield lines that explain a word.

    Parameters
    ----------
    root : `click.Context`
        Of the ``mtv`` command.
    word : `str`

    Raises
    ------
    Refused
        Nobody knows the word; the message names near ones.
    """
    found = _command(root, word.split()) or _lines(word.strip()) + _term(word) + _option(root, word)
    if not found:
        raise Refused(f"nothing is known of {word[:100]!r}" + _hint(root, word))
    yield from found


def _command(root: click.Context, words: list[str]) -> list[str]:
    words = words[1:] if words[:1] == ["mtv"] and len(words) > 1 else words
    ctx = root
    for word in words:
        group = ctx.command
        command = group.get_command(ctx, word) if isinstance(group, click.Group) else None
        if command is None:
            return []
        ctx = click.Context(command, info_name=word, parent=ctx)
    return [ctx.get_help()] if words else []


def _lines(word: str) -> list[str]:
    return [
        *_error(word),
        *_exit(word),
        *_variable(word),
        *_setting(word),
        *(_python(word) or _foreign(word)),
    ]


def _error(word: str) -> list[str]:
    from mtv.cli.common import exit_code_of
    from mtv.wire.errors import Error

    for code, text in help_words.ERRORS.items():
        if code == word:
            error = exception_for(Error(code=code, message=""))
            known = (DaemonError, DeadlineExceeded, Unavailable)
            kind = next((kind.__name__ for kind in known if isinstance(error, kind)), "RequestError")
            return [f"{code}: code of an error (mtv.{kind} in Python; exit code {exit_code_of(error)})", f"  {text}"]
    return []


def _exit(word: str) -> list[str]:
    text = help_words.EXITS.get(int(word)) if word.isascii() and word.isdecimal() and len(word) < 4 else None
    return [f"{word}: exit code: {text}"] if text else []


def _variable(word: str) -> list[str]:
    text = help_words.VARIABLES.get(word.lstrip("$"))
    return [f"{word.lstrip('$')}: variable of the environment", f"  {text}"] if text else []


def _setting(word: str) -> list[str]:
    from mtvd.settings import listing

    found = [each for each in listing.settings() if word == each.name or word == each.name.rpartition(".")[2]]
    lines = []
    for each in found:
        table, _, key = each.name.rpartition(".")
        place = f"table [{table}] of mtvd.toml" if table else "mtvd.toml"
        meaning = each.meaning.replace("``", "'")
        lines += [f"{key}: setting in {place}: {each.kind}, {each.default!r} where nothing is set", f"  {meaning}"]
    return lines


def _python(word: str) -> list[str]:
    import mtv

    name = word.removesuffix("()")
    lines = []
    for owner, place, path in (
        ("mtv", mtv, "mtv"),
        ("display", mtv.Display, "mtv.Display"),
        ("repository", mtv.Repository, "mtv.Repository"),
    ):
        attribute = name.removeprefix(f"{owner}.")
        if attribute.isidentifier() and not attribute.startswith("_") and attribute in dir(place):
            first, *_ = (getattr(place, attribute).__doc__ or "").strip().splitlines() or [""]
            plain = first.replace("``", "'")
            lines += [f"{owner}.{attribute}: in Python; help({path}.{attribute}) tells all", f"  {plain}"]
    return lines


def _term(word: str) -> list[str]:
    plain = {_plain(word), _plain(word).removesuffix("s")}
    return [f"{name}: {text}" for name, text in help_words.TERMS.items() if plain & {_plain(name), name.split()[-1]}]


def _plain(word: str) -> str:
    return word.strip().lower().replace("_", " ").replace("-", " ")


def _option(root: click.Context, word: str) -> list[str]:
    """Say of an option which commands have it; those that mean the same by it stand together."""
    wanted = "--" + word.strip().lstrip("-").replace("_", "-")
    meanings: dict[str, list[str]] = {}
    for name, option in _options(root):
        if wanted in option.opts + option.secondary_opts:
            meanings.setdefault(option.help or "", []).append(name)
    return [
        line
        for text, names in meanings.items()
        for line in (f"{wanted}: option of mtv {', '.join(names)}", *([f"  {text}"] if text else []))
    ]


def _options(root: click.Context) -> Iterator[tuple[str, click.Option]]:
    """Go through the options of all commands, with the command's name."""
    from mtv.cli import COMMANDS

    for name in COMMANDS:
        command = root.command.get_command(root, name) if isinstance(root.command, click.Group) else None
        for each in command.params if command is not None else ():
            if isinstance(each, click.Option) and not each.hidden:
                yield name, each


def _foreign(word: str) -> list[str]:
    from mtv.verbs import foreign_words

    found = foreign_words.find(word)
    if found is None:
        return []
    lines = [f"{word}: a word of lsst.afw.display, pyds9 or DS9; here:"]
    lines += [f"  in Python: {found.python}"] if found.python else []
    lines += [f"  in the shell: {found.shell}"] if found.shell else []
    return [*lines, f"  {found.remark}"] if found.remark else lines


def _hint(root: click.Context, word: str) -> str:
    from mtv.cli import COMMANDS
    from mtv.verbs import foreign_words
    from mtv.wire.hints import near
    from mtvd.settings import listing

    settings = [name for each in listing.settings() for name in (each.name, each.name.rpartition(".")[2])]
    foreign = [*foreign_words.OF_DISPLAY, *foreign_words.OF_MODULE]
    options = {one.lstrip("-") for _, each in _options(root) for one in each.opts if one.startswith("--")}
    hint = near(
        word[:100],
        [
            *COMMANDS,
            *help_words.TERMS,
            *sorted(options),
            *help_words.ERRORS,
            *help_words.VARIABLES,
            *settings,
            *foreign,
        ],
        count=2,
    )
    return f" ({hint})" if hint else ": mtv --help lists the commands, mtv config the settings"
