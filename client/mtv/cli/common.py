"""Parts of every command: its options, its connection, errors as one line, and exit codes. Imports no socket."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click
import msgspec

from mtv.wire.errors import DaemonError, DeadlineExceeded, Error, MtvError, RequestError, Unavailable, bad_value

if TYPE_CHECKING:
    from mtv.session.connection import Connection
    from mtv.session.decisions import Answer
    from mtv.wire.frames import Buffer
    from mtv.wire.messages import Outcome, Reply
    from mtv.wire.requests import Request
    from mtv.wire.steps import AnyStep, Value

CONTEXT: Final = {"help_option_names": ["-h", "--help"], "max_content_width": 100}

TIMEOUT_SECS: Final = 60.0
"""Longer than the library's: the first request of a day opens the window and imports Butler."""

REFUSED, USAGE, ABSENT, OVERDUE, BROKEN, INTERRUPTED, NOT_READ = 1, 2, 3, 4, 5, 130, 141
"""Exit codes. The last is what a shell tells of a program that wrote to a pipe which nobody reads any more."""

_NEGATIVE: Final = re.compile(r"-(\d|\.\d|inf|nan)")
_STEP: Final = re.compile(r"^steps\[(\d+)\]\.?")
_KEY: Final = re.compile(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)?)=(.*)", re.DOTALL)
_INTEGER: Final = re.compile(r"[+-]?\d+")
_ITEM: Final = re.compile(r"\[\d+\]$")

R = TypeVar("R")


def exit_code_of(error: MtvError) -> int:
    """Return the exit code that stands for an error."""
    if isinstance(error, Unavailable):
        return ABSENT
    if isinstance(error, DeadlineExceeded):
        return OVERDUE
    return BROKEN if isinstance(error, DaemonError) else REFUSED


class Refused(click.ClickException):
    """An error on its way to the user: one line, and an exit code."""

    def __init__(self, message: str, exit_code: int = REFUSED) -> None:
        super().__init__(" ".join(message.split()))
        vars(self)["exit_code"] = exit_code  # newer versions of click type it as the class's own

    def show(self, file: Any = None) -> None:
        with contextlib.suppress(OSError):  # where it cannot be said, the exit code says it
            click.echo(f"mtv: {self.message}", file=file, err=file is None)


class Call:
    """One run of the command: what the common options say, and the connection once it is needed."""

    def __init__(self) -> None:
        self.endpoint: str | None = None
        self.timeout_secs = TIMEOUT_SECS
        self.json = False
        self._connection: Connection | None = None

    @property
    def connection(self) -> Connection:
        """The connection; it is closed when the command ends."""
        if self._connection is None:
            self._connection = connect(self.endpoint, self.timeout_secs)
            click.get_current_context().call_on_close(self._connection.close)
        return self._connection

    def ask(self, message: Request, buffers: Sequence[Buffer] = ()) -> Answer:
        """Send a request and return its answer; on a terminal, long work shows a bar."""
        from mtv.cli.output import Bar

        with Bar(wanted=not self.json and sys.stderr.isatty()) as bar:
            return self.connection.ask(message, buffers=buffers, on_progress=bar)

    def request(self, message: Request, kind: type[R], buffers: Sequence[Buffer] = ()) -> R:
        """Send a request and return its reply, which must be of a kind."""
        reply: Reply = self.ask(message, buffers).reply
        if not isinstance(reply, kind):
            raise DaemonError(Error(code="internal", message=f"the daemon answered with {type(reply).__name__}"))
        return reply

    def draw(self, *steps: AnyStep, buffers: Sequence[Buffer] = ()) -> Outcome:
        """Carry out steps as one transaction, which acts on what is there alone."""
        from mtv.session.outcomes import failed_step
        from mtv.wire.messages import Outcome
        from mtv.wire.requests import Transaction

        outcome = self.request(Transaction(steps=steps, deadline_secs=self.timeout_secs, strict=True), Outcome, buffers)
        if failure := failed_step(outcome):
            raise failure
        return outcome


def connect(endpoint: str | None, timeout_secs: float) -> Connection:
    """Return a connection that waits no longer than wanted, for the greeting too."""
    from mtv.session.connection import Connection
    from mtv.session.conversation import Timing

    patience = Timing(hello_secs=min(5.0, timeout_secs), lost_secs=min(10.0, timeout_secs))
    return Connection(endpoint, timeout_secs=timeout_secs, timing=patience)


# Commands


