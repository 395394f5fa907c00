"""Proof of a session: its id is made of a secret that only its client has, so the daemon can check it and keep nothing.

The id stands in every header and `status` tells it; the secret goes to the daemon alone, in each Hello. A daemon that
has just started, or has forgotten the session, can tell the true client from one that has only seen the id.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

MARK: Final = b"mt"
"""First bytes of an id that is made of a secret. Ids that begin otherwise have no proof: their connection is all."""
SECRET_CHARS: Final = (32, 200)
"""Length of a secret, at least and at most."""

_PERSON: Final = b"mtv session"
_OWN: Final = bytes(8)


def session_id(secret: str) -> bytes:
    """Return the id of the session that a secret belongs to.

    Parameters
    ----------
    secret : `str`
        Random, of at least 32 characters; ``secrets.token_hex(16)`` is one.

    Returns
    -------
    session : `bytes`
        `MARK` and the first 14 bytes of the BLAKE2b digest of the secret, personalised with ``mtv session``.
    """
    return MARK + hashlib.blake2b(secret.encode(errors="replace"), digest_size=14, person=_PERSON).digest()


def is_provable(session: bytes) -> bool:
    """Tell whether an id is made of a secret."""
    return session.startswith(MARK)


def proves(secret: str, session: bytes) -> bool:
    """Tell whether a secret is that of a session."""
    return hmac.compare_digest(session_id(secret), session)


def daemons_own(random: bytes) -> bytes:
    """Return an id that no client may have: the daemon's own sessions have such ones.

    Parameters
    ----------
    random : `bytes`
        8 bytes.
    """
    return _OWN + random


def is_daemons_own(session: bytes) -> bool:
    """Tell whether an id is one of those that no client may have, such as zero."""
    return session.startswith(_OWN)
