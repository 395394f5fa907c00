"""The cache of decoded exposures: bounded, least recently used first, and never in the way of who uses a file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from mtvd.host.pixelstore import PixelStore
from mtvd.repo.answers import files_of
from mtvd.repo.cache import Cache


@pytest.fixture
def store(tmp_path: Path) -> PixelStore:
    return PixelStore(tmp_path / "pixels", 1 << 20)


def answer(store: PixelStore, text: str, size: int = 100) -> dict[str, Any]:
    arrays = {}
    for part in ("image", "mask"):
        name, descriptor = store.create(part[:3], size // 2, "raw")
        with os.fdopen(descriptor, "r+b") as file:
            file.write(text.encode())
        arrays[part] = {"file": name, "shape": [1, 2]}
    return {"source": "exposure", "label": text, **arrays}


def texts(store: PixelStore, found: dict[str, Any]) -> set[str]:
    return {store.path(name).read_bytes().rstrip(b"\0").decode() for name in files_of(found)}


def test_who_takes_an_answer_owns_its_files_and_the_cache_keeps_its_own(store: PixelStore) -> None:
    cache = Cache(store, 1000)
    first = answer(store, "m31")
    cache.keep("a", first)
    store.remove(files_of(first))
    for _ in range(2):
        taken = cache.take("a")
        assert taken is not None
        assert (taken["label"], taken["image"]["shape"], texts(store, taken)) == ("m31", [1, 2], {"m31"})
        store.remove(files_of(taken))
    assert len(store.names()) == 2


def test_bytes_of_several_names_count_once(store: PixelStore) -> None:
    cache = Cache(store, 1000)
    cache.keep("a", answer(store, "m31"))
    cache.take("a")
    assert (store.used_bytes(), cache.used_bytes) == (100, 100)


def test_the_least_recently_used_gives_way(store: PixelStore) -> None:
    cache = Cache(store, 250)
    for key in "ab":
        cache.keep(key, answer(store, key))
    cache.take("a")
    cache.keep("c", answer(store, "c"))
    assert (cache.keys(), cache.used_bytes, cache.take("b")) == (("a", "c"), 200, None)


def test_what_was_dropped_lives_on_for_who_took_it(store: PixelStore) -> None:
    cache = Cache(store, 100)
    first = answer(store, "a")
    cache.keep("a", first)
    store.remove(files_of(first))
    taken = cache.take("a")
    assert taken is not None
    cache.keep("b", answer(store, "b"))
    assert cache.keys() == ("b",)
    assert texts(store, taken) == {"a"}


def test_an_answer_over_the_budget_is_not_kept_and_nothing_is_where_the_budget_is_nothing(store: PixelStore) -> None:
    cache = Cache(store, 99)
    cache.keep("a", answer(store, "a"))
    assert (cache.keys(), len(store.names())) == ((), 2)


def test_a_directory_that_somebody_has_tidied_is_survived(store: PixelStore) -> None:
    cache = Cache(store, 1000)
    cache.keep("a", answer(store, "a"))
    gone = answer(store, "b")
    store.remove(store.names())
    assert cache.take("a") is None
    cache.keep("b", gone)
    assert cache.keys() == ()


def test_clearing_gives_all_files_back(store: PixelStore) -> None:
    cache = Cache(store, 1000)
    for key in "aab":
        made = answer(store, key)
        cache.keep(key, made)
        store.remove(files_of(made))
    cache.clear()
    assert (cache.keys(), store.names()) == ((), ())


def test_what_cannot_be_kept_is_not_kept_and_leaves_nothing(store: PixelStore, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = Cache(store, 1000)
    first = answer(store, "m31")
    before = store.names()
    real, left = os.link, iter(range(1))

    def link(source: Path, target: Path) -> None:
        if next(left, None) is None:
            raise OSError(5, "Input/output error")
        real(source, target)

    monkeypatch.setattr(os, "link", link)
    cache.keep("a", first)
    assert (cache.keys(), set(store.names())) == ((), set(before))
