"""Another colour for one mask plane of a full exposure, against showing the exposure again in that colour."""

from __future__ import annotations

from benchmarks import exposure
from benchmarks.bench import Bench
from benchmarks.contest import Way, contest
from benchmarks.measures import Measured, Target
from benchmarks.row import Row

_PLANE, _COLOUR = "DETECTED", "orange"


def measure(bench: Bench) -> Measured:
    """Measure both on our display: there is no other tool that can recolour what is shown."""
    if not bench.with_ours:
        return Measured()
    shown, display = bench.exposure, bench.ours.display

    def show() -> None:
        display.mtv(shown.image, mask=shown.mask, planes=exposure.PLANES)
        display.sync()

    def prepare_recolour() -> None:
        display.set_mask_plane_color(_PLANE, exposure.COLOURS[_PLANE])
        show()

    def recolour() -> None:
        display.set_mask_plane_color(_PLANE, _COLOUR)
        display.sync()

    display.scale("linear", *exposure.LIMITS)
    display.set_mask_transparency(0)
    try:
        return contest(
            ours=Way(name="recolour", draw=recolour, prepare=prepare_recolour, look=bench.ours.look),
            peers=(Way(name="mtv again", draw=show, look=bench.ours.look),),
            runs=bench.amount(7, 1),
        )
    finally:
        display.set_mask_plane_color(_PLANE, exposure.COLOURS[_PLANE])


ROW = Row("mask_recolour", "one mask plane of a 2048x4176 exposure recoloured, redrawn", Target(peer=2), measure)
