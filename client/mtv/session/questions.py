"""Questions to the daemon itself: its state, its repositories, requests that wait; and its end."""

from __future__ import annotations

from mtv.session.session import Session
from mtv.wire.messages import Cancelled
from mtv.wire.reports import Report, RepositoryInfo, RepositoryList
from mtv.wire.requests import Cancel, Repositories, Shutdown, Status


class Questions(Session):
    """Base of `mtv.Connection`: a session that asks about the daemon."""

    def status(self) -> Report:
        """Return the daemon's state; it answers while it works.

        Returns
        -------
        report : `~mtv.wire.reports.Report`

        Raises
        ------
        Unavailable
            There is no daemon.
        """
        reply = self.request(Status())
        assert isinstance(reply, Report)
        return reply

    def repositories(self) -> tuple[RepositoryInfo, ...]:
        """Return the repositories that can be named, the default first.

        Returns
        -------
        repositories : `tuple` [`~mtv.wire.reports.RepositoryInfo`, ...]

        Raises
        ------
        Unavailable
            There is no daemon.
        """
        reply = self.request(Repositories())
        assert isinstance(reply, RepositoryList)
        return reply.repositories

    def cancel(self, request_id: str = "") -> int:
        """Cancel a request by its id, or all that wait; return how many were.

        Parameters
        ----------
        request_id : `str`
            As errors have it; ``*`` for all requests of everybody; empty for all of this connection.

        Returns
        -------
        count : `int`
            How many were; 0 where none of that id waits.

        Raises
        ------
        Unavailable
            There is no daemon.
        """
        reply = self.request(Cancel(request_id=request_id))
        assert isinstance(reply, Cancelled)
        return reply.count

    def shutdown(self, *, keep_window: bool | None = None) -> None:
        """Stop the daemon in order.

        Parameters
        ----------
        keep_window : `bool`, optional
            Whether DS9 stays; the daemon's setting where not given.

        Raises
        ------
        Unavailable
            There is no daemon.
        """
        self.request(Shutdown(keep_window=keep_window))
