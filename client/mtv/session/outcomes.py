"""Result of a settled request: the error of a reply, or that of the step that failed. Pure."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Final

import msgspec

from mtv.session.ticket import Ticket
from mtv.wire.errors import DaemonError, Error, MtvError, exception_for
from mtv.wire.messages import Outcome


def failure_of(ticket: Ticket) -> MtvError | None:
    """Return the error of a settled ticket, be it a reply of its own or that of a step; None where all was done."""
    if ticket.error is not None:
        return ticket.error
    reply = ticket.answer.reply if ticket.answer else None
    return failed_step(reply) if isinstance(reply, Outcome) else None


_UNCERTAIN: Final = frozenset({"internal", "outcome_expired"})
"""Codes of errors that do not say that nothing was drawn."""


def is_certainly_not_drawn(ticket: Ticket) -> bool:
    """Tell whether nothing of a settled request is on the screen, nor ever will be.

    Only then what was prepared for it is the client's own: it was never sent, or the daemon itself has said so. What
    may still be drawn is the daemon's, who removes what nobody shows.
    """
    if not ticket.sent:
        return True
    if ticket.error is not None:
        return ticket.told and ticket.error.code not in _UNCERTAIN
    return failure_of(ticket) is not None or _gave_way(ticket)


def _gave_way(ticket: Ticket) -> bool:
    """Tell whether a newer request took the place of one; a daemon that was killed then has not removed its files."""
    reply = ticket.answer.reply if ticket.answer else None
    return isinstance(reply, Outcome) and any(step.state == "superseded" for step in reply.steps)


def failed_step(outcome: Outcome) -> MtvError | None:
    """Return the error of the first step that failed; None where none did."""
    for index, step in enumerate(outcome.steps):
        if step.state == "failed":
            error = step.error or Error(code="draw_failed", message=f"step {index} failed")
            return exception_for(error) if step.error else DaemonError(error)
    return None


def notes_of(ticket: Ticket) -> tuple[str, ...]:
    """Return the notes of the steps of a settled ticket; none where it has failed or is no transaction."""
    reply = ticket.answer.reply if ticket.answer else None
    return tuple(step.note for step in reply.steps if step.note) if isinstance(reply, Outcome) else ()


@contextlib.contextmanager
def in_words_of_the_call(*, lone: bool) -> Iterator[None]:
    """Have errors of a transaction of one step name the field as the caller knows it: ``colour``, not its path."""
    try:
        yield
    except MtvError as error:
        if lone:
            where = error.error.where.removeprefix("steps[0]").removeprefix(".")
            error.error = msgspec.structs.replace(error.error, where=where)
        raise
