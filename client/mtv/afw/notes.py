"""Notes for the user that are said once in a process, however often their reason comes back."""

from __future__ import annotations

from typing import Final

from mtv.shared.log import Log

log: Final = Log()
_told: Final[set[str]] = set()
_KEPT: Final = 1000


def tell_once(note: str) -> None:
    """Log a note as a warning, unless it was logged before.

    Parameters
    ----------
    note : `str`
        One line.
    """
    if note not in _told:
        if len(_told) >= _KEPT:
            _told.clear()
        _told.add(note)
        log.warning("%s", note)


def forget() -> None:
    """Say all notes again, once."""
    _told.clear()


def tell_dropped(owner: str, given: dict[str, object]) -> None:
    """Say once of each keyword that it does nothing here; one that is None says nothing.

    Parameters
    ----------
    owner : `str`
        Whose keywords these are: ``dot``.
    given : `dict`
        Keywords to values.
    """
    for name, value in given.items():
        if value is not None:
            tell_once(f"{owner}: {name}= does nothing in DS9 and is left out")
