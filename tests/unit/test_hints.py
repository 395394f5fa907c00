"""Hints for names that nobody knows."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from mtv.wire.hints import near

PLANES = ("DETECTED", "DETECTED_NEGATIVE", "SAT")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("DETECTD", "did you mean 'DETECTED'?"),
        ("sat", "did you mean 'SAT'?"),
        ("nothing like it", "there are three"),
        (77, "there are three"),
    ],
)
def test_a_hint_names_what_looks_like_it_in_whatever_case(name: object, hint: str) -> None:
    assert near(name, PLANES, otherwise="there are three") == hint


def test_did_you_mean_is_said_in_one_place() -> None:
    root = Path(__file__).parents[2]
    found = subprocess.run(
        ["grep", "-rl", "--include=*.py", "difflib", "client", "daemon"],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.split() == ["client/mtv/wire/hints.py"]
