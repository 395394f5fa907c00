"""The pure parts of the crowd's drill: its model, its comparison, its garbage, its cast, its verdict."""

from __future__ import annotations

import itertools
import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from chaos.logbook import DONE, SUPERSEDED, Op, Request
from crowd.canvas import pieces
from crowd.compare import Frame, nearest
from crowd.garbage import NAME, Garbage
from crowd.member import ROLES
from crowd.model import number_at, place
from crowd.notebook import Notebook, Pages, Seen, Took
from crowd.result import Result
from crowd.verdict import Happened, is_mad

from crowd import cast, looking, model, verdict
from mtv.wire import frames

IMAGE: Op = {"op": "image", "display": 7, "serial": 5, "size": [64, 96], "label": "no 5", "planes": []}
DELETE: Op = {"op": "delete", "display": 7}


def marks(first: int = 0, count: int = 3, *, overlay: str = "stars", **changes: Any) -> Op:
    return {
        "op": "marks", "display": 7, "overlay": overlay, "first": first, "count": count, "replace": False,
        "lasting": False,
    } | changes  # fmt: skip


def request(number: int, *ops: Op, outcome: str = DONE, client: str = "a", until: float | None = None) -> Request:
    settled_at = (number + 0.5 if until is None else until) if outcome else None
    return Request(
        client=client, number=number, ops=list(ops), sent_at=number, settled_at=settled_at, outcome=outcome
    )  # fmt: skip


def frame(**facts: Any) -> Frame:
    usual: dict[str, Any] = {"has_image": True, "serial": 5.0, "size": (64, 96), "label": "no 5", "stretch": "linear"}
    return Frame(**(usual | facts))


def words(requests: list[Request], seen: Frame | None) -> list[str]:
    return nearest(model.candidates(requests, 7), seen).words


@pytest.mark.parametrize("number", [0, 1, 999, 1000, 123_456, 5_000_017])
def test_a_marker_is_found_again_by_its_place(number: int) -> None:
    assert number_at(*place(number)) == number


def test_what_lies_between_the_places_is_nobodys() -> None:
    assert number_at(4.1, 4.0) is None
    assert number_at(3.75, 4.0) is None


def test_every_piece_of_a_line_begins_at_a_marker_of_its_own() -> None:
    assert [number_at(x, y) for x, y in pieces(10, 3)[::3]] == [10, 11, 12]


def test_what_was_acknowledged_and_is_shown_once_is_right() -> None:
    seen = frame(marks={"t": Counter([0, 1, 2])})
    assert words([request(1, IMAGE), request(2, marks())], seen) == []


@pytest.mark.parametrize("shown", [[0, 1], [0, 1, 2, 2], [0, 1, 2, 9]])
def test_a_marker_that_is_missing_or_there_twice_or_nobodys_is_told(shown: list[int]) -> None:
    assert words([request(1, IMAGE), request(2, marks())], frame(marks={"t": Counter(shown)}))


def test_markers_of_another_overlay_under_one_tag_are_told() -> None:
    drawn = [request(1, IMAGE, marks(), marks(3, 2, overlay="edges"))]
    assert words(drawn, frame(marks={"t": Counter([0, 1, 2]), "u": Counter([3, 4])})) == []
    assert words(drawn, frame(marks={"t": Counter([0, 1, 2, 3, 4])}))


def test_what_was_refused_must_not_be_there_and_what_was_deleted_is_gone() -> None:
    assert words([request(1, IMAGE), request(2, marks(), outcome="draw_failed")], frame()) == []
    assert words([request(1, IMAGE), request(2, DELETE)], None) == []
    assert words([request(1, IMAGE), request(2, DELETE)], frame())
    assert words([request(1, IMAGE)], None)


def test_a_step_whose_fate_nobody_knows_is_there_wholly_or_not_at_all() -> None:
    drawn = [request(1, IMAGE), request(2, marks(count=3), outcome="")]
    assert words(drawn, frame()) == []
    assert words(drawn, frame(marks={"t": Counter([0, 1, 2])})) == []
    assert words(drawn, frame(marks={"t": Counter([0, 1])}))


def test_a_step_whose_fate_nobody_knows_may_come_after_later_ones() -> None:
    drawn = [request(1, IMAGE), request(2, marks(), outcome=""), request(3, DELETE, client="b")]
    assert words(drawn, None) == []
    assert words(drawn, Frame()) == [], "DS9 draws no markers where there is no image"
    assert words(drawn, frame(marks={"t": Counter([0, 1, 2])})), "with the image that was deleted"


