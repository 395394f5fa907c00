"""Fixtures for programs written for ``lsst.afw.display``: a process as new, and a scripted daemon."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import mtv
from mtv.afw import notes
from mtv.afw.colours import cycle_colours, table_of_planes
from mtv.afw.registry import Registry
from mtv.session import default
from mtv.testing import ScriptedDaemon
from mtv.wire.steps import AnyStep


@pytest.fixture
def as_new(monkeypatch: pytest.MonkeyPatch) -> None:
    """No display, default or note of an earlier test is left."""
    usual: dict[str, Any] = {
        "_displays": {},
        "_defaultBackend": None,
        "_defaultFrame": 0,
        "_defaultMaskPlaneColor": table_of_planes(),
        "_defaultMaskTransparency": None,
        "_defaultImageColormap": "gray",
        "_newColors": cycle_colours(),
    }
    for name, value in usual.items():
        monkeypatch.setattr(Registry, name, value)
    notes.forget()


@pytest.fixture
def at_home(daemon: ScriptedDaemon, monkeypatch: pytest.MonkeyPatch, as_new: None) -> Iterator[ScriptedDaemon]:
    """A daemon that programs find which name none."""
    monkeypatch.setenv("MTV_ENDPOINT", daemon.endpoint)
    monkeypatch.setattr(default, "_default", None)
    yield daemon
    mtv.default_connection().close()


def names_of(steps: list[AnyStep]) -> list[str]:
    """Return the kinds of steps, in order."""
    return [type(step).__name__ for step in steps]
