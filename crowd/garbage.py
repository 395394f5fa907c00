"""What a client sends that has gone mad: random bytes, cut and changed messages, other sessions' ids. Pure, seeded.

What is changed never names another client's display, so that nothing of it can be a request that must be obeyed and
harms somebody by being obeyed: displays of this client have a name that is known again with six bytes changed.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Final

from mtv.wire import codec, data, frames, requests, steps
from mtv.wire.message import Message

NAME: Final = "garbage of a client gone mad"
_MOST_CHANGED: Final = 6
"""Bytes of a message."""
STRAY: Final = 0
"""The display of a message whose field ``display`` has become another word: the default one."""
_WHERE: Final = data.Dataset(repo="demo", dataset_type="calexp", data_id={"visit": 1, "detector": 1})
_IN_A_FILE: Final = data.Array(dtype=">f4", shape=(4, 4), file="no.fits")
_MESSAGES: Final[Sequence[Message | steps.Step]] = (
    requests.Status(),
    requests.Describe(display=NAME),
    requests.Repositories(),
    requests.Cancel(request_id="0-0"),
    requests.Get(target=_WHERE),
    requests.Release(handle="none"),
    requests.Sync(),
    requests.Subscribe(seen=0),
    requests.Unsubscribe(),
    requests.Transaction(steps=(steps.Delete(display=NAME), steps.Zoom(display=NAME, factor=2.0))),
    requests.Transaction(
        steps=(steps.Scale(display=NAME, stretch="log", low=1.0, high=2.0), steps.Erase(display=NAME))
    ),
    requests.Frame(feed=NAME, display=NAME, target=data.Exposure(image=_IN_A_FILE)),
    requests.Steer(display=NAME, movie="none", action="stop"),
    steps.Mtv(display=NAME, target=data.Exposure(image=data.Array(dtype=">f4", shape=(4, 4), buffer=0))),
    steps.Mtv(display=NAME, target=data.File(path="/nowhere/garbage.fits")),
    steps.Overlay(display=NAME, name=NAME, x=(1.0, 2.0), y=(1.0, 2.0), symbol="o", size=2.0, colour="green"),
    steps.Erase(display=NAME, name=NAME),
    steps.Delete(display=NAME),
    steps.Query(repo="demo", what="datasets", dataset_type="calexp"),
)
_STOLEN: Final[Sequence[Message | steps.Step]] = (
    requests.Hello(versions=(1, 0), program=NAME),
    requests.Status(),
    requests.Bye(),
    requests.Cancel(),
    requests.Sync(),
    requests.Subscribe(seen=0),
    requests.Unsubscribe(),
    steps.Delete(display=NAME),
)
"""What is said in another's name: it must be refused, whatever it is."""


class Garbage:
    """Messages without end.

    Parameters
    ----------
    session : `bytes`
        The mad client's own session.
    """

    def __init__(self, rng: random.Random, session: bytes) -> None:
        self._random = rng
        self._session = session
        self._sequence = 0
        self.others: Sequence[bytes] = ()
        """Ids of sessions that are not its own."""

    def next(self) -> list[bytes]:
        """Return the frames of one message."""
        kinds = [self._noise, self._cut, self._changed, self._swapped, self._sized]
        if self.others:
            kinds.append(self._stolen)
        return self._random.choice(kinds)()

    def _noise(self) -> list[bytes]:
        count = self._random.choice((1, 1, 2, 3, 9))
        return [self._random.randbytes(self._random.choice((0, 1, 43, 44, 45, 200, 5_000))) for _ in range(count)]

    def _cut(self) -> list[bytes]:
        made = self._whole()
        index = self._random.randrange(len(made))
        made[index] = made[index][: self._random.randrange(len(made[index]) + 1)]
        return made[: self._random.randint(1, len(made))]

    def _changed(self) -> list[bytes]:
        """Change some bytes, of the header or of the body, but never the session into another's."""
        made = [bytearray(part) for part in self._whole()]
        for _ in range(self._random.randint(1, _MOST_CHANGED)):
            part = self._random.choice([one for one in made if one])
            part[self._random.randrange(len(part))] = self._random.randrange(256)
        return [bytes(part) for part in made]

    def _swapped(self) -> list[bytes]:
        made = self._whole() + self._whole()
        self._random.shuffle(made)
        return made

    def _sized(self) -> list[bytes]:
        """Announce sizes that nobody has."""
        body = codec.encode(self._random.choice(_MESSAGES))
        head = bytearray(frames.pack(frames.Kind.REQUEST, self._session, self._number(), body)[0])
        head[32:40] = self._random.choice((0, len(body) + 1, 1 << 40, (1 << 64) - 1)).to_bytes(8, "big")
        return [bytes(head), body]

    def _stolen(self) -> list[bytes]:
        session = self._random.choice(self.others)
        number = self._random.choice((0, 1, 2, 50, 1_000, 1 << 40))
        return _packed(session, number, self._random.choice(_STOLEN))

    def _whole(self) -> list[bytes]:
        buffers = (bytes(64),) if self._random.random() < 0.3 else ()
        return _packed(self._session, self._number(), self._random.choice(_MESSAGES), buffers)

    def _number(self) -> int:
        self._sequence += self._random.choice((0, 1, 1, 1, 2))
        return self._sequence


def _packed(session: bytes, number: int, message: Message | steps.Step, buffers: Sequence[bytes] = ()) -> list[bytes]:
    return [bytes(part) for part in frames.pack(frames.Kind.REQUEST, session, number, codec.encode(message), buffers)]