def test_an_image_of_another_size_is_fitted_and_one_of_the_same_keeps_the_zoom() -> None:
    zoom: Op = {"op": "zoom", "display": 7, "factor": 2.0}
    assert words([request(1, IMAGE, zoom, IMAGE)], frame(zoom=1.0))
    assert words([request(1, IMAGE, zoom, {**IMAGE, "size": [64, 64]})], frame(zoom=1.0, size=(64, 64))) == []


def test_of_a_shared_display_any_image_may_be_last_that_was_not_answered_before_another_was_asked_for() -> None:
    old = request(1, IMAGE, until=1.5)
    one = request(2, {**IMAGE, "serial": 6}, until=4)
    two = request(3, {**IMAGE, "serial": 7}, client="b", until=5)
    mark = request(4, marks(lasting=True), client="c")
    states = verdict.shared_candidates([old, one, two, mark], 7)
    assert {state.serial for state in states if state} == {6, 7}
    assert all(state and state.overlays["stars"].markers == Counter([0, 1, 2]) for state in states)


def test_a_frame_that_nobody_asked_for_is_told_and_one_of_the_mad_is_not() -> None:
    drawn = [request(1, IMAGE)]
    seen = {7: frame(), 1001: frame(), 1002: frame(), 950: frame()}
    found = verdict.compare(drawn, seen, {"stray": 1001, NAME.replace("a", "r"): 1002}, (), (950,))
    assert found.words == ["frame 1001 (stray) is nobody's"]


def test_an_error_is_explained_by_a_fault_of_its_time_that_can_bring_it() -> None:
    full = [Happened(kind="pixels_full", began=10, ended=12)]

    def refused(code: str, at: float) -> list[str]:
        return verdict.refusals(
            [], [Seen(client="a", code=code, words="", during="", began=at, at=at + 0.1)], full
        )  # fmt: skip

    assert refused("storage_full", 11) == []
    assert refused("storage_full", 12 + verdict.GRACE_SECS - 0.1) == []
    assert refused("storage_full", 20)
    assert refused("storage_full", 5)
    assert refused("internal", 11)
    assert refused("unknown_handle", 11)


def test_who_provokes_a_refusal_is_not_refused_for_others() -> None:
    assert verdict.refusals([request(1, marks(), DELETE, outcome="unknown_display")], [], []) == []
    assert verdict.refusals([request(1, marks(), outcome="unknown_display")], [], [])


def test_a_refusal_that_a_call_has_raised_is_told_once_and_with_its_words() -> None:
    refused = request(1, marks(), outcome="draw_failed")
    raised = Seen(client="a", code="draw_failed", words="no frame", during="dots", began=1, at=1.6)
    assert verdict.refusals([refused], [raised], []) == ["a, dots: draw_failed: no frame"]
    assert verdict.refusals([refused], [], []) == ["a: marks on 7: draw_failed"]


def test_only_who_dies_may_leave_requests_without_an_answer() -> None:
    left = [request(1, IMAGE, outcome="", client="dier-0-3"), request(1, IMAGE, outcome="", client="plain-0-0")]
    assert verdict.unanswered(left, {"dier"}) == ["plain-0-0: request 1 has no answer"]


def test_a_superseded_image_needs_a_later_one() -> None:
    assert model.unexplained([request(1, IMAGE, outcome=SUPERSEDED)])
    assert not model.unexplained([request(1, IMAGE, outcome=SUPERSEDED), request(2, IMAGE)])


def test_the_latency_of_faults_does_not_count() -> None:
    took = [Took(began=began, secs=secs) for began, secs in ((1, 0.1), (11, 9.0), (30, 0.2), (50, 7.0))]
    assert verdict.calm(took, [Happened(kind="runtime_full", began=10, ended=12)], 0, 40) == [0.1, 0.2]


def test_an_error_in_the_log_is_told_unless_a_fault_explains_it() -> None:
    log = "2026-11-30 11:22:52,706 ERROR mtvd.drawing.committer: no\n2026-11-30 11:22:53,706 WARNING mtvd: yes\n"
    assert len(verdict.logged_errors(log, [], 0.0)) == 1
    always = Happened(kind="pixels_full", began=0.0, ended=4e9)
    assert verdict.logged_errors(log, [always], 0.0) == []


