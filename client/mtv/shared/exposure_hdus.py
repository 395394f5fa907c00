"""HDUs that are one exposure, by the words of their headers. Pure.

The daemon reads files by these rules, and the client an HDUList that a caller has in memory.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Generic, TypeVar

_T = TypeVar("_T")

MASK_PLANE: Final = "MASK"
"""Name of the plane of a boolean mask, and of one whose bits nobody has named: the pixels that are not 0."""

BITS_A_HDU: Final = 31
"""``lsst.images`` continues a mask of more planes in a second HDU ``MASK``."""

UNCERTAINTY: Final = "UNCERT"
"""Role of the HDU in which `astropy.nddata.CCDData.write` stores the uncertainty."""

ROLES: Final = ("IMAGE", "MASK", "VARIANCE")
"""Roles of the HDUs of ``lsst.afw`` and ``lsst.images``."""

MOST_OTHERS: Final = 3
"""HDUs of no known role that are looked at where none is an ``IMAGE``: image, mask and variance, by their position."""

MOST_BITS: Final = 64
"""Bits in the integers of a mask."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Chosen(Generic[_T]):
    """The HDUs of one exposure."""

    image: _T | None = None
    mask: tuple[_T, ...] = ()
    """Two of ``lsst.images``, which together are one mask; see `BITS_A_HDU`."""
    variance: _T | None = None
    uncertainty: _T | None = None
    """Uncertainty of `astropy.nddata.CCDData`, where there is no variance; its header says of which kind it is."""


def card(header: Any, keyword: str, default: Any = None) -> Any:
    """Return the value of a keyword; the default where it is missing, undefined, or cannot be parsed.

    Parameters
    ----------
    header : `astropy.io.fits.Header` or mapping
    keyword : `str`
    default : object
    """
    try:
        found = header.get(keyword, default)
    except Exception:  # noqa: BLE001 - astropy's VerifyError, which cannot be named without importing astropy
        return default
    return default if found is None or type(found).__name__ == "Undefined" else found


def role_of(header: Any) -> str:
    """Return ``IMAGE``, ``MASK``, ``VARIANCE``, ``UNCERT`` or any other name of an HDU, by EXTTYPE, else EXTNAME."""
    return (str(card(header, "EXTTYPE", "")).strip() or str(card(header, "EXTNAME", "")).strip()).upper()


def is_mask(header: Any) -> bool:
    """Return True where a header names mask planes, or says that it is one's."""
    return role_of(header) == "MASK" or any(key.startswith(("MP_", "MSKN")) for key in header)


def mask_planes(headers: Sequence[Any], bits: int = MOST_BITS) -> dict[str, int]:
    """Return mask plane names and bit numbers, by bit number; planes without a bit that the mask has are left out.

    ``lsst.afw`` keeps ``MP_NAME = number``; ``lsst.images`` keeps ``MSKN0000 = name`` and ``MSKM0000 = value``.

    Parameters
    ----------
    headers : sequence of headers
        Of all HDUs of the mask; the planes of a second one follow those of the first.
    bits : `int`, optional
        Of the mask's integers.
    """
    found = ((name, bit) for name, bit in _named_planes(headers) if bit is not None and bit < bits)
    return dict(sorted(found, key=lambda item: item[1]))


def mask_notes(headers: Sequence[Any], bits: int) -> tuple[str, ...]:
    """Return what the headers of a mask leave unsaid, in words for the user.

    Parameters
    ----------
    headers : sequence of headers
        Of all HDUs of the mask.
    bits : `int`
        Of its integers; a byte without names is a boolean, as `astropy.nddata.CCDData.write` stores it.
    """
    named = _named_planes(headers)
    unknown = [name for name, bit in named if bit is None]
    beyond = [name for name, bit in named if bit is not None and bit >= bits]
    notes = [f"mask planes without a bit number are left out: {', '.join(unknown)}"] if unknown else []
    if beyond:
        notes.append(f"mask planes beyond the {bits} bits of the mask are left out: {', '.join(beyond)}")
    if bits > 8 and len(named) == len(unknown) + len(beyond):
        message = f"the bits of the mask have no names: pixels that are not 0 are {MASK_PLANE}"
        notes.append(f"{message}; its own HDU has the numbers")
    return tuple(notes)


def are_enough(by_role: Mapping[str, Sequence[_T]], others: Sequence[_T]) -> bool:
    """Return True where no HDU behind these counts for the exposure.

    Parameters
    ----------
    by_role : mapping from `str` to sequence
        HDUs that have been found so far, by role.
    others : sequence
        The other HDUs with an image that have been found so far.
    """
    return by_role.keys() >= set(ROLES) or ("IMAGE" not in by_role and len(others) >= MOST_OTHERS)


def choose_hdus(
    by_role: Mapping[str, Sequence[_T]], others: Sequence[_T], header_of: Callable[[_T], Any]
) -> Chosen[_T]:
    """Return the HDUs of one exposure.

    Parameters
    ----------
    by_role : mapping from `str` to sequence
        HDUs whose role is one of `ROLES` or `UNCERTAINTY`, in their order.
    others : sequence
        The other HDUs with an image, in their order, as far as they may count; see `are_enough`.
    header_of : callable
        Returns the header of an HDU.

    Returns
    -------
    chosen : `Chosen`
        Without an image where there is none, or nothing but a mask, a variance or an uncertainty.
    """
    image, variance, uncertainty = (next(iter(by_role.get(role, ())), None) for role in ("IMAGE", "VARIANCE", "UNCERT"))
    mask = _join(by_role.get("MASK", ()), header_of)
    if image is None and others:
        image = others[0]
        if not mask and len(others) > 1 and is_mask(header_of(others[1])):
            mask = (others[1],)
            variance = variance or (others[2] if len(others) > 2 else None)
    return Chosen(image=image, mask=mask, variance=variance, uncertainty=None if variance else uncertainty)


def _join(masks: Sequence[_T], header_of: Callable[[_T], Any]) -> tuple[_T, ...]:
    # Masks of lsst.afw have one HDU, whatever else bears the name.
    split = [mask for mask in masks if any(key.startswith("MSKN") for key in header_of(mask))]
    return tuple(split[:2]) if len(split) > 1 else tuple(masks[:1])


def _named_planes(headers: Sequence[Any]) -> list[tuple[str, int | None]]:
    """Return the planes that headers name, and the bit of each in the whole mask; None where it has none."""
    return [
        (name, None if bit is None else bit + BITS_A_HDU * number)
        for number, header in enumerate(headers)
        for name, bit in _planes_of_card(header)
    ]


def _planes_of_card(header: Any) -> list[tuple[str, int | None]]:
    found = [(key[3:], _bit(card(header, key))) for key in header if key.startswith("MP_")]
    numbers = [key[4:] for key in header if key.startswith("MSKN")]
    names = [(str(card(header, f"MSKN{number}", "")).strip(), number) for number in numbers]
    return found + [(name, _bit_of_value(card(header, f"MSKM{number}"))) for name, number in names if name]


def _bit(number: Any) -> int | None:
    whole = _whole(number)
    return whole if whole is not None and 0 <= whole < MOST_BITS else None


def _bit_of_value(value: Any) -> int | None:
    whole = _whole(value)
    return whole.bit_length() - 1 if whole is not None and whole > 0 and whole.bit_count() == 1 else None


def _whole(number: Any) -> int | None:
    if isinstance(number, bool) or not isinstance(number, int | float) or number != number // 1:
        return None
    return int(number)
