"""Which faults come in which order. Pure."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

from chaos.victims import KINDS

KILL: Final = "kill"
STOP: Final = "stop"


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One fault: whom it hits, how, and how long after the one before has been mended."""

    victim: str
    action: str
    pause_secs: float


def faults(count: int, seed: int) -> list[Fault]:
    """Return faults in hands that have each victim once; what was killed in one hand is stopped in the next.

    So each victim has an equal share of them, give or take one, and kills and stops about half each.
    """
    rng = random.Random(seed)
    turn = {victim: rng.random() < 0.5 for victim in KINDS}
    made: list[Fault] = []
    while len(made) < count:
        for victim in rng.sample(KINDS, len(KINDS)):
            turn[victim] = not turn[victim]
            action = KILL if turn[victim] else STOP
            made.append(Fault(victim=victim, action=action, pause_secs=rng.uniform(0.05, 1.5)))
    return made[:count]
