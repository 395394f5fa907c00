"""Answering: what transactions are answered, step by step, and the errors of drawing, in the words of the wire. Pure.

Transactions are written down here for the journal, and read from there, so that they can be answered by a later run.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from mtv.wire import codec
from mtv.wire.errors import DaemonError, DeadlineExceeded, Error, MtvError, RequestError
from mtv.wire.frames import Kind
from mtv.wire.messages import Failed, Outcome, StepOutcome
from mtv.wire.reports import WindowState
from mtvd.drawing.group import Planned, step_of
from mtvd.drawing.records import Answer, Entry
from mtvd.drawing.waiting import Waiting
from mtvd.resolving.resolved import Resolved
from mtvd.scene import model
from mtvd.scene.changes import AddMarkers, AnyChange, SetMaskColours, SetMaskTransparency, ShowImage
from mtvd.scene.strictness import unknown_planes_note
from mtvd.stage.port import Section, SectionResult, WindowLost

_NUMBERED: Final = re.compile(r"\bdisplay (\d{1,9})\b")
_IMPOSSIBLE: Final = (
    (
        "Bad Coordinate mapping",
        "an image without a WCS has no place for markers of the sky",
        "draw them in pixels, or show an image with a WCS",
    ),
    (
        "the screen has room for",
        "",
        "a virtual screen grows to 64 million pixels; it begins with 'screen' of mtvd.toml",
    ),
)
"""Parts of what the window says where it is no fault of its own; what to say instead, if other words; and a hint."""
_ALL_REACHED: Final[Mapping[str, int]] = {}
_MESSAGE_CHARS: Final = 500
"""Longest error message that an answer bears; a message may quote the client, 20,000 characters of it too."""


def answer_of(session: bytes, sequence: int, result: Outcome | MtvError) -> Answer:
    """Return a final answer as it goes over the wire and into the journal; what cannot be told is an error."""
    if isinstance(result, Outcome):
        try:
            return Answer(session=session, sequence=sequence, kind=Kind.REPLY, body=codec.encode_reply(result))
        except (OverflowError, TypeError, ValueError) as failure:
            message = f"it was carried out, but its outcome cannot be told: {failure}"
            result = DaemonError(Error(code="internal", message=message))
    told = result.error.message
    error = msgspec.structs.replace(
        result.error,
        message=told if len(told) <= _MESSAGE_CHARS else f"{told[:_MESSAGE_CHARS]} ...",
        request_id=f"{session.hex()}-{sequence}",
    )
    return Answer(session=session, sequence=sequence, kind=Kind.ERROR, body=codec.encode_reply(Failed(error=error)))


def answer(waiting: Waiting, result: Outcome | MtvError) -> Answer:
    """Return the final answer to a transaction."""
    return answer_of(waiting.session, waiting.sequence, result)


def entry_of(waiting: Waiting, given: Mapping[str, int]) -> Entry:
    """Return what the journal keeps of a transaction.

    Parameters
    ----------
    waiting : `Waiting`
        The transaction.
    given : mapping of `str` to `int`
        Numbers that its new displays get.
    """
    assert waiting.resolved is not None
    return Entry(
        session=waiting.session,
        sequence=waiting.sequence,
        changes=waiting.resolved.changes,
        places=waiting.resolved.places,
        steps=waiting.steps,
        preview=waiting.preview_of is not None,
        given=dict(given),
    )


def waiting_of(entry: Entry) -> Waiting:
    """Return a transaction that is drawn once more, by a later run of the daemon.

    Parameters
    ----------
    entry : `~mtvd.drawing.records.Entry`
        What the journal kept of it.

    Returns
    -------
    waiting : `Waiting`
        Resolved; nobody waits for its answer, which is remembered.
    """
    done_before = {index: StepOutcome() for index in range(entry.steps) if index not in entry.places}
    resolved = Resolved(changes=entry.changes, places=entry.places, outcomes=done_before)
    return Waiting(
        session=entry.session,
        sequence=entry.sequence,
        displays=frozenset(),
        steps=entry.steps,
        resolved=resolved,
        ready=True,
    )


def unreached_in(results: Iterable[SectionResult]) -> dict[str, int]:
    """Return how many markers the projections did not reach, by the key of those that belong to each section.

    Markers of others are drawn once more in a section that repairs: their outcomes were told before.

    Parameters
    ----------
    results : iterable of `~mtvd.stage.port.SectionResult`
        What became of sections that are called as their transactions are.

    Returns
    -------
    unreached : `dict` of `str` to `int`
    """
    return {
        key: count for result in results for key, count in result.unreached.items() if key.startswith(f"{result.key}.")
    }


def outcome_of(waiting: Waiting, planned: Planned, unreached: Mapping[str, int], window: WindowState) -> Outcome:
    """Return the outcome of a transaction that was drawn.

    Parameters
    ----------
    waiting : `Waiting`
        The transaction.
    planned : `Planned`
        The group that it was drawn with.
    unreached : mapping of `str` to `int`
        As of `unreached_in`.
    window : `~mtv.wire.messages.WindowState`
        Where it was drawn.
    """
    assert waiting.resolved is not None
    numbers = planned.numbers[planned.accepted.index(waiting)]
    steps = dict(waiting.resolved.outcomes)
    for place, change, number in zip(waiting.resolved.places, waiting.resolved.changes, numbers, strict=True):
        display = None if number is None else planned.scene.displays.get(number)
        steps[place] = step_outcome(change, number, display, unreached)
    note = f"the window is on a virtual screen ({window.x_display})" if window.headless else ""
    return Outcome(steps=tuple(steps[index] for index in range(waiting.steps)), note=note)


def step_outcome(
    change: AnyChange, number: int | None, display: model.Display | None, unreached: Mapping[str, int] = _ALL_REACHED
) -> StepOutcome:
    """Return what became of a step that was drawn, on the display as it is now.

    Parameters
    ----------
    change : change
        What the step became.
    number : `int` or None
        Of its display.
    display : `~mtvd.scene.model.Display` or None
        As it is now.
    unreached : mapping of `str` to `int`, optional
        As in `~mtvd.stage.port.SectionResult`.
    """
    if isinstance(change, AddMarkers):
        left_out = unreached.get(change.markers.key, 0)
        beyond = f"{left_out} marker{'s' * (left_out > 1)} beyond the image's projection left out" if left_out else ""
        note = "; ".join(filter(None, (change.note, beyond)))
        return StepOutcome(display=number, markers=change.markers.count - left_out, note=note)
    if isinstance(change, SetMaskColours | SetMaskTransparency) and display is not None:
        return StepOutcome(display=number, note=unknown_planes_note(display, change))
    if isinstance(change, ShowImage) and display is not None:
        note = "; ".join(filter(None, (*change.image.notes, change.note)))
        return StepOutcome(display=number, planes=display.shown_colours(), note=note)
    return StepOutcome(display=number)


def draw_failed(
    result: SectionResult, section: Section, waiting: Waiting, numbers: Sequence[int | None], scene: model.Scene
) -> MtvError:
    """Return the error for a transaction that the window refused to draw: a `RequestError` where it asked for too much.

    Parameters
    ----------
    result : `SectionResult`
        What the window says.
    section : `Section`
        What was drawn.
    waiting : `Waiting`
        The transaction.
    numbers : sequence of `int` or None
        Number of the display of each of its changes.
    scene : `~mtvd.scene.model.Scene`
        Tells how users call the displays.
    """
    step = step_of(result, section, waiting, numbers)
    where = "steps" if step is None else f"steps[{step}]"
    told = with_names(result.message, scene)
    for words, message, hint in _IMPOSSIBLE:
        if words in told:
            return RequestError(Error(code="unsupported", message=message or told, where=where, hint=hint))
    message = f"the window refused to draw this: {told}"
    return DaemonError(Error(code="draw_failed", message=message, where=where))


def with_names(message: str, scene: model.Scene) -> str:
    """Return words of the window in which displays are called as users call them: DS9 knows their numbers alone."""

    def name(found: re.Match[str]) -> str:
        display = scene.displays.get(int(found[1]))
        return f"display {display.name!r}" if display is not None and display.name else found[0]

    return _NUMBERED.sub(name, message)


def poison_error(lost: WindowLost) -> Error:
    """Return the error for what has brought the window down, twice and alone."""
    return Error(
        code="poisoned",
        message=f"the window died twice while this was drawn alone: {lost}",
        where="steps",
        hint="please report it: the daemon's log has the script",
    )


def no_window(reason: str) -> Error:
    """Return the error of the wire for a window that cannot be opened."""
    return Error(code="no_window", message=reason, retryable=True, hint="mtv doctor tells what is missing")


def nothing_displayed() -> Error:
    """Return the error of the wire for a window that was never needed."""
    return Error(code="no_window", message="nothing was displayed yet", hint="the first mtv opens the window")


def too_late() -> MtvError:
    """Return the error for a transaction that waited past its deadline."""
    message = "the transaction waited past its deadline and was not drawn"
    return DeadlineExceeded(Error(code="deadline", message=message, where="deadline_secs", retryable=True))


def failed_inside() -> Error:
    """Return the error for a transaction in which the daemon itself failed."""
    return Error(
        code="internal", message="the daemon failed while this was drawn", where="steps", hint="its log tells more"
    )


def journal_full(error: OSError) -> Error:
    """Return the error for a batch whose intent cannot be written."""
    return Error(
        code="storage_full",
        message=f"the journal cannot be written ({error.strerror or error}), so nothing was drawn",
        retryable=True,
        hint="make room in the runtime directory",
    )
