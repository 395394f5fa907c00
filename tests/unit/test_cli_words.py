"""Errors in the shell speak the shell's options, those in Python Python's arguments."""

from __future__ import annotations

import pytest
from tests.support.commands import raising
from tests.support.scripted import Run

import mtv
from mtv.testing import ScriptedDaemon
from mtv.wire import requests
from mtv.wire.errors import bad_value


@pytest.mark.parametrize(
    ("words", "where", "hint", "told"),
    [
        (("overlay", "--at", "1,2"), "steps[0].size", "", "mtv: --size: it is wrong\n"),
        (("overlay", "--at", "1,2"), "steps[0].colour", "", "mtv: --colour: it is wrong\n"),
        (("show", "a.b", "visit=1"), "steps[0].target.hdu", "try hdu=1", "mtv: --hdu: it is wrong (try --hdu 1)\n"),
        (("show", "a.b", "visit=1"), "target.bbox", "bbox=(1, 2)", "mtv: --bbox: it is wrong (--bbox (1, 2))\n"),
        (
            ("query", "calexp"),
            "collections",
            "name some: collections='u/me'",
            "mtv: --collections: it is wrong (name some: --collections 'u/me')\n",
        ),
        (("arrange", "--lock", "wcs"), "steps[0].lock_frame", "", "mtv: --lock: it is wrong\n"),
        (("zoom", "2"), "steps[0].factor", "", "mtv: factor: it is wrong\n"),
        (
            ("show", "a.b", "visit=1"),
            "target.data_id.detector",
            "add detector=41",
            "mtv: detector=: it is wrong (add detector=41)\n",
        ),
        (("show", "a.b", "visit=1"), "steps[0].target.data_id", "", "mtv: it is wrong\n"),
        (("show", "a.b", "visit=1"), "steps[0].target.data_id.visit.name", "", "mtv: visit.name=: it is wrong\n"),
        (("query", "calexp", "vist=1"), "data_id.vist", "", "mtv: vist=: it is wrong\n"),
        (("catalog", "src", "visit=1", "--columns", "a,b"), "columns[1]", "", "mtv: --columns: it is wrong\n"),
        (("query", "calexp", "--collections", "a,b"), "collections[1]", "", "mtv: --collections: it is wrong\n"),
    ],
)
def test_fields_and_hints_are_said_as_options_of_the_command(
    run: Run, daemon: ScriptedDaemon, words: tuple[str, ...], where: str, hint: str, told: str
) -> None:
    from mtv.wire import steps

    for kind in (requests.Transaction, requests.Get, steps.Query):
        daemon.script(kind, raising(bad_value(where, "it is wrong", hint)))
    assert run(*words, code=1).output == told


def test_a_colour_that_is_impossible_is_told_in_the_words_of_each(run: Run, display: mtv.Display) -> None:
    assert run("overlay", "--at", "1,2", "--colour", "nosuch", code=1).output.startswith("mtv: --colour: ")
    with pytest.raises(mtv.RequestError, match=r"unknown colour") as caught:
        display.dot("o", 1, 2, colour="nosuch")
    assert str(caught.value).startswith("colour: ")
