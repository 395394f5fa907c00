"""The sky as DS9 reads it from header cards: by AST, in the way of DS9 8.4.1, without a window."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from mtv.shared.sky.cards import CARD

Floats = np.ndarray[Any, Any]


def reading(header: str) -> Any:
    """Return AST's mapping from 1-based pixels to ICRS radians; None where the header has no sky for DS9.

    Parameters
    ----------
    header : `str`
        Cards of 80 characters, concatenated.
    """
    ast = pytest.importorskip("starlink.Ast")
    channel = ast.FitsChan(None, None, "")
    channel.set("TabOK=1, SipReplace=0")
    for start in range(0, len(header), CARD):
        try:
            channel.putfits(header[start : start + CARD], 0)
        except Exception:  # noqa: BLE001 - DS9 passes over cards that AST does not like
            continue
    channel.clear("Card")
    try:
        found = channel.read()
    except Exception:  # noqa: BLE001 - nor has it a sky where AST fails
        return None
    if found is None or not isinstance(found.getframe(ast.CURRENT), ast.SkyFrame):
        return None
    try:
        found.System = "ICRS"
    except Exception:  # noqa: BLE001 - of the sun, for instance
        return None
    if found.get("LatAxis") == "1":
        found.permaxes([2, 1])
    return found


def sky_of(header: str, x: Sequence[float] | Floats, y: Sequence[float] | Floats) -> tuple[Floats, Floats] | None:
    """Return ICRS degrees of 0-based pixels, NaN where there are none; None where DS9 has no sky."""
    found = reading(header)
    if found is None:
        return None
    try:
        ra, dec = found.tran([np.asarray(x, float) + 1, np.asarray(y, float) + 1])
    except Exception:  # noqa: BLE001 - a projection that cannot be
        return None
    bad = (np.abs(ra) > 1e5) | (np.abs(dec) > 1e5)
    ra, dec = np.where(bad, np.nan, ra), np.where(bad, np.nan, dec)
    return np.degrees(ra) % 360, np.degrees(dec)


def pixel_of(header: str, ra_deg: Floats, dec_deg: Floats) -> tuple[Floats, Floats]:
    """Return the 0-based pixels at which DS9 draws markers of the sky."""
    x, y = reading(header).tran([np.radians(ra_deg), np.radians(dec_deg)], False)
    return x - 1, y - 1


def apart_arcsec(first: tuple[Floats, Floats], second: tuple[Floats, Floats]) -> float:
    """Return the largest distance of two lists of places; infinite where one has a place and the other has none."""
    if (np.isfinite(first[0]) != np.isfinite(second[0])).any():
        return float("inf")
    ra, dec = (
        np.radians(np.array(both)[:, np.isfinite(first[0])]) for both in ((first[0], second[0]), (first[1], second[1]))
    )
    vectors = np.array([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)])
    apart = np.linalg.norm(vectors[:, 0] - vectors[:, 1], axis=0)
    return float(np.degrees(apart.max(initial=0.0)) * 3600)
