"""Places where the daemon listens and puts pixels when nobody says otherwise, for both sides alike."""

from __future__ import annotations

import os
import re
import warnings
from pathlib import Path
from typing import Final

from mtv.wire.errors import bad_value

SOCKET_PATH_BYTES: Final = 107
"""Linux's limit on the path of a Unix socket, without its closing zero; ZeroMQ does not say why it refuses more."""

SOCKET_NAME: Final = "mtvd.sock"

ENDPOINT_VARIABLE: Final = "MTV_ENDPOINT"

_TCP_ADDRESS: Final = re.compile(r"(\*|[A-Za-z0-9][A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+(%[A-Za-z0-9]+)?\]):[0-9]{1,5}")

_PIXEL_ROOM_BYTES: Final = 2 << 30
"""With less free space a file system in memory is no place for pixels."""


def default_endpoint() -> str:
    """Return ``$MTV_ENDPOINT``, else ``ipc://`` and ``mtv/mtvd.sock`` in the user's runtime directory.

    Raises
    ------
    RequestError
        ``bad_value`` where the endpoint cannot be used; see `check_endpoint`.
    """
    chosen = os.environ.get(ENDPOINT_VARIABLE)
    if chosen:
        return check_endpoint(chosen, f"${ENDPOINT_VARIABLE}")
    return check_endpoint(f"ipc://{runtime_directory() / SOCKET_NAME}")


def runtime_directory() -> Path:
    """Return the user's own directory for sockets and pixels; it need not exist yet."""
    base = os.environ.get("XDG_RUNTIME_DIR")
    if base:
        return Path(base, "mtv")
    import platformdirs

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of the fallback below /tmp; whoever listens there checks the owner
        return Path(platformdirs.user_runtime_dir("mtv", appauthor=False))


def check_endpoint(endpoint: str, where: str = "endpoint") -> str:
    """Return an endpoint that ZeroMQ can use.

    Raises
    ------
    RequestError
        ``bad_value`` for anything but ``ipc://`` with an absolute path of at most 107 bytes, or ``tcp://host:port``.
    """
    scheme, _, address = endpoint.partition("://")
    if scheme == "tcp" and _TCP_ADDRESS.fullmatch(address):
        return endpoint
    if scheme != "ipc" or not address.startswith("/"):
        raise bad_value(where, f"{endpoint!r} is no endpoint", "write ipc:///absolute/path or tcp://host:port")
    size = len(os.fsencode(address))
    if size > SOCKET_PATH_BYTES:
        raise bad_value(
            where,
            f"the socket's path has {size} bytes, at most {SOCKET_PATH_BYTES} work: {address}",
            f"set ${ENDPOINT_VARIABLE} to ipc:// and a shorter path",
        )
    return endpoint


def is_tcp(endpoint: str) -> bool:
    """Tell whether an endpoint is reached over TCP, and so needs keys."""
    return endpoint.startswith("tcp://")


def host_of(endpoint: str) -> str:
    """Return the host of a ``tcp://`` endpoint, an IPv6 address without its brackets."""
    return endpoint.removeprefix("tcp://").rpartition(":")[0].strip("[]")


def socket_path(endpoint: str) -> Path | None:
    """Return the socket file of an ``ipc://`` endpoint, None for others."""
    scheme, _, address = endpoint.partition("://")
    return Path(address) if scheme == "ipc" else None


def pixel_directory(runtime: Path) -> Path:
    """Return where a daemon that is told nothing else puts pixels; it need not exist yet.

    In the runtime directory where that is in memory and large enough, else in ``/dev/shm``, else in the runtime
    directory on its disk.
    """
    import hashlib

    shared_memory = Path("/dev/shm")  # noqa: S108 - made 0700 and checked for its owner
    own = hashlib.blake2b(os.fsencode(runtime), digest_size=4).hexdigest()
    existing = next(parent for parent in (runtime, *runtime.parents) if parent.is_dir())
    for place, parent in ((runtime / "pixels", existing), (shared_memory / f"mtv-{os.getuid()}-{own}", shared_memory)):
        if _in_memory(parent) and _has_room(parent):
            return place
    return runtime / "pixels"


def _has_room(path: Path) -> bool:
    import shutil

    try:
        return shutil.disk_usage(path).free > _PIXEL_ROOM_BYTES
    except OSError:
        return False


def _in_memory(path: Path) -> bool:
    """Tell whether a directory is on a tmpfs: pixels on a disk would be written back to it, for nothing.

    The mount is found by the number of its device: its path may be hidden in a container, or be written with escapes.
    Where the system tells of no such mount, the directory counts as one on a disk.
    """
    try:
        device = path.stat().st_dev
        lines = Path("/proc/self/mountinfo").read_bytes().splitlines()
    except OSError:
        return False
    wanted = f"{os.major(device)}:{os.minor(device)}".encode()
    for line in lines:
        mount, _, source = line.partition(b" - ")
        if mount.split()[2:3] == [wanted]:
            return source.split()[:1] == [b"tmpfs"]
    return False
