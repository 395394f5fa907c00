"""CURVE keys: which daemon is reached over TCP, and who may reach it. Files are as ``zmq.auth`` writes them.

All lie in one directory of mode 0700: ``daemon.key_secret`` and ``daemon.key`` of the daemon, ``client.key_secret`` and
``client.key`` of its clients, ``authorised/NAME.key`` of those that a daemon lets in, and ``servers/HOST.key`` of
daemons on other hosts. Secrets have mode 0600 and never leave their host.
"""

from __future__ import annotations

import os
import re
import stat
import struct
from pathlib import Path
from typing import Final, NamedTuple

from mtv.shared import paths
from mtv.wire.errors import Error, RequestError, bad_value

CLIENT: Final = "client"
DAEMON: Final = "daemon"

_SUFFIX: Final = ".key"
_SECRET: Final = ".key_secret"  # noqa: S105 - how its file is called
_NAME: Final = re.compile(r"[A-Za-z0-9_@%:-][A-Za-z0-9._@%:-]{0,99}")
_ROLE: Final = "role"
_ROLE_LINE: Final = re.compile(rf'^\s*{_ROLE}\s*=\s*"?(\w+)"?\s*$', re.MULTILINE)
_KEY: Final = re.compile(rb"[0-9A-Za-z.:+=^!/*?&<>()\[\]{}@%$#-]{40}")
"""32 bytes in ZeroMQ's base 85."""


class Pair(NamedTuple):
    """A public key and its secret, in base 85."""

    public: bytes
    secret: bytes


class ClientKeys(NamedTuple):
    """Keys with which a client reaches one daemon."""

    own: Pair
    server: bytes
    """The daemon's public key."""
    server_file: Path
    """Where it stands."""


def directory() -> Path:
    """Return the user's directory of keys; it need not exist yet."""
    base = Path(os.environ.get("XDG_CONFIG_HOME", ""))
    return (base if base.is_absolute() else Path.home() / ".config") / "mtv" / "keys"


def for_client(endpoint: str) -> ClientKeys:
    """Return the keys with which a daemon at a TCP endpoint is reached.

    Raises
    ------
    RequestError
        ``forbidden`` where one of them is missing or may be read by others; the hint tells what to do.
    """
    server_file = server_file_of(endpoint)
    own = pair(CLIENT)
    hint = f"copy daemon.key from the daemon's host, then: mtv keys trust {paths.host_of(endpoint)} daemon.key"
    return ClientKeys(own, public_key(server_file, hint), server_file)


def server_file_of(endpoint: str) -> Path:
    """Return the file that tells the public key of the daemon at an endpoint; it need not exist."""
    own = directory() / "servers" / f"{paths.host_of(endpoint)}{_SUFFIX}"
    return own if own.exists() else directory() / f"{DAEMON}{_SUFFIX}"


def pair(name: str) -> Pair:
    """Return the daemon's or the client's own pair; raises as `for_client`."""
    path = directory() / f"{name}{_SECRET}"
    if not path.exists():
        raise _forbidden(f"there is no {short_path(path)}", f"mtv keys make {name}")
    _check_private(directory(), 0o700)
    _check_private(path, 0o600)
    public, secret = _read(path, "")
    if not _is_key(secret):
        raise _forbidden(f"{short_path(path)} holds no secret key", f"remove it, then: mtv keys make {name}")
    return Pair(public, secret)


def public_key(path: Path, hint: str = "") -> bytes:
    """Return the public key of a file; raises as `for_client`."""
    if not path.exists():
        raise _forbidden(f"there is no {short_path(path)}", hint)
    return _read(path, hint)[0]


def read_authorised(place: Path | None = None) -> dict[bytes, str]:
    """Return the public keys that a daemon lets in, and their names; files that hold no key are left out."""
    found: dict[bytes, str] = {}
    for path in sorted(((place or directory()) / "authorised").glob(f"*{_SUFFIX}")):
        try:
            found[_read(path, "")[0]] = path.stem
        except RequestError:
            continue
    return found


def in_base_85(key: bytes) -> str:
    """Return 32 bytes of a key as its file has them."""
    from zmq.utils import z85

    return z85.encode(key).decode()


# For people