class Command(click.Command):
    """A command with the common options, and for which ``-1`` is a number."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["params"] = [*(kwargs.get("params") or ()), *_common_options()]
        kwargs["context_settings"] = {**CONTEXT, **(kwargs.get("context_settings") or {})}
        super().__init__(*args, **kwargs)

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        parameters = super().get_params(ctx)
        if ctx.resilient_parsing:  # a word of it is completed
            from mtv.cli import completion

            completion.give_values(ctx, parameters)
        return parameters

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except MtvError as error:
            raise Refused(in_words_of_the_shell(error, _options_of(self)), exit_code_of(error)) from None

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        # a blank in front hides a negative number from the parser of options, and float() does not mind it
        return super().parse_args(ctx, [f" {arg}" if _NEGATIVE.match(arg) else arg for arg in args])


class Group(click.Group):
    """The root of all commands: the common options, and errors of the wire as one line and an exit code."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["params"] = [*(kwargs.get("params") or ()), *_common_options()]
        super().__init__(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()  # else what is left is written, and fails, when nobody can tell of it any more
        except MtvError as error:
            raise Refused(in_words_of_the_shell(error), exit_code_of(error)) from None
        except KeyboardInterrupt:
            click.echo("mtv: interrupted", err=True)
            ctx.exit(INTERRUPTED)
        except BrokenPipeError:
            ctx.exit(NOT_READ)
        except OSError as error:
            raise Refused(in_words_of_the_system(error)) from None
        except UnicodeError as error:
            raise Refused(f"a name or text is no UTF-8: {error}") from None
        return result


def in_words_of_the_system(error: OSError) -> str:
    """Return what the system says of a file or of a stream, in small letters as all messages are."""
    reason = error.strerror or str(error)
    said = reason[:1].lower() + reason[1:]
    return f"{os.fsdecode(error.filename)}: {said}" if isinstance(error.filename, str | bytes) else said


def in_words_of_the_shell(error: MtvError, options: Mapping[str, str] | None = None) -> str:
    """Return what is wrong: options as the shell has them, and no path of the step, of which there is only one.

    Parameters
    ----------
    error : `~mtv.wire.errors.MtvError`
    options : mapping, optional
        Options of the command by their names in Python: ``lock_frame`` to ``--lock``.
    """
    where, hint = _STEP.sub("", error.error.where), error.error.hint
    for pattern, words in _OPTIONS:
        hint = pattern.sub(words, hint)
    for name, option in (options or {}).items():
        hint = re.sub(rf"(?<![\w.-]){name}=(?=[^=\s])", f"{option} ", hint)
    place = _place(where.removeprefix("target."), options or {})
    return str(type(error)(msgspec.structs.replace(error.error, where=place, hint=hint)))


def _place(where: str, options: Mapping[str, str]) -> str:
    """Return the place that an error names as it stands on the command line."""
    name, _, rest = where.partition(".")
    if name == "data_id":
        return f"{rest}=" if rest else ""  # the message speaks of the data ID, which has no word of its own there
    return options.get(where) or options.get(_ITEM.sub("", name), where)


def _options_of(command: click.Command) -> dict[str, str]:
    """Return the options of a command by the names of their fields on the wire."""
    options = {str(param.name): max(param.opts, key=len) for param in command.params if isinstance(param, click.Option)}
    return {_FIELDS.get(name, name): option for name, option in options.items()}


def _slice(found: re.Match[str]) -> str:
    return "--slice " + ",".join(re.findall(r"\d+", found[0]))


_FIELDS: Final = {"frame": "display"}
"""Fields of the wire that another word of click's stands for."""

_OPTIONS: Final[tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...]] = (
    (re.compile(r"cube_index=\([\d, ]+\)"), _slice),
    (re.compile(r"\bcollections="), "--collections "),
    (re.compile(r"\btimeout_secs\b"), "--timeout"),
    (re.compile(r"\btext\(\), or (?='@text:)"), "--symbol "),
    (re.compile(r"\bpolygon\(\) with its vertices"), "a polygon of a region file"),
    (re.compile(r", or line\(\) with points"), ""),
    (re.compile(r"(?<=: )bbox$|(?<=\()bbox(?=\))"), "--bbox X,Y,WIDTH,HEIGHT"),
)
"""Words of Python in hints, and those of the command line."""


def step_of(error: MtvError) -> int | None:
    """Return the index of the step that an error names."""
    match = _STEP.match(error.error.where)
    return int(match[1]) if match else None


