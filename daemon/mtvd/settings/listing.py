"""Settings one by one: name, meaning and default, from the code itself; and what is in force, with where it is from."""

from __future__ import annotations

import ast
import functools
import inspect
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple, get_args, get_origin

import msgspec

from mtvd.settings import config
from mtvd.settings.config import Settings

FILE_NAME: Final = "settings.json"
"""File of the runtime directory that tells a running daemon's settings."""
HIDDEN: Final = "***"
"""Stands for values of ``repositories.environment``, which may be secrets."""
_SECRETS: Final = "repositories.environment"


class Setting(NamedTuple):
    """One setting of the configuration file."""

    name: str
    """Name with its table: ``stage.window``."""
    kind: str
    """Type as TOML has it: ``string``, ``integer``, ``number``, ``boolean`` or ``table of strings``."""
    default: Any
    meaning: str


class InForce(msgspec.Struct, frozen=True, kw_only=True):
    """A setting with the value that counts."""

    name: str
    value: Any
    source: str
    """``default``, ``file PATH``, ``option --window`` or ``environment MTV_ENDPOINT``."""


@functools.cache
def settings() -> tuple[Setting, ...]:
    """Return all settings, in the order of the code."""
    return tuple(_settings_of(Settings, ""))


def _settings_of(owner: type[msgspec.Struct], prefix: str) -> Iterator[Setting]:
    meanings = _meanings(owner)
    tables = []
    for field in msgspec.structs.fields(owner):
        name = f"{prefix}{field.name}"
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            tables.append((field.type, f"{name}."))
            continue
        default = field.default_factory() if field.default is msgspec.NODEFAULT else field.default
        yield Setting(name, _kind(field.type), default, meanings[field.name])
    for table, place in tables:
        yield from _settings_of(table, place)


def _kind(annotation: Any) -> str:
    if get_origin(annotation) is dict:
        return f"table of {_kind(get_args(annotation)[1])}s"
    return {str: "string", int: "integer", float: "number", bool: "boolean"}[annotation]


def _meanings(owner: type[msgspec.Struct]) -> dict[str, str]:
    """Return the texts that stand below the fields of a class."""
    (body,) = ast.parse(inspect.getsource(owner)).body
    assert isinstance(body, ast.ClassDef)
    found = {}
    for field, text in zip(body.body, body.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            told = text.value.value if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant) else ""
            found[field.target.id] = " ".join(str(told).split())
    return found


class Sources(NamedTuple):
    """Places that settings are from, besides the code."""

    file: Path | None = None
    """Configuration file; the one that is looked for where None."""
    options: Mapping[str, str] = {}
    """Settings that stand elsewhere than in the file, by name, and where: ``option --window``."""


NOWHERE_ELSE: Final = Sources()
"""The usual file and no options."""


def in_force(used: Settings, sources: Sources = NOWHERE_ELSE) -> tuple[InForce, ...]:
    """Return every setting with the value that counts, and where that is from.

    Parameters
    ----------
    used : `Settings`
        As they are used: file and options together, every default path filled in.
    sources : `Sources`, optional
    """
    path = sources.file or config.default_file()
    written = tomllib.loads(path.read_text("utf-8")) if path.is_file() else {}
    found = []
    for setting in settings():
        value = _at(msgspec.to_builtins(used), setting.name)
        source = sources.options.get(setting.name) or (f"file {path}" if _at(written, setting.name) is not None else "")
        if setting.name == _SECRETS:
            value = dict.fromkeys(value, HIDDEN)
        found.append(InForce(name=setting.name, value=value, source=source or "default"))
    return tuple(found)


def write(runtime: Path, pid: int, told: tuple[InForce, ...]) -> None:
    """Leave the settings of a daemon in its runtime directory, for ``mtv config``.

    Raises
    ------
    OSError
        The system refuses it.
    """
    file, partial = runtime / FILE_NAME, runtime / f".{FILE_NAME}"
    partial.write_bytes(msgspec.json.encode({"pid": pid, "settings": told}))
    partial.replace(file)


def _at(table: Any, name: str) -> Any:
    """Return what stands at a dotted place of nested tables; None where nothing does."""
    for key in name.split("."):
        table = table.get(key) if isinstance(table, dict) else None
    return table
