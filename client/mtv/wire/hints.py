"""Hints for names that nobody knows: "did you mean". Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def near(name: object, known: Iterable[str], *, otherwise: str = "", count: int = 3) -> str:
    """Return a hint with the known names that look like one that is not known.

    Upper and lower case count as alike: ``detectd`` looks like ``DETECTED``.

    Parameters
    ----------
    name : `object`
        What was given.
    known : iterable of `str`
        What could have been given.
    otherwise : `str`
        The hint where nothing looks like it.
    count : `int`
        How many names the hint has at most.

    Returns
    -------
    hint : `str`
        ``did you mean 'DETECTED'?``
    """
    by_folded = {option.casefold(): option for option in known}
    found = difflib.get_close_matches(str(name).casefold(), by_folded, n=count)
    return f"did you mean {' or '.join(repr(by_folded[match]) for match in found)}?" if found else otherwise
