"""Completion of words in bash, zsh and fish: quick, silent whatever happens, and never the start of a daemon."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Final, NoReturn

import click
from click.shell_completion import CompletionItem, ShellComplete

from mtv.cli import completion_shells as shells
from mtv.cli import completion_values as values
from mtv.cli.common import Call, connect
from mtv.cli.completion_shells import FILES, Answer
from mtv.wire.data import Dataset, File, Handle
from mtv.wire.errors import MtvError
from mtv.wire.messages import Got, Reply, Rows
from mtv.wire.reports import Report
from mtv.wire.requests import NAMES_ALONE, Get, Request, Status
from mtv.wire.steps import Query

if TYPE_CHECKING:
    from mtv.session.connection import Connection

VARIABLE: Final = "_MTV_COMPLETE"
"""Variable that asks for a script (``bash_source``) or for words (``bash_complete``)."""
DEADLINE_VARIABLE: Final = "MTV_COMPLETE_SECS"
"""Variable that says how long to wait where the daemon is slow or far away."""
_DEADLINE_SECS: Final = 0.3
"""Waiting for the daemon, all in all: a shell that stands still is worse than one that knows nothing."""


def run(root: click.Command, instruction: str) -> NoReturn:
    """Print the script of a shell, or words that complete its line, and leave the interpreter."""
    shell, _, wish = instruction.partition("_")
    if wish == "source" and shell in shells.SCRIPTS:
        print(shells.SCRIPTS[shell].strip("\n"))
        sys.stdout.flush()
        os._exit(0)
    if wish != "complete" or shell not in shells.SCRIPTS:
        print(f"mtv: {VARIABLE} is bash, zsh or fish, and _source behind it", file=sys.stderr)
        sys.exit(2)
    logging.disable()
    asking = Asking()
    typed = shells.split(
        os.environ.get("COMP_LINE", ""), os.environ.get("COMP_WORDBREAKS", shells.BREAKS) if shell == "bash" else ""
    )
    lines: list[str] = []
    try:
        answers = answers_to(root, typed, asking)
        if shell == "bash":
            names = values.paths(typed.incomplete) if FILES in answers else ()
            answers = [answer for answer in answers if answer is not FILES] + [Answer(name) for name in names]
            lines = shells.for_bash(typed, answers[: values.MOST])
        else:
            lines = shells.with_help(answers)
    except Exception:  # noqa: BLE001, S110 - nobody asked for words: they had rather go on typing than read of it
        pass
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()
    asking.leave()
    os._exit(0)  # a thread may still wait for a daemon that hangs


def answers_to(root: click.Command, typed: shells.Typed, daemon: values.Daemon) -> list[Answer]:
    """Return what may stand at the cursor.

    Parameters
    ----------
    root : `click.Command`
        The ``mtv`` command.
    typed : `~mtv.cli.completion_shells.Typed`
        The line, from the command's name.
    daemon : `~mtv.cli.completion_values.Daemon`
        Asked for what only a daemon knows.
    """
    incomplete, before = typed.incomplete, list(typed.words[1:])
    option, equals, value = incomplete.partition("=")
    if equals and option.startswith("--"):  # --display=1: an option and its value in one word
        before.append(option)
        found = _complete(root, before, value, daemon)
        return [Answer(f"{option}={answer.value}", answer.help) for answer in found if answer is not FILES]
    return _complete(root, before, incomplete, daemon)


def _complete(root: click.Command, before: list[str], incomplete: str, daemon: values.Daemon) -> list[Answer]:
    completing = _Completing(daemon, before)
    if isinstance(daemon, Asking):
        daemon.call = completing
    items = ShellComplete(root, {"obj": completing}, "mtv", VARIABLE).get_completions(before, incomplete)
    found = [_answer(item) for item in items]
    return [answer for number, answer in enumerate(found) if answer not in found[:number] or answer is not FILES]


def _answer(item: CompletionItem) -> Answer:
    return Answer(str(item.value), " ".join((item.help or "").split())) if item.type == "plain" else FILES


class _Completing(Call):
    """A run of the command that only completes a word of it."""

    def __init__(self, daemon: values.Daemon, before: Sequence[str]) -> None:
        super().__init__()
        self.daemon, self.before = daemon, before


def give_values(ctx: click.Context, parameters: Iterable[click.Parameter]) -> None:
    """Have parameters complete what stands for them; called for a command of which a word is completed."""
    path = tuple(str(place.info_name) for place in _ancestry(ctx))[1:]

    def values_of(name: str) -> Callable[[click.Context, str], list[CompletionItem]]:
        return lambda ctx, incomplete: items_of(ctx, path, name, incomplete)

    for parameter in parameters:
        if values.is_known(path, str(parameter.name)):
            vars(parameter)["shell_complete"] = values_of(str(parameter.name))


def items_of(ctx: click.Context, path: tuple[str, ...], name: str, incomplete: str) -> list[CompletionItem]:
    """Return the values of a parameter of a command, as click wants them."""
    completing = ctx.find_object(_Completing)
    if completing is None:
        return []
    answers = values.complete(path, name, values.Asked(ctx, incomplete, completing.daemon, completing.before))
    return [
        CompletionItem(answer.value, type="file" if answer is FILES else "plain", help=answer.help)
        for answer in answers
    ]


def _ancestry(ctx: click.Context) -> list[click.Context]:
    return [*(_ancestry(ctx.parent) if ctx.parent else ()), ctx]


class Asking:
    """A daemon that is asked for words: all answers within 0.3 s or `DEADLINE_VARIABLE`, and none is no error.

    A question that is late is not cancelled: the repository goes on opening, and has answers for the next time.
    """

    call: Call | None = None
    """The run of the command, with its endpoint."""

    def __init__(self) -> None:
        self._connection: Connection | None = None
        self._greeted = False
        self._left_secs = _deadline_secs()
        self._report: Report | None = None

    def report(self) -> Report | None:
        """Return the daemon's state; None where it does not say in time."""
        if self._report is None:
            reply = self._ask(Status())
            self._report = reply if isinstance(reply, Report) else None
        return self._report

    def rows(self, query: Query) -> Rows | None:
        """Return the first page of a query; None where there is none in time."""
        reply = self._ask(query)
        return reply if isinstance(reply, Rows) else None

    def columns(self, target: Dataset | File | Handle) -> list[str]:
        """Return the names of a table's columns; none where they are not told in time."""
        reply = self._ask(Get(target=target, columns=(NAMES_ALONE,)))
        table = reply.catalog if isinstance(reply, Got) else None
        return [str(name) for name in table.metadata.get("names", ())] if table else []

    def leave(self) -> None:
        """Say goodbye to a daemon that has greeted; do not wait for one that has not."""
        if self._connection is not None and self._greeted:
            self._connection.close(timeout_secs=0.0)

    def _ask(self, message: Request) -> Reply | None:
        """Ask in a thread of its own, which is left behind where it takes too long."""
        answers: list[Reply] = []
        if self._left_secs <= 0.0:
            return None

        def ask() -> None:
            try:
                if self._connection is None:
                    self._connection = connect(self.call.endpoint if self.call else None, self._left_secs)
                self._greeted = bool(self._connection.welcome)
                answers.append(self._connection.request(message))
            except MtvError:
                return  # no daemon, or it refuses: there is nothing to offer

        began = time.monotonic()
        asking = threading.Thread(target=ask, daemon=True)
        asking.start()
        asking.join(self._left_secs)
        self._left_secs -= time.monotonic() - began
        return answers[0] if answers else None


def _deadline_secs() -> float:
    try:
        secs = float(os.environ.get(DEADLINE_VARIABLE, ""))
    except ValueError:
        return _DEADLINE_SECS
    return secs if 0.0 < secs < 3600.0 else _DEADLINE_SECS