def _common_options() -> list[click.Option]:
    return [
        click.Option(
            ["--json"], is_flag=True, expose_value=False, callback=_keep("json"), help="One JSON document on stdout."
        ),
        click.Option(
            ["--endpoint"],
            metavar="ENDPOINT",
            expose_value=False,
            callback=_keep("endpoint"),
            help="Where the daemon listens: ipc:///path, tcp://host:port.  [env: MTV_ENDPOINT]",
        ),
        click.Option(
            ["--timeout"],
            metavar="SECS",
            type=click.FloatRange(min=0, min_open=True),
            expose_value=False,
            callback=_keep("timeout_secs"),
            help=f"How long to wait for an answer.  [default: {TIMEOUT_SECS:g}]",
        ),
    ]


def _keep(name: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    def callback(ctx: click.Context, _param: click.Parameter, value: Any) -> None:
        call = ctx.ensure_object(Call)
        if value:
            setattr(call, name, value)

    return callback


# Words of the command line


def frame(text: int | str) -> int | str:
    """Return a display as it stands on the command line: a number, or a name."""
    stripped = str(text).strip()
    return int(stripped) if _INTEGER.fullmatch(stripped) else stripped


def number(text: float | str) -> float:
    """Return a number, also a negative one."""
    try:
        return float(text)
    except ValueError:
        raise click.BadParameter(f"{str(text).strip()!r} is no number") from None


display_option = click.option(
    "-d", "--display", "frame", type=frame, metavar="N|NAME", default=0, show_default=True, help="Display."
)


def point(text: str, where: str) -> tuple[float, float]:
    """Return a position that stands in one word: ``1024,2048``."""
    try:
        x, y = map(float, text.split(","))
    except ValueError:
        raise bad_value(where, f"{text.strip()!r} is no point", "X,Y, as in 1024,2048") from None
    return x, y


repo_option = click.option("--repo", envvar="MTV_REPO", default="", help="Repository, by alias or path.")
collections_option = click.option(
    "--collections",
    envvar="MTV_COLLECTIONS",
    multiple=True,
    help="Collections, in the order of search; with commas, or given several times.",
)


def expression(texts: Sequence[str]) -> str:
    """Return the expression that chooses what all of several do; ``!FLAG`` is what shells and habits have for not."""
    parts = [f"not ({text[1:]})" if text.startswith("!") else text for text in (text.strip() for text in texts)]
    return parts[0] if len(parts) == 1 else " and ".join(f"({part})" for part in parts)


select_option = click.option(
    "--select",
    metavar="EXPRESSION",
    multiple=True,
    callback=lambda _ctx, _param, texts: expression(texts),
    help="Of a table, only the rows that this chooses: a flag, 'a & ~b', 'isfinite(x)'; repeated: all of them.",
)


def split_items(values: Sequence[str]) -> tuple[str, ...]:
    """Return the items of options that may be repeated, and may hold several with commas between."""
    return tuple(item.strip() for value in values for item in value.split(",") if item.strip())


def keywords(words: Sequence[str], where: str = "data_id") -> dict[str, int | str]:
    """Return ``key=value`` words as a data ID: whole numbers are numbers unless quoted.

    Raises
    ------
    RequestError
        ``bad_value`` for a word of another form, or a key that comes twice.
    """
    found: dict[str, int | str] = {}
    for word in words:
        match = _KEY.fullmatch(word.strip())
        if match is None:
            raise bad_value(where, f"{word.strip()!r} is not key=value", "for example visit=23718 detector=41")
        key, text = match[1], match[2]
        if key in found:
            raise bad_value(where, f"{key} is given twice")
        quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "'\""
        found[key] = text[1:-1] if quoted else int(text) if _INTEGER.fullmatch(text) else text
    return found


def data_id(words: Sequence[str], where: str = "") -> dict[str, int | str]:
    """Return ``key=value`` words as a data ID, with the instrument that ``$MTV_INSTRUMENT`` names where they do not."""
    from mtv.arguments.naming import usual_instrument

    return {**usual_instrument(os.environ, where), **keywords(words)}


def values(words: Sequence[str], where: str) -> dict[str, Value | list[Value]]:
    """Return ``key=value`` words of which values may be fractions."""
    found: dict[str, Value | list[Value]] = {}
    for key, value in keywords(words, where).items():
        try:
            found[key] = float(value) if isinstance(value, str) else value
        except ValueError:
            found[key] = value
    return found


def absolute(path: str) -> str:
    """Return the absolute path of an existing file, or raise ``unreadable_file``."""
    full = os.path.abspath(os.path.expanduser(path))  # noqa: PTH100, PTH111 - keeps links as they are
    if not os.path.isfile(full):  # noqa: PTH113
        what = "is a directory" if os.path.isdir(full) else "is not there"  # noqa: PTH112
        raise RequestError(Error(code="unreadable_file", message=f"{path} {what}", where="target"))
    return full
