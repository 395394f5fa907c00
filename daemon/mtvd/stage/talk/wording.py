"""The lines between the daemon and the agent: requests written, answers read. Pure, and never surprised by any bytes.

``talk.tcl`` is the other side and says what each line is.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterable
from typing import Final, NamedTuple

INLINE_BYTES_MAX: Final = 32_000
"""A longer script goes by file; in base64 one of this length still fits into an empty pipe (64 kB) at once."""

ANSWER_BYTES_MAX: Final = 1 << 27
"""A longer line is none of the agent's. Texts of regions that the user has drawn are the longest: 1 MB a frame."""


class Told(NamedTuple):
    """An answer of the agent."""

    identity: str
    """Identity of the request that it answers."""
    failed: bool
    """True where the script has failed."""
    text: str
    """The script's result, or the words of its error."""


def request(identity: str, script: bytes) -> bytes:
    """Return the line that has a script run.

    Parameters
    ----------
    identity : `str`
        What the answer will bear: hexadecimal digits, a dot, decimal digits.
    script : `bytes`
        Tcl, in UTF-8.

    Returns
    -------
    line : `bytes`
        It begins with a line break, so that what a writer before has begun and not finished harms nothing.
    """
    body = binascii.b2a_base64(script, newline=False)
    return b"\nrun %b %d %b\n" % (identity.encode(), len(script), body)


def request_by_file(identity: str, size_bytes: int, name: str) -> bytes:
    """Return the line that has the script in a file of the window's directory run, as `request` does."""
    return f"\nfile {identity} {size_bytes} {name}\n".encode()


class Answers:
    """Decoder of the agent's answers, whatever the pieces are in which they come."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> Iterable[Told]:
        """Return the answers that are complete now; lines that are none are passed over.

        Parameters
        ----------
        data : `bytes`
            What comes next.
        """
        self._rest += data
        if b"\n" not in data:
            if len(self._rest) > ANSWER_BYTES_MAX:
                self._rest.clear()
            return []
        *lines, rest = bytes(self._rest).split(b"\n")
        self._rest = bytearray(rest)
        return [told for line in lines if line and (told := _answer_in(line)) is not None]


def _answer_in(line: bytes) -> Told | None:
    """Return the answer in a line; None where there is none, or not the whole of it."""
    try:
        kind, identity, code, length, body = line.split(b" ")
        text = binascii.a2b_base64(body)
        if kind != b"told" or code not in {b"0", b"1"} or len(text) != int(length):
            return None
        return Told(identity.decode("ascii"), code == b"1", text.decode(errors="replace"))
    except ValueError:  # binascii's and that of a text that is not ASCII among them
        return None
