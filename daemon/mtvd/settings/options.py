"""Options of the command line, laid over the configuration file. Pure."""

from __future__ import annotations

from pathlib import Path

import msgspec

from mtvd.settings.config import ConfigError, Settings


def merge(
    settings: Settings,
    *,
    endpoint: str | None = None,
    listen: str | None = None,
    runtime_directory: Path | None = None,
    pixel_directory: Path | None = None,
    repositories: tuple[str, ...] = (),
    window: str | None = None,
    keep_window: bool | None = None,
    attach: str | None = None,
    log_level: str | None = None,
) -> Settings:
    """Return the settings with what the command line gives; None leaves the file's value.

    Raises
    ------
    ConfigError
        Two repositories of one name, or a value that the setting does not take.
    """
    given = {
        "endpoint": endpoint,
        "runtime_directory": str(runtime_directory.absolute()) if runtime_directory else None,
        "pixel_directory": str(pixel_directory.absolute()) if pixel_directory else None,
        "log_level": log_level,
    }
    window_given = {"window": window, "keep_window": keep_window, "attach": attach}
    try:
        stage = msgspec.structs.replace(
            settings.stage, **{name: value for name, value in window_given.items() if value is not None}
        )
    except ValueError as error:
        raise ConfigError(str(error)) from None
    return msgspec.structs.replace(
        settings,
        **{name: value for name, value in given.items() if value is not None},
        remote=msgspec.structs.replace(settings.remote, listen=listen) if listen else settings.remote,
        stage=stage,
        repositories=msgspec.structs.replace(
            settings.repositories, aliases={**_aliases(repositories), **settings.repositories.aliases}
        ),
    )


def _aliases(repositories: tuple[str, ...]) -> dict[str, str]:
    aliases: dict[str, str] = {}
    for given in repositories:
        alias, found, location = given.partition("=")
        if not found:
            alias, location = Path(given.rstrip("/")).name, given
        if alias in aliases:
            raise ConfigError(f"--repo: two repositories are called {alias!r}: give ALIAS=PATH")
        aliases[alias] = location if "://" in location else str(Path(location).absolute())
    return aliases
