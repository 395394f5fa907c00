"""``$MTV_INSTRUMENT``: stands in where no instrument is named, in the shell and in Python."""

from __future__ import annotations

import pytest
from tests.support.scripted import Run

import mtv
from mtv.arguments.naming import usual_instrument
from mtv.testing import ScriptedDaemon
from mtv.wire import messages
from mtv.wire import steps as st
from mtv.wire.data import Dataset


def target(daemon: ScriptedDaemon) -> Dataset:
    (step, *_) = daemon.steps
    assert isinstance(step, st.Mtv)
    assert isinstance(step.target, Dataset)
    return step.target


@pytest.mark.parametrize(("words", "instrument"), [(("visit=1",), "HSC"), (("visit=1", "instrument=DECam"), "DECam")])
def test_show_takes_the_usual_instrument_unless_one_is_named(
    run: Run, daemon: ScriptedDaemon, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], instrument: str
) -> None:
    monkeypatch.setenv("MTV_INSTRUMENT", "HSC")
    run("show", "calexp", *words)
    assert target(daemon).data_id == {"visit": 1, "instrument": instrument}


def test_without_the_variable_nothing_is_added(run: Run, daemon: ScriptedDaemon) -> None:
    run("show", "calexp", "visit=1")
    assert target(daemon).data_id == {"visit": 1}


def test_a_query_that_speaks_of_instruments_itself_is_left_alone(
    run: Run, daemon: ScriptedDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MTV_INSTRUMENT", "HSC")
    daemon.script(st.Query, messages.Rows(columns=("visit",), rows=()))
    run("query", "calexp", "--where", "instrument = 'DECam'")
    run("query", "calexp", "--where", "visit = 3")
    first, second = (seen.message for seen in daemon.seen if isinstance(seen.message, st.Query))
    assert (first.data_id, second.data_id) == ({}, {"instrument": "HSC"})


def test_a_repository_in_python_takes_it_too(
    connection: mtv.Connection, daemon: ScriptedDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MTV_INSTRUMENT", " HSC ")
    daemon.script(st.Query, messages.Rows(columns=("visit",), rows=()))
    mtv.Repository(connection=connection).query("calexp", visit=3)
    mtv.Repository(connection=connection, instrument="DECam").query("calexp", visit=3)
    first, second = (seen.message for seen in daemon.seen if isinstance(seen.message, st.Query))
    assert (first.data_id["instrument"], second.data_id["instrument"]) == ("HSC", "DECam")


@pytest.mark.parametrize("text", ["", "  "])
def test_an_empty_variable_is_none(text: str) -> None:
    assert usual_instrument({"MTV_INSTRUMENT": text}) == {}
