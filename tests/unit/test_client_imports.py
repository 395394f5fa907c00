"""What importing the client costs."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import mtv
from mtv.cli import COMMANDS

_LOADED = "import json, sys; print(json.dumps(sorted(sys.modules)))"


def loaded_by(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{_LOADED}"],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    return set(json.loads(done.stdout))


def test_importing_mtv_loads_neither_zeromq_nor_numpy_nor_astropy_nor_anyio() -> None:
    assert not loaded_by("import mtv") & {"numpy", "astropy", "anyio", "zmq", "msgspec", "asyncio", "platformdirs"}


def test_a_display_and_a_repository_load_neither_numpy_nor_astropy_nor_anyio() -> None:
    code = "import mtv; mtv.Display(); mtv.Repository(); mtv.Connection('ipc:///nowhere')"
    loaded = loaded_by(code)
    assert "zmq" in loaded
    assert not loaded & {"numpy", "astropy", "anyio", "asyncio", "mtvd"}


def test_arrays_load_numpy_but_not_astropy() -> None:
    code = (
        "import mtv.arguments.markers, mtv.data.catalog, numpy as np; from mtv.arguments import objects; "
        "objects.image_of(np.zeros((2, 2)))"
    )
    assert not loaded_by(code) & {"astropy", "anyio"}


@pytest.mark.parametrize("name", mtv.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(mtv, name) is not None
    assert name in dir(mtv)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="dsiplay"):
        _ = mtv.dsiplay


def test_all_commands_are_imported_without_what_talks_to_a_daemon() -> None:
    modules = sorted({f"mtv.cli.{entry.module}" for entry in COMMANDS.values()})
    loaded = loaded_by("\n".join(f"import {module}" for module in modules))
    assert set(modules) <= loaded
    assert not loaded & {"zmq", "msgpack", "numpy", "rich", "platformdirs"}, "the manual pages are made without them"
