"""The pure parts of the drill: its reference model, its comparison, its schedule, its logbooks, its verdict."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from chaos import compare, model, palette
from chaos.__main__ import imagined
from chaos.logbook import DONE, SUPERSEDED, Logbook, Op, Reader, Request
from chaos.result import Recovery, Result
from chaos.schedule import KILL, STOP, faults
from chaos.victims import KINDS

KEYS = {
    "faults",
    "acknowledged",
    "lost",
    "duplicated",
    "hung",
    "recovery_crash_median_secs",
    "recovery_crash_max_secs",
    "recovery_hang_median_secs",
    "recovery_hang_max_secs",
    "leaked",
    "scene_equal",
    "seed",
}


LOG_TO_9 = {"op": "scale", "display": 0, "stretch": "log", "low": 0.0, "high": 9.0}


def request(number: int, *ops: Op, outcome: str = DONE, client: str = "a") -> Request:
    return Request(client=client, number=number, ops=list(ops), sent_at=number, settled_at=number, outcome=outcome)


def mtv(serial: int = 1) -> Op:
    return {"op": "mtv", "display": 0, "serial": serial, "planes": list(palette.PLANES)}


def dots(*places: tuple[float, float], overlay: str = "stars", **changes: Any) -> Op:
    return {
        "op": "dots", "display": 0, "overlay": overlay, "at": list(places), "replace": False, "lasting": False
    } | changes  # fmt: skip


def frame(*places: tuple[float, float], tag: str = "t", **facts: Any) -> compare.Frame:
    usual: dict[str, Any] = {"has_image": True, "masks": 3, "zoom": 0.66, "serial": 1.0}
    return compare.Frame(marks=[(place, tag) for place in places], **(usual | facts))


def verdict(requests: list[Request], seen: compare.Frame) -> compare.Verdict:
    return compare.compare(model.fold(requests), {0: seen})


def test_what_was_acknowledged_and_is_shown_once_is_right() -> None:
    assert verdict([request(1, mtv()), request(2, dots((1, 2), (3, 4)))], frame((1, 2), (3, 4))).equal


def test_a_missing_marker_is_lost_and_one_drawn_twice_is_duplicated_even_where_the_numbers_agree() -> None:
    found = verdict([request(1, mtv()), request(2, dots((1, 2), (3, 4)))], frame((1, 2), (1, 2)))
    assert (found.lost, found.duplicated, found.equal) == (1, 1, False)


@pytest.mark.parametrize("outcome", ["", "draw_failed", "unknown_display", SUPERSEDED])
def test_what_was_not_acknowledged_must_not_be_shown(outcome: str) -> None:
    found = verdict([request(1, mtv()), request(2, dots((1, 2)), outcome=outcome)], frame((1, 2)))
    assert (found.lost, found.duplicated) == (0, 1)


def test_an_image_removes_overlays_except_lasting_ones() -> None:
    drawn = [request(1, dots((1, 2))), request(2, dots((5, 6), overlay="kept", lasting=True)), request(3, mtv())]
    assert verdict(drawn, frame((5, 6))).equal


def test_erasing_and_replacing_take_markers_away() -> None:
    drawn = [request(1, mtv()), request(2, dots((1, 2))), request(3, dots((3, 4), replace=True))]
    assert verdict(drawn, frame((3, 4))).equal
    assert verdict([*drawn, request(4, {"op": "erase", "display": 0, "overlay": "stars"})], frame()).equal


def test_a_later_request_of_the_same_client_comes_later_whatever_the_order_of_the_log() -> None:
    assert verdict([request(2, dots((1, 2))), request(1, mtv())], frame((1, 2))).equal


@pytest.mark.parametrize(
    ("op", "facts"),
    [
        (mtv(7), {"serial": 1.0}),
        ({"op": "zoom", "display": 0, "factor": 0.5}, {"zoom": 0.25}),
        ({"op": "zoom", "display": 0, "factor": None}, {"zoom": 0.25}),
        (LOG_TO_9, {"stretch": "log", "limits": (0, 8)}),
        (LOG_TO_9, {"stretch": "sqrt", "limits": (0, 9)}),
        (mtv(1), {"masks": 2}),
        ({"op": "colour", "display": 0, "planes": {"BAD": palette.IGNORE}}, {"colours": {"red", "magenta", "blue"}}),
        ({"op": "colour", "display": 0, "planes": {"BAD": "cyan"}}, {"colours": {"red", "magenta", "blue"}}),
    ],
)  # fmt: skip
def test_a_setting_that_ds9_does_not_show_is_lost(op: Op, facts: dict[str, Any]) -> None:
    found = verdict([request(1, mtv()), request(2, op)], frame(**facts))
    assert found.lost == 1


def test_overlays_that_ds9_does_not_tell_apart_are_a_difference() -> None:
    drawn = [request(1, mtv()), request(2, dots((1, 2))), request(3, dots((3, 4), overlay="edges"))]
    assert not verdict(drawn, frame((1, 2), (3, 4), tag="one")).equal


def test_a_frame_too_many_or_too_few_is_a_difference() -> None:
    assert not compare.compare(model.fold([request(1, mtv())]), {}).equal
    assert not compare.compare({}, {3: frame()}).equal


def test_a_superseded_image_needs_a_newer_one_that_was_drawn() -> None:
    old, new = request(1, mtv(), outcome=SUPERSEDED), request(2, mtv(2))
    assert model.unexplained([old, new]) == []
    assert model.unexplained([old, request(2, mtv(2), outcome="draw_failed")]) == [old]
    assert model.unexplained([old, request(2, mtv(2), client="b")]) == [old]


@pytest.mark.parametrize("count", [12, 20, 50, 100])
def test_each_victim_has_a_fifth_of_the_faults_and_both_actions(count: int) -> None:
    for seed in range(20):
        made = faults(count, seed)
        assert min(Counter(fault.victim for fault in made)[kind] for kind in KINDS) >= count / 5
        assert {(fault.victim, fault.action) for fault in made} == {(v, a) for v in KINDS for a in (KILL, STOP)}
        assert made == faults(count, seed)


def test_a_reader_follows_a_logbook_that_is_being_written(tmp_path: Path) -> None:
    book, reader = Logbook(tmp_path / "log"), Reader("a", tmp_path / "log")
    book.sent(1, [mtv()])
    book.close()
    with (tmp_path / "log").open("a") as file:
        file.write('{"at": 2.0, "settl')
    reader.follow()
    assert reader.requests[1].outcome == ""
    with (tmp_path / "log").open("a") as file:
        file.write('ed": 1, "outcome": "done"}\n')
    reader.follow()
    assert (reader.requests[1].outcome, reader.requests[1].settled_at) == (DONE, 2.0)


def result(*recoveries: Recovery) -> Result:
    return Result(seed=3, deadlines=dict.fromkeys(KINDS, 10.0), recoveries=list(recoveries))


def test_the_result_has_every_key_that_was_promised_and_crashes_apart_from_hangs() -> None:
    made = result(
        Recovery(victim="ds9", action=KILL, secs=1.0),
        Recovery(victim="xvfb", action=KILL, secs=2.0),
        Recovery(victim="xvfb", action=STOP, secs=12.0),
    )
    made.add(compare.Verdict(), [request(1, mtv(), dots((1, 2)))])
    facts = json.loads(made.as_json())
    assert set(facts) >= KEYS
    assert (facts["faults"], facts["acknowledged"], facts["recovery_crash_max_secs"]) == (3, 2, 2.0)
    assert (facts["recovery_crash_median_secs"], facts["recovery_hang_max_secs"]) == (1.5, 12.0)
    assert made.wrong() == []
    assert made.slow() == []


def test_a_hang_has_its_deadline_besides_and_a_crash_has_not() -> None:
    slow = [Recovery(victim="ds9", action=KILL, secs=3.1), Recovery(victim="ds9", action=STOP, secs=13.1)]
    assert result(*slow, Recovery(victim="ds9", action=STOP, secs=12.9)).slow() == slow


@pytest.mark.parametrize(
    "changes",
    [
        {"lost": 1},
        {"duplicated": 1},
        {"hung": 1},
        {"scene_equal": False},
        {"leaked": ["process 1"]},
        {"problems": ["no time"]},
        {"recoveries": [Recovery(victim="ds9", action=KILL, secs=None)]},
    ],
)
def test_anything_wrong_is_told(changes: dict[str, Any]) -> None:
    made = result()
    for name, value in changes.items():
        setattr(made, name, value)
    assert len(made.wrong()) == 1


def test_an_edit_that_the_daemon_saw_and_nobody_made_is_a_problem(tmp_path: Path) -> None:
    log = tmp_path / "daemon.log"
    log.write_text("serving\nINFO mtvd.drawing.committer: the user has changed zoom of 0\n")
    assert imagined(log) == ["an edit that nobody made: INFO mtvd.drawing.committer: the user has changed zoom of 0"]


def test_an_answer_that_no_client_provoked_is_told() -> None:
    result = Result(seed=1, deadlines={})
    result.outcomes = Counter({DONE: 3, SUPERSEDED: 1, "busy": 2})
    assert result.surprises() == ["2 answers busy"]