def make(name: str) -> bool:
    """Make the daemon's or the client's pair where there is none; tell whether it was made."""
    import tempfile

    import zmq.auth

    place = _private_directory(directory())
    if (place / f"{name}{_SECRET}").exists():
        pair(name)
        return False
    with tempfile.TemporaryDirectory(dir=place, prefix=".new-") as new:
        public, secret = zmq.auth.create_certificates(new, name)
        _write_role(Path(public), name)
        Path(secret).chmod(0o600)
        Path(public).rename(place / f"{name}{_SUFFIX}")
        Path(secret).rename(place / f"{name}{_SECRET}")
    return True


def authorise(file: Path, name: str) -> Path:
    """Let in whoever has the secret of a public key; return the file that says so.

    Raises
    ------
    RequestError
        ``bad_value`` for a file that holds no key, a secret one, or a daemon's; or for a name that is none.
    """
    return _keep(file, "authorised", name, CLIENT)


def revoke(name: str) -> bool:
    """Let in no more who was let in by a name; tell whether there was one."""
    path = directory() / "authorised" / f"{_check_key(name)}{_SUFFIX}"
    there = path.exists()
    path.unlink(missing_ok=True)
    return there


def trust(file: Path, host: str) -> Path:
    """Take a public key for that of the daemon on a host; raises as `authorise`."""
    return _keep(file, "servers", host.strip("[]"), DAEMON)


def short_path(path: Path) -> str:
    """Return a path as people write it."""
    home = Path.home()
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)


# Inside


def _keep(file: Path, folder: str, name: str, role: str) -> Path:
    """Write the public part of a certificate under a name, whole or not at all."""
    import tempfile

    _check_key(name)
    try:
        key, secret = _read(file, "")
    except RequestError as error:
        raise bad_value("file", error.error.message, f"a {role}.key that 'mtv keys make {role}' wrote") from None
    if secret:
        message = f"{short_path(file)} holds a secret, which never leaves its host"
        raise bad_value("file", message, f"take {role}.key, which lies beside {role}.key_secret")
    if (whose := _role_of(file)) not in {"", role}:
        raise bad_value("file", f"{short_path(file)} is the key of a {whose}", f"take the {role}.key of the other host")
    place = _private_directory(_private_directory(directory()) / folder)
    path = place / f"{name}{_SUFFIX}"
    with tempfile.TemporaryDirectory(dir=place, prefix=".new-") as new:
        written = Path(new, "key")
        written.write_text(f'metadata\ncurve\n    public-key = "{key.decode()}"\n')
        written.rename(path)
    return path


def _write_role(file: Path, role: str) -> None:
    """Have a public certificate say whose it is: pyzmq writes what is told of a pair into the secret one alone."""
    file.write_text(file.read_text().replace("metadata\n", f'metadata\n    {_ROLE} = "{role}"\n', 1))


def _role_of(file: Path) -> str:
    """Return whose key a certificate says that it is, or else its name; empty where neither tells."""
    found = _ROLE_LINE.search(file.read_text(errors="replace"))
    told = found[1] if found else file.stem
    return told if told in {CLIENT, DAEMON} else ""


def _check_key(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise bad_value("name", f"{name!r} cannot be the name of a key", "letters, digits, '-', '_', '.' and '@'")
    return name


def _read(path: Path, hint: str) -> tuple[bytes, bytes]:
    """Return the public and the secret key of a certificate; the secret is empty where there is none."""
    import zmq.auth

    try:
        public, secret = zmq.auth.load_certificate(path)
    except (OSError, ValueError):
        public, secret = b"", None
    if not _is_key(public):
        raise _forbidden(f"{short_path(path)} holds no public key", hint)
    return public, secret or b""


def _is_key(text: bytes) -> bool:
    """Tell whether libzmq takes a text for a key: the right letters, and no five of them above 32 bits."""
    from zmq.utils import z85

    if not _KEY.fullmatch(text):
        return False
    try:
        return len(z85.decode(text)) == 32
    except struct.error:
        return False


def _private_directory(path: Path) -> Path:
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    _check_private(path, 0o700)
    return path


def _check_private(path: Path, mode: int) -> None:
    status = path.stat()
    if status.st_uid != os.getuid():
        raise _forbidden(f"{short_path(path)} belongs to somebody else")
    if stat.S_IMODE(status.st_mode) & 0o077:
        raise _forbidden(f"others may enter or read {short_path(path)}", f"chmod {mode:o} {short_path(path)}")


def _forbidden(message: str, hint: str = "") -> RequestError:
    return RequestError(Error(code="forbidden", message=message, where="keys", hint=hint))
