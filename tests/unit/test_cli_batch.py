"""The command ``batch``: lines of JSON that are one transaction."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.support.commands import error, raising
from tests.support.scripted import Run

from mtv.testing import ScriptedDaemon
from mtv.wire import requests
from mtv.wire import steps as st
from mtv.wire.data import File


def test_a_batch_is_one_transaction_of_its_lines(run: Run, daemon: ScriptedDaemon, tmp_path: Path) -> None:
    (tmp_path / "image.fits").touch()
    lines = [
        "# a picture and its scale",
        json.dumps({"type": "mtv", "target": {"source": "file", "path": str(tmp_path / "image.fits")}}),
        "",
        json.dumps({"type": "scale", "stretch": "asinh", "low": -1, "high": 30}),
    ]
    run("batch", "-", stdin="\n".join(lines))
    assert len(daemon.of(requests.Transaction)) == 1
    assert daemon.steps == [
        st.Mtv(target=File(path=str(tmp_path / "image.fits"))),
        st.Scale(stretch="asinh", low=-1.0, high=30.0),
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "mtv: line 2: this is no JSON"),
        ('{"type": "scale", "stretch": "asihn"}', "mtv: line 2: stretch: Invalid enum value 'asihn'"),
        ('{"type": "paint"}', "mtv: line 2: type: Invalid value 'paint' (one of query, load, mtv"),
        ('{"type": "pan", "x": 1}', "mtv: line 2: Object missing required field `y`"),
        (
            '{"type": "mtv", "target": {"source": "file", "path": "no.fits"}}',
            "mtv: line 2: target.path: no.fits is not",
        ),
    ],
)
def test_a_wrong_line_of_a_batch_is_named_and_nothing_is_sent(
    run: Run, daemon: ScriptedDaemon, line: str, message: str
) -> None:
    assert message in run("batch", "-", stdin='{"type": "erase"}\n' + line, code=1).output
    assert daemon.seen == []


def sky_box(**more: object) -> str:
    box = {"ra_deg": 1, "dec_deg": 2, "width_arcsec": 3, "height_arcsec": 4, **more}
    return json.dumps({"type": "mtv", "target": {"source": "dataset", "sky": box}})


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('{"type": "zoom", "factr": 2}', "line 2: factr: 'zoom' has no such field (did you mean 'factor'?)"),
        ('{"type": "pan", "x": 1, "yy": 2}', "line 2: yy: 'pan' has no such field (did you mean 'y'?)"),
        ('{"type": "erase", "overlay": "a"}', "line 2: overlay: 'erase' has no such field (it has display, name)"),
        ('{"type": "mtv", "target": {"source": "dataset", "dataset_typ": "calexp"}}',
         "line 2: target.dataset_typ: 'dataset' has no such field (did you mean 'dataset_type'?)"),
        (sky_box(angle=5),
         "line 2: target.sky.angle: 'sky' has no such field"),
        ('{"type": "load", "target": {"source": "dataset", "id": "x"}, "ahead": [{"source": "dataset", "ids": "y"}]}',
         "line 2: ahead[0].ids: 'dataset' has no such field (did you mean 'id'?)"),
    ],
)  # fmt: skip
def test_an_unknown_field_of_a_batch_is_refused_and_nothing_is_sent(
    run: Run, daemon: ScriptedDaemon, line: str, told: str
) -> None:
    assert told in run("batch", "-", stdin='{"type": "erase"}\n' + line, code=1).output
    assert daemon.seen == []


def test_what_a_field_of_a_batch_holds_may_have_any_keys(run: Run, daemon: ScriptedDaemon) -> None:
    lines = [
        '{"type": "mask_colour", "colours": {"MY_PLANE": "red"}}',
        '{"type": "query", "dataset_type": "calexp", "data_id": {"visit": 1}, "bind": {"any": 2}}',
    ]
    run("batch", "-", stdin="\n".join(lines))
    assert len(daemon.steps) == 2


def test_what_the_daemon_refuses_of_a_batch_is_named_by_its_line(run: Run, daemon: ScriptedDaemon) -> None:
    daemon.script(requests.Transaction, raising(error("bad_value", "steps[1].colour")))
    lines = '{"type": "erase"}\n\n{"type": "overlay", "x": [1], "y": [2]}\n'
    assert run("batch", "-", stdin=lines, code=1).output == "mtv: line 3: colour: it went wrong\n"
