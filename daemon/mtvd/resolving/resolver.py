"""Resolve: from the steps of a request to changes that need nothing more.

Pixels are found or read, FITS headers are written in front of them, markers are packed, values are checked. What is
refused is refused here, before anything moves. No window and no socket.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from mtv.wire import steps
from mtv.wire.data import Exposure
from mtv.wire.errors import within
from mtv.wire.frames import Buffer
from mtvd.repo.port import OnProgress
from mtvd.resolving.kept_limits import kept_scale
from mtvd.resolving.limits import check_size
from mtvd.resolving.progress import Together
from mtvd.resolving.resolved import MovieFrame, Resolved
from mtvd.resolving.transaction import Sources, TransactionResolver
from mtvd.scene.model import EMPTY, Scene


@dataclasses.dataclass(frozen=True, kw_only=True)
class Resolver(Sources):
    """Makes changes of steps; the collaborators are given."""

    async def resolve(
        self,
        wanted: Sequence[steps.AnyStep],
        buffers: Sequence[Buffer],
        *,
        key: str,
        hold: Callable[[set[str]], None],
        first_image: Callable[[steps.DisplayName], bool],
        on_progress: OnProgress | None = None,
        on_image: Callable[[Resolved], None] | None = None,
        frame: MovieFrame | None = None,
        scene: Callable[[], Scene] = lambda: EMPTY,
    ) -> Resolved:
        """Resolve all steps; those that must read do so side by side.

        Parameters
        ----------
        key : `str`
            Request id.
        hold : callable
            Called with the names of pixel files of a handle: they must stay while the request is under way, also where
            the handle is released.
        first_image : callable
            Tells whether this is the client's first image on a display.
        on_image : callable, optional
            Called where a lone `Mtv` has its image before its mask, with what shows the image alone. Its files are the
            callee's from then on; where all goes well, they are among those that are returned too.
        frame : `MovieFrame`, optional
            Of what movie the images are frames.
        scene : callable, optional
            Returns the scene that the changes will probably meet: notes tell what its displays keep.

        Raises
        ------
        MtvError
            ``where`` begins with ``steps[i]``; files made on the way are removed.
        """
        check_size(wanted, self.limits)
        work = TransactionResolver(
            sources=self,
            buffers=buffers,
            key=key,
            hold=hold,
            first_image=first_image,
            progress=Together(on_progress),
            frame=frame,
            kept_scale=lambda step: kept_scale(scene(), wanted, step),
        )
        work.on_image = on_image if len(wanted) == 1 else None
        try:
            work.take_handles(wanted)
            await work.read(wanted)
            for index, step in enumerate(wanted):
                with within(f"steps[{index}]"):
                    await work.change(index, step)
        except BaseException:
            self.images.discard(work.resolved.files - work.given_away)
            raise
        return work.resolved

    def abandon(self, wanted: Sequence[steps.AnyStep]) -> None:
        """Remove the pixel files that steps bring along and nobody has taken over: they will not be drawn."""
        for step in wanted:
            if isinstance(step, steps.Mtv) and isinstance(step.target, Exposure):
                self.images.abandon(step.target)

    def tidy(self) -> None:
        """Let expired handles go."""
        self.handles.expire()
