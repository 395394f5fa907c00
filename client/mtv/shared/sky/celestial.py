"""From header cards as programs write them to the celestial WCS of a plane, in the one form that everybody here reads.

What cannot be said is left out and told in words; nothing is refused. Pure.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from mtv.shared.sky import physical, plates
from mtv.shared.sky.axes import Axes, axes_of
from mtv.shared.sky.cards import Header, card, read, split
from mtv.shared.sky.frames import direction, to_icrs
from mtv.shared.sky.plane import PROJECTIONS, PlaneWcs, in_icrs, keywords, native_rotation, reference_latitude
from mtv.shared.sky.systems import Note, System, system_of

MOST_ORDER: Final = 15
"""Highest order of SIP that has space in a header for DS9."""

MOST_CHARS: Final = 80 * 5_000
"""Read of one header."""

_SIP: Final = re.compile(r"([AB])_([0-9]{1,2})_([0-9]{1,2})")
_PV: Final = re.compile(r"PV([0-9])_([0-9]{1,2})")
_LETTER: Final = re.compile(r"CTYPE[1-9]([A-Z])")
_TABLES: Final = re.compile(r"(CPDIS|CQDIS|D2IMDIS)[12]")
_MOST_PV: Final = 39


class Celestial(NamedTuple):
    """Meaning of header cards for the sky."""

    cards: str
    """80 characters each, concatenated; empty where they say nothing of it."""
    notes: tuple[str, ...]
    """Notes of what was left out or guessed, in words for the user."""

    @property
    def has_sky(self) -> bool:
        """True where pixels have places on the sky."""
        return bool(self.cards)


@functools.lru_cache(maxsize=64)
def celestial_of(cards: str) -> Celestial:
    """Return the celestial WCS that cards mean; the same again of its own cards.

    Parameters
    ----------
    cards : `str`
        Header cards, 80 characters each, concatenated, or a line each. What is no part of a WCS is passed over.

    Returns
    -------
    celestial : `Celestial`
        In ICRS, or in FK5 of J2000 where the header says so; axes RA, DEC; degrees.
    """
    notes: list[str] = []
    if len(cards) > MOST_CHARS:
        cards = cards[:MOST_CHARS]
        notes.append(f"only the first {MOST_CHARS // 80} cards of the header are read")
    header = read(cards)
    try:
        found = _sky(header, notes.append)
    except (ArithmeticError, ValueError):  # 1e300 degrees
        found = None
    if found is None or not all(math.isfinite(value) for _, value in found if not isinstance(value, str)):
        notes.append("the numbers of the image's WCS are out of reach: it is shown without its sky")
        found = ()
    text = "".join(card(keyword, value) for keyword, value in found)
    return Celestial(text, tuple(dict.fromkeys((*notes, *_notes_of_letters(header), *physical.notes_of(header)))))


def _notes_of_letters(header: Header) -> tuple[str, ...]:
    """Return a note of the WCSs that a header has under letters of their own, but for the offset of `lsst.afw`."""
    letters = {
        found[1] for keyword in header.keywords if keyword[:5] == "CTYPE" and (found := _LETTER.fullmatch(keyword))
    }
    if physical.is_ours(header):
        letters.discard("A")
    if not letters:
        return ()
    *first, last = sorted(letters)
    if not first:
        return (f"the header's WCS of the letter {last} is left out",)
    return (f"the header's WCSs of the letters {', '.join(first)} and {last} are left out",)


def move_reference(cards: str, shift: tuple[int, int]) -> str:
    """Move the reference pixel to a cut-out: return the cards of its WCS.

    Parameters
    ----------
    cards : `str`
        As `celestial_of` returns them.
    shift : `tuple` [`int`, `int`]
        ``(x, y)`` of the cut-out's first pixel in local 0-based pixels.
    """
    if not any(shift):
        return cards
    by = {f"CRPIX{axis}": shift[axis - 1] for axis in (1, 2)}
    values = read(cards).values.items()
    written = ((key, value - by[key] if key in by and isinstance(value, float) else None) for key, value in values)
    lines = {line[:8].rstrip(): line for line in split(cards)}
    return "".join(lines[key] if number is None else card(key, number) for key, number in written)


def _sky(header: Header, note: Note) -> tuple[tuple[str, str | float | int], ...] | None:
    wcs, system = _plane(header, note)
    if wcs is None or system is None:
        return ()
    if not wcs.determinant or not math.isfinite(wcs.determinant):
        note("the scale of the image's WCS makes no sense: it is shown without its sky")
        return ()
    if any("DIS" in keyword and _TABLES.fullmatch(keyword) for keyword in header.keywords):
        note("the distortion that is in tables of the file (CPDIS, D2IM) does not count")
    is_plain = system == System("ICRS") or (system.name, system.equinox) == ("FK5", 2000.0)
    if is_plain and not wcs.fiducial and (wcs.lonpole is None or native_rotation(wcs) is not None):
        return tuple(keywords(wcs, system.name))
    turned = in_icrs(wcs, to_icrs(system.name, system.equinox, system.epoch, direction(*wcs.crval)))
    if turned is None:
        note("the poles of the image's WCS (LONPOLE, LATPOLE) make no sense: it is shown without its sky")
        return ()
    return tuple(keywords(turned, "ICRS"))


def _plane(header: Header, note: Note) -> tuple[PlaneWcs | None, System | None]:
    if plates.is_plate(header):
        wcs = plates.plate(header)
        if wcs is None:
            note("the solution of the image's plate makes no sense: it is shown without its sky")
        return wcs, system_of(header, "RA", note)
    axes = axes_of(header, note)
    if axes is None:
        return None, None
    wcs = _read_projection(header, axes, note)
    return wcs, system_of(header, axes.longitude, note) if wcs else None


def _read_projection(header: Header, axes: Axes, note: Note) -> PlaneWcs | None:
    wcs = PlaneWcs(
        projection=axes.projection,
        crpix=axes.crpix,
        crval=axes.crval,
        matrix=axes.matrix,
        lonpole=header.number("LONPOLE"),
        latpole=header.number("LATPOLE"),
    )
    for keyword in ("LONPOLE", "LATPOLE"):
        if header.is_no_number(keyword):
            note(f"{keyword} has no number: left out")
    if not wcs.determinant:
        return wcs
    if wcs.projection == "":
        # plate carree with the poles of the sky is what plain longitudes and latitudes are
        moved = PlaneWcs(projection="CAR", crpix=wcs.crpix, crval=(wcs.crval[0], 0.0), matrix=wcs.matrix)
        return moved.moved_by_native(0.0, -wcs.crval[1])
    if wcs.projection in {"TNX", "ZPX"}:
        return _iraf(header, axes, wcs, note)
    if wcs.projection == "NCP":
        return _north_celestial(wcs, note)
    if wcs.projection == "GLS":
        moved = PlaneWcs(projection="SFL", crpix=wcs.crpix, crval=(wcs.crval[0], 0.0), matrix=wcs.matrix)
        return moved.moved_by_native(0.0, -wcs.crval[1])
    if wcs.projection not in PROJECTIONS:
        note(f"{wcs.projection} is no projection that can be shown: the image is shown without its sky")
        return None
    return _read_distortion(header, axes, wcs, note)


def _north_celestial(wcs: PlaneWcs, note: Note) -> PlaneWcs | None:
    latitude = math.radians(wcs.crval[1])
    if abs(math.sin(latitude)) < 1e-9:
        note("an NCP projection at the equator has no sky: the image is shown without it")
        return None
    return _replace(wcs, projection="SIN", pv_lat={1: 0.0, 2: math.cos(latitude) / math.sin(latitude)})


def _iraf(header: Header, axes: Axes, wcs: PlaneWcs, note: Note) -> PlaneWcs:
    found = plates.iraf(header, wcs.projection, axes.numbers)
    if found is not None:
        pv_lon, pv_lat = plates.as_pv(*found)
        return _replace(wcs, projection="TPV", pv_lon=pv_lon, pv_lat=pv_lat)
    words = [plates.words_of(header, axis) for axis in axes.numbers]
    if wcs.projection == "TNX" or any(plates.surface(w, n) for w, n in zip(words, ("lngcor", "latcor"), strict=True)):
        note(f"the distortion of the image's {wcs.projection} projection cannot be said in FITS: it does not count")
    if wcs.projection == "TNX":
        return _replace(wcs, projection="TAN")
    radial = plates.radial_of(words[1]) or plates.radial_of(words[0]) or {1: 1.0}
    return _replace(wcs, projection="ZPN", pv_lat={**dict.fromkeys(range(max(radial) + 1), 0.0), **radial})


def _read_distortion(header: Header, axes: Axes, wcs: PlaneWcs, note: Note) -> PlaneWcs | None:
    pv: tuple[dict[int, float], dict[int, float]] = ({}, {})
    for keyword in header.keywords:
        found = _PV.fullmatch(keyword) if keyword.startswith("PV") else None
        if found and int(found[1]) in axes.numbers:
            value = header.number(keyword)
            if value is None:
                note(f"{keyword} has no number: left out")
            else:
                pv[axes.numbers.index(int(found[1]))][int(found[2])] = value
    sip = _sip(header, note)
    tangent = wcs.projection == "TAN"
    # SCAMP writes TPV under the name of TAN, whose longitude may have four numbers of its own
    polynomial = wcs.projection == "TPV" or (tangent and (pv[1] or any(number > 4 for number in pv[0])))
    if polynomial and sip and tangent:
        note("the image's WCS has both a SIP and a PV polynomial: SIP counts")
        return _replace(wcs, sip=sip)
    if polynomial:
        if sip:
            note("the image's WCS has both a TPV and a SIP polynomial: TPV counts")
        if any(number > _MOST_PV for factors in pv for number in factors):
            note(f"PV terms above {_MOST_PV} are none of TPV: left out")
        kept = [{number: value for number, value in factors.items() if number <= _MOST_PV} for factors in pv]
        for factors in kept:
            factors.setdefault(1, 1.0)
        return _replace(wcs, projection="TPV", pv_lon=kept[0], pv_lat=kept[1])
    lon, wcs = pv[0], _replace(wcs, sip=sip, pv_lat=pv[1] if wcs.projection not in {"STG", "ARC", "ZEA"} else {})
    wcs = _replace(wcs, lonpole=lon.get(3, wcs.lonpole), latpole=lon.get(4, wcs.latpole))
    if lon.get(0):
        note("a reference point of the projection's longitude (PV) is out of reach: the image is shown without its sky")
        return None
    if 1 in lon or 2 in lon:  # AST passes over them
        return _replace(wcs, fiducial=(lon.get(1, 0.0), lon.get(2, reference_latitude(wcs))))
    return wcs


def _sip(header: Header, note: Note) -> tuple[Mapping[tuple[int, int], float], Mapping[tuple[int, int], float]] | None:
    """Return SIP's polynomials; also where ``-SIP`` is not in CTYPE: who writes them means them."""
    found: dict[str, dict[tuple[int, int], float]] = {"A": {}, "B": {}}
    orders = {name: header.number(f"{name}_ORDER") for name in found}
    for keyword in header.keywords:
        term = _SIP.fullmatch(keyword) if keyword[1:2] == "_" else None
        order = orders[term[1]] if term else None
        if not term or order is None or int(term[2]) + int(term[3]) > order:
            continue
        value = header.number(keyword)
        if value is None:
            note(f"{keyword} has no number: left out")
        elif value:
            found[term[1]][int(term[2]), int(term[3])] = value
    if any(order is not None and order > MOST_ORDER for order in orders.values()):
        note(f"a SIP polynomial of an order above {MOST_ORDER} does not count")
        return None
    return (found["A"], found["B"]) if found["A"] or found["B"] else None


def _replace(wcs: PlaneWcs, **changes: object) -> PlaneWcs:
    return dataclasses.replace(wcs, **changes)  # type: ignore[arg-type]