def test_faults_come_one_after_the_other_and_every_kind_comes() -> None:
    planned = cast.faults(300, 7)
    assert {fault.kind for fault in planned} == set(cast.KINDS)
    for one, other in itertools.pairwise(planned):
        assert one.after_secs + one.secs <= other.after_secs
    assert planned[0].after_secs > 300 / 6
    assert planned[-1].after_secs + planned[-1].secs < 300 * 5 / 6
    assert planned == cast.faults(300, 7)


def test_the_cast_has_fifty_members_of_every_role() -> None:
    assert sum(cast.FULL.values()) == 50
    assert set(cast.FULL) == set(ROLES)
    assert sum(cast.MODERATE.values()) == 50


def test_garbage_comes_again_with_its_seed_and_never_names_anothers_display() -> None:
    def made(seed: int) -> list[list[bytes]]:
        garbage = Garbage(random.Random(seed), b"m" * 16)
        garbage.others = [b"o" * 16]
        return [garbage.next() for _ in range(2_000)]

    first = made(1)
    assert first == made(1) != made(2)
    whole = [one for one in first if len(one) > 1 and one[0][:4] == b"MTV\n" and len(one[0]) >= frames.HEADER_BYTES]
    stolen = [one for one in whole if one[0][8:24] == b"o" * 16]
    assert len(stolen) > 100
    assert {len(one) for one in first} > {1, 2, 3}
    assert NAME.encode() in b"".join(part for one in first for part in one)


def test_displays_of_the_mad_are_known_with_six_bytes_changed_and_no_others_are_taken_for_theirs() -> None:
    chance = random.Random(7)
    for _ in range(500):
        changed = bytearray(NAME.encode())
        for _ in range(6):
            changed[chance.randrange(len(changed))] = chance.randrange(32, 127)
        assert is_mad(changed.decode())
    for role in ROLES:
        assert not is_mad(f"{role} 3.12")


def test_what_ds9_says_is_read() -> None:
    x, y = (1 + value for value in place(1234))
    text = f"""frame 1001 1 2
zoom 0.5 0.5
limits -3 40
stretch asinh
serial 123
size 64 96
label no 123
colormap heat
transparency 20
# Region file format: DS9 version 4.1
physical
circle({x:.3f},{y:.3f},2) # color=white tag={{mtv.1}}
# segment({x:.3f},{y:.3f},2,5) color=#ff00ff tag={{mtv.2}}
circle(7.77,8,2)
"""
    seen = looking.read(text.replace("zoom 0.5 0.5", "zoom 0.5"))[1001]
    assert (seen.serial, seen.size, seen.label, seen.zoom, seen.limits) == (123, (64, 96), "no 123", 0.5, (-3, 40))
    assert (seen.masks, seen.stretch, seen.colormap, seen.transparency) == (2, "asinh", "heat", 20)
    assert seen.marks == {"mtv.1": Counter([1234]), "mtv.2": Counter([1234]), "": Counter([-1])}


def test_a_notebook_is_read_as_it_was_written(tmp_path: Path) -> None:
    book = Notebook(tmp_path / "a.log")
    book.sent(1, [IMAGE])
    book.settled(1, DONE)
    book.saw(OSError("no room"), "image", 1.0)
    book.took(2.0)
    book.did("polls")
    book.did("polls")
    book.made(1021)
    book.close()
    pages = Pages("a", tmp_path / "a.log")
    pages.follow()
    assert (pages.requests[1].outcome, pages.made) == (DONE, {1021})
    assert (pages.seen[0].code, pages.seen[0].words, pages.took[0].began, pages.did) == (
        "OSError", "no room", 2.0, {"polls": 2}
    )  # fmt: skip


def test_a_result_is_wrong_for_each_reason_and_where_it_is_slow() -> None:
    good = Result(seed=1, p99_secs=0.1)
    assert good.wrong() == []
    assert dict(good.figures())["faults"] == "none"
    assert json.loads(good.as_json())["wrong"] == {}
    assert Result(seed=1, p99_secs=0.3).wrong()
    assert Result(seed=1).wrong(), "nothing was measured"
    bad = Result(seed=1, p99_secs=0.1)
    bad.add("refused", [f"client {number}" for number in range(40)])
    assert len(bad.wrong()) < 20
    assert len(json.loads(bad.as_json())["wrong"]["refused"]) == 40
