from __future__ import annotations

import math
import shutil
import subprocess

import msgspec
import pytest

from mtvd.scene.actions import AddMarkers, Arrange, CreateFrame, DeleteMarkers, Markers, SetPan, SetScale, SetZoom
from mtvd.stage.paint.script import Prepared, quote, script, word
from mtvd.stage.paint.zooms import FrameView
from mtvd.stage.port import Batch, Section
from mtvd.stage.talk.answer import read_answer

HOSTILE = [
    "",
    "plain",
    "two words",
    "a}b",
    "{",
    "}",
    "a{b}c",
    "\\",
    "end\\",
    "a\\}b",
    "$x [exec true] ;# \"'",
    "{}\nnext\tline\r",
    "\u00e9\u2603 \U0001f600",
    "-flag",
    "#hash",
    "{*}x",
    "a\\\nb",
    "{$x}",
    '"quoted"',
]


def tcl(program: str) -> str:
    """Run a program in a real Tcl interpreter: Python's own where it has one, else tclsh."""
    try:
        import tkinter as tk

        return str(tk.Tcl().eval(program))
    except ImportError:
        if shutil.which("tclsh") is None:
            pytest.skip("neither tkinter nor tclsh is here")
        told = subprocess.run(
            ["tclsh"],
            input=f"fconfigure stdout -encoding utf-8\nputs -nonewline [eval {{{program}}}]\n".encode(),
            capture_output=True,
            check=True,
        )
        return told.stdout.decode()


def codes(text: str) -> str:
    return text.encode("utf-8").hex()


@pytest.mark.parametrize("text", [text for text in HOSTILE if text.isascii()])
def test_a_real_tcl_reads_every_text_as_one_word_of_the_same_text(text: str) -> None:
    hexed = "binary encode hex [encoding convertto utf-8 $v]"
    assert tcl(f"set v {quote(text)}; {hexed}") == codes(text)
    assert tcl(f"set v [lindex {word(['a', text, 'b'])} 1]; {hexed}") == codes(text)
    assert tcl(f"set v [lindex [lindex {word([['a', [text]], 'b'])} 0 1] 0]; {hexed}") == codes(text)


def test_several_hostile_words_stay_apart_in_a_nested_list() -> None:
    texts = [text for text in HOSTILE if text.isascii()]
    nested = word([list(texts), list(reversed(texts))])
    assert tcl(f"llength {nested}") == "2"
    assert tcl(f"llength [lindex {nested} 1]") == str(len(texts))


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_none_are_refused(number: float) -> None:
    with pytest.raises(ValueError, match="no number"):
        word(number)


def batch(*sections: Section) -> Batch:
    return Batch(epoch="e-1", number=7, sections=sections)


def test_the_last_line_stores_the_token() -> None:
    text = script(batch(Section(key="k", actions=(CreateFrame(frame=3),))), "/px", {})
    assert text.splitlines() == [
        "::mtv::begin",
        "::mtv::section k {",
        "{create 3}",
        "}",
        "::mtv::end",
        "set ::mtv_commit [list e-1 7]",
    ]


def test_parent_pixels_become_physical_ones_by_adding_one() -> None:
    text = script(batch(Section(key="k", actions=(SetPan(frame=0, x=10.5, y=-3.0),))), "/px", {})
    assert "{pan 0 11.5 -2.0}" in text


def test_values_are_written_as_ds9_has_them() -> None:
    section = Section(
        key="k",
        actions=(
            SetScale(frame=0, stretch="histogram", mode="zscale", low=None, high=None),
            SetScale(frame=0, stretch="log", mode="zscale", low=1.0, high=2.5),
            SetZoom(frame=0, factor=None),
            SetZoom(frame=0, factor=0.5),
            DeleteMarkers(frame=0, overlay=None),
        ),
    )
    lines = script(batch(section), "/px", {}).splitlines()
    assert lines[2:7] == [
        "{scale 0 histequ zscale}",
        "{scale 0 log user 1.0 2.5}",
        "{fit 0}",
        "{zoom 0 0.5}",
        "{unmark 0 {}}",
    ]


