"""Pixel files stay while somebody needs them, and go with the last who does."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtvd.host.pixelstore import PixelStore
from mtvd.resolving.holding import Holding


@pytest.fixture
def holding(store: PixelStore) -> Holding:
    return Holding(store)


def new_file(store: PixelStore) -> str:
    name, descriptor = store.create("mtv", 2880)
    os.close(descriptor)
    return name


def test_a_file_that_two_need_goes_with_the_second(store: PixelStore, holding: Holding) -> None:
    name = new_file(store)
    holding.hold("a handle", [name])
    holding.hold("a request", [name])
    holding.end("a handle")
    assert store.names() == (name,)
    assert holding.needed_files() == {name}
    holding.end("a request")
    assert store.names() == ()
    assert holding.needed_files() == set()


def test_who_needs_a_file_twice_gives_it_up_at_once(store: PixelStore, holding: Holding) -> None:
    name = new_file(store)
    holding.hold("a request", [name])
    holding.hold("a request", [name])
    holding.end("a request")
    assert store.names() == ()
    holding.end("a request")


def test_what_a_scene_shows_no_more_is_free_to_be_written_over_unless_another_needs_it(
    store: PixelStore, holding: Holding, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mtv.shared.freefiles.LEAST_BYTES", 1)
    old, kept, new = (new_file(store) for _ in range(3))
    holding.keep("scene", [old, kept])
    holding.hold("a preview", [kept])
    holding.keep("scene", [new])
    assert holding.needed_files() == {kept, new}
    assert old not in store.names()
    assert {kept, new} <= set(store.names())
    (free,) = set(store.names()) - {kept, new}
    assert free.startswith("free-")


def test_what_was_drawn_is_free_to_be_written_over_and_what_was_not_is_removed(
    store: PixelStore, holding: Holding, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mtv.shared.freefiles.LEAST_BYTES", 1)
    holding.hold("refused", [new_file(store)])
    holding.end("refused")
    assert store.names() == ()
    holding.hold("drawn", [new_file(store)])
    holding.end("drawn", shown=True)
    assert [name.partition("-")[0] for name in store.names()] == ["free"]


def test_of_files_that_nobody_took_over_those_that_are_needed_stay(store: PixelStore, holding: Holding) -> None:
    needed, left = new_file(store), new_file(store)
    holding.keep("scene", [needed])
    holding.remove_unneeded([needed, left])
    assert store.names() == (needed,)


HOLDERS = st.sampled_from("abc")
FILES = st.sets(st.sampled_from([f"mtv-1-{number:016x}.fits" for number in range(4)]))


class Removed:
    """A pixel directory that remembers what was let go."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def remove(self, names: set[str]) -> None:
        self.names |= set(names)

    recycle = remove


@given(st.lists(st.tuples(st.sampled_from(["hold", "keep", "end"]), HOLDERS, FILES), max_size=12))
def test_whatever_is_held_and_given_up_a_file_goes_only_when_nobody_holds_it(
    steps: list[tuple[str, str, set[str]]],
) -> None:
    store, held = Removed(), dict[str, set[str]]()
    holding = Holding(store)  # type: ignore[arg-type]
    for what, holder, files in steps:
        before = set().union(*held.values())
        if what == "hold":
            held[holder] = held.get(holder, set()) | files
            holding.hold(holder, files)
        elif what == "keep":
            held[holder] = files
            holding.keep(holder, files)
        else:
            held.pop(holder, None)
            holding.end(holder)
        now = set().union(*held.values())
        assert holding.needed_files() == now
        assert store.names == before - now
        store.names.clear()
