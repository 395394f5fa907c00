"""Options of ``mtv up`` that a daemon lacks which runs already. Looks only; starts nothing."""

from __future__ import annotations

import shlex
import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from mtv.shared import paths
from mtv.wire.errors import MtvError, RequestError, bad_value

if TYPE_CHECKING:
    from mtv.wire.reports import Report

_MOST_PORT: Final = 65535
_MEANT: Final = "write tcp://ADDRESS:PORT, for example --listen 'tcp://*:5678'"


class Option(NamedTuple):
    """An option of the daemon's command line."""

    name: str
    value: str = ""

    @property
    def words(self) -> list[str]:
        """The option as it stands on a command line."""
        return [self.name, self.value] if self.value else [self.name]


def has(report: Report, option: Option) -> bool:
    """Tell whether a daemon that runs is known to have an option already."""
    if option.name == "--repo":
        alias, found, location = option.value.partition("=")
        known = [(repo.alias, repo.location.rstrip("/")) for repo in report.repositories]
        if found:
            return (alias, location.rstrip("/")) in known
        return option.value.rstrip("/") in {place for _, place in known}
    window = report.window
    if option.name == "--listen":
        return report.listen.replace("//0.0.0.0:", "//*:") == option.value.replace("//0.0.0.0:", "//*:")
    if option.name == "--window":
        return option.value in ({"headless", window.x_display} if window.headless else {window.x_display})
    return option.name == "--attach" and window.attached and window.title == option.value


def refusal(lacking: Sequence[Option], wanted: Sequence[Option]) -> str:
    """Return what to say of options that a daemon that runs did not take, and what helps."""
    said = ", ".join(" ".join(option.words) for option in lacking)
    again = shlex.join([word for option in wanted for word in option.words])
    verb = "was" if len(lacking) == 1 else "were"
    repos = [option.value.rpartition("=")[2] for option in lacking if option.name == "--repo"]
    other = f", or name a repository by its path: mtv query --repo {shlex.quote(repos[0])} ..." if repos else ""
    return (
        f"{said} {verb} not taken: a daemon that runs keeps the settings that it was started with "
        f"(mtv down && mtv up {again}{other})"
    )


def check_listen(listen: str) -> str:
    """Return a place to listen for other hosts.

    Raises
    ------
    RequestError
        ``bad_value`` where it is no ``tcp://address:port``, or no address, interface or name of this host.
    """
    try:
        paths.check_endpoint(listen, "listen")
    except MtvError:
        raise _refusal(listen) from None
    if not paths.is_tcp(listen):
        raise _refusal(listen)
    host, port = paths.host_of(listen), int(listen.rpartition(":")[2])
    if port > _MOST_PORT:  # ZeroMQ takes what is left of it: 99999 would be 34463
        raise bad_value("listen", f"{port} is no port", f"from 1 to {_MOST_PORT}")
    if host != "*" and not _is_here(host):
        hint = f"'tcp://*:{port}' listens on all addresses of this host"
        raise bad_value("listen", f"{host} is no address, interface or name of this host", hint)
    return listen


def _refusal(listen: str) -> RequestError:
    address, _, port = listen.rpartition(":")
    if port.isdecimal() and "/" not in listen:
        return bad_value("listen", f"{listen!r} is no tcp://ADDRESS:PORT", f"--listen tcp://{address or '*'}:{port}")
    return bad_value("listen", f"{listen!r} is no tcp://ADDRESS:PORT", _MEANT)


def _is_here(host: str) -> bool:
    """Tell whether a socket of this host can be bound to a host's name or address, as ZeroMQ does it."""
    if host in {name for _, name in socket.if_nameindex()}:
        return True
    try:
        found = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)
    except OSError:
        return False
    return any(_can_bind(family, address) for family, *_, address in found)


def _can_bind(family: int, address: tuple[str | int, ...] | tuple[int, bytes]) -> bool:
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        try:
            probe.bind(address)
        except OSError:
            return False
    return True


__all__ = ["Option", "check_listen", "has", "refusal"]