def test_a_size_is_one_word_of_two_numbers_and_an_empty_one_where_it_stays() -> None:
    stays = Arrange(tile=True, lock_frame="wcs", lock_scale=True, lock_colormap=False, leader=3)
    given = msgspec.structs.replace(
        stays, tile=False, lock_frame="none", lock_scale=False, leader=None, size=(600, 400), columns=3
    )
    lines = script(batch(Section(key="k", actions=(stays, given))), "/px", {}).splitlines()
    assert lines[2:4] == [
        "{arrange tile wcs 1 0 3 {} 0 {} 0 0 none}",
        "{arrange single none 0 0 {} {600 400} 3 {} 0 0 none}",
    ]
    assert [tcl(f"lindex {line} 6") for line in lines[2:4]] == ["", "600 400"]


def test_an_action_that_cannot_be_written_fails_in_its_place() -> None:
    bad = Markers(
        key="k",
        count=1,
        x=bytes(8),
        y=bytes(8),
        size=b"\0\0\0\0\0\0\xf0?",
        symbols=("@:1,2,3",),
        colours=("#00ff00",),
        system="pixel",
        lines=False,
    )
    section = Section(
        key="k", actions=(SetPan(frame=0, x=math.nan, y=0), AddMarkers(frame=0, overlay="o", markers=bad))
    )
    lines = script(batch(section), "/px", {(0, 1): Prepared()}).splitlines()
    assert lines[2].startswith("{fail ")
    assert "moments of no ellipse" in lines[3]
    refused = script(batch(section), "/px", {(0, 0): Prepared(refusal="no {room")})
    assert "{fail no\\ \\{room}" in refused


def test_the_answer_is_read_section_by_section() -> None:
    answer = read_answer("e-1 7\n1 0 " + "h\u00e9".encode().hex() + "\n2 3 ")
    assert answer.token == ("e-1", 7)
    sections = tuple(Section(key=key, actions=()) for key in "abc")
    results = answer.results(batch(*sections))
    assert [(r.key, r.failed_action, r.message) for r in results] == [
        ("a", None, ""),
        ("b", 0, "h\u00e9"),
        ("c", 3, ""),
    ]


def test_zooms_and_sizes_of_frames_are_read() -> None:
    views = read_answer("e-1 7\nz 3 0.25 500 400\nz 1001 2.0 -0.5 1000 643").views
    assert views == {3: FrameView(0.25, 500, 400), 1001: FrameView(0.5, 1000, 643)}


def test_the_troubles_of_what_follows_a_batch_are_no_failure_of_a_section() -> None:
    answer = read_answer("e-1 7\n! " + "no h\u00e9".encode().hex() + "\nz 3 1 5 4")
    assert answer.troubles == ("no h\u00e9",)
    assert not answer.failures


def test_a_window_that_has_drawn_nothing_has_an_empty_epoch() -> None:
    assert read_answer(" -1").token == ("", -1)
    with pytest.raises(ValueError, match="invalid literal"):
        read_answer("nonsense")


def test_a_batch_that_heeds_the_users_hand_is_drawn_only_where_nothing_was_touched() -> None:
    heeding = Batch(epoch="e-1", number=7, sections=(Section(key="k", actions=(CreateFrame(frame=3),)),), heeds=True)
    lines = script(heeding, "/px", {}).splitlines()
    assert lines[:2] == ["::mtv::begin", "if {[::mtv::hand::untouched]} {"]
    assert lines[-2:] == ["set ::mtv_commit [list e-1 7]", "} else {::mtv::end}"]
    assert tcl(f"info complete {quote(script(heeding, '/px', {}))}") == "1"


def test_differences_in_an_answer_are_read_beside_failures() -> None:
    answer = read_answer("e-1 7\n0 1 6f68\n~ 3 zoom 322032\n~ 3 front ")
    assert answer.failures == {0: (1, "oh")}
    assert [(one.frame, one.what, one.value) for one in answer.differences] == [(3, "zoom", "2 2"), (3, "front", "")]
