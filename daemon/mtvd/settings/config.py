"""Configuration: one TOML file, checked against these structs; the command line overrides it.

The file is ``$XDG_CONFIG_HOME/mtv/mtvd.toml`` where nothing else is said. Unknown keys are refused, because a setting
that is misspelt and ignored costs an afternoon.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

import msgspec
import platformdirs

from mtv.shared import keys, paths
from mtv.wire.errors import MtvError
from mtv.wire.limits import Limits
from mtvd.repo.aliases import RepositorySettings
from mtvd.stage.settings import StageSettings


class ConfigError(Exception):
    """The configuration is wrong: file, field and hint are in the message."""


class RemoteSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Clients on other hosts."""

    listen: str = ""
    """``tcp://address:port`` where they are heard, with keys (``mtv keys``); empty: not at all."""
    message_bytes: int = 1 << 30
    """Raw buffers of one message from or to them."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All settings of the daemon."""

    endpoint: str = ""
    """``ipc://…``; empty for the default, the one that clients use."""
    runtime_directory: str = ""
    """Lock, journal, log and window; empty for ``mtv`` below ``$XDG_RUNTIME_DIR``."""
    pixel_directory: str = ""
    """Shared pixel files; empty for the runtime directory where it is large enough, else ``/dev/shm``, else disk."""
    pixel_bytes: int = 8 << 30
    """All pixel files together."""
    requests: int = 4096
    """Requests under way at once."""
    request_bytes: int = 4 << 30
    """Bytes of their messages."""
    log_level: str = "INFO"
    """``DEBUG``, ``INFO``, ``WARNING`` or ``ERROR``: how much is logged."""
    remote: RemoteSettings = RemoteSettings()
    stage: StageSettings = StageSettings()
    repositories: RepositorySettings = RepositorySettings()

    @property
    def limits(self) -> Limits:
        """Limits announced to clients."""
        return Limits(pixel_bytes=self.pixel_bytes, buffer_bytes=min(Limits().buffer_bytes, self.request_bytes))

    @property
    def remote_limits(self) -> Limits:
        """Limits announced to clients on other hosts."""
        most = min(self.limits.buffer_bytes, self.remote.message_bytes)
        return msgspec.structs.replace(self.limits, buffer_bytes=most)


def default_file() -> Path:
    """Return the place where the configuration is looked for."""
    return platformdirs.user_config_path("mtv") / "mtvd.toml"


def read(file: Path | None) -> Settings:
    """Read the configuration; defaults where there is no file.

    Raises
    ------
    ConfigError
        A file that was named is missing, or is no TOML, or a field is wrong; or others may read the environment of
        the repositories in it.
    """
    path = file or default_file()
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        if file is None:
            return Settings()
        raise ConfigError(f"there is no configuration file {path}") from None
    try:
        settings = msgspec.toml.decode(data, type=Settings)
    except msgspec.DecodeError as error:
        raise ConfigError(f"{path}: {error}") from None
    if settings.repositories.environment and stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise ConfigError(
            f"{path}: repositories.environment may hold secrets, and others may read it: chmod 600 {path}"
        )
    return settings


def resolve(settings: Settings) -> Settings:
    """Return the settings with every default path filled in.

    Raises
    ------
    ConfigError
        The endpoint cannot be used.
    """
    runtime = Path(settings.runtime_directory) if settings.runtime_directory else paths.runtime_directory()
    pixels = Path(settings.pixel_directory) if settings.pixel_directory else paths.pixel_directory(runtime)
    try:
        endpoint = settings.endpoint or (
            f"ipc://{runtime / paths.SOCKET_NAME}" if settings.runtime_directory else paths.default_endpoint()
        )
        if not endpoint.startswith("ipc://"):
            message = f"endpoint {endpoint!r} is none of ipc://, which a daemon always has"
            raise ConfigError(f"{message}; for other hosts set remote.listen, or --listen, with keys (mtv keys --help)")
        paths.check_endpoint(endpoint)
    except MtvError as error:
        raise ConfigError(str(error)) from None
    _check_remote(settings.remote)
    return msgspec.structs.replace(
        settings, endpoint=endpoint, runtime_directory=str(runtime), pixel_directory=str(pixels)
    )


def _check_remote(remote: RemoteSettings) -> None:
    if not remote.listen:
        return
    try:
        paths.check_endpoint(remote.listen, "remote.listen")
        if not paths.is_tcp(remote.listen):
            raise ConfigError(f"remote.listen: {remote.listen!r} is not tcp://address:port")
        keys.pair(keys.DAEMON)
    except MtvError as error:
        raise ConfigError(f"remote.listen needs a key of the daemon's: {error}") from None


def private_directory(path: Path) -> Path:
    """Make a directory that only its owner may enter.

    Raises
    ------
    ConfigError
        It cannot be made, or belongs to somebody else, or others may enter it.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = path.stat()
    except OSError as error:
        raise ConfigError(f"{path} cannot be used: {error.strerror}") from None
    if status.st_uid != os.getuid() or stat.S_IMODE(status.st_mode) & 0o077:
        raise ConfigError(f"{path} must belong to you and to nobody else: chmod 700 {path}")
    return path
