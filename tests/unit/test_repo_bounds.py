"""A client that names ten thousand repositories, or reads as many files, takes up no more room than the last ones."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from mtv.wire.data import File
from mtv.wire.errors import RequestError
from mtvd.host.pixelstore import PixelStore
from mtvd.repo import cache as caches
from mtvd.repo.ahead import ReadAhead
from mtvd.repo.aliases import Registry, Repository, RepositorySettings
from mtvd.repo.butler import butlers as module
from mtvd.repo.butler.butlers import Butlers
from mtvd.repo.cache import Cache
from mtvd.repo.files import filecache
from mtvd.repo.files.filecache import FileCache

MANY = 10_000


def test_states_are_kept_of_repositories_that_have_an_alias_and_of_no_others() -> None:
    registry = Registry(RepositorySettings(aliases={"demo": "/demo"}), {})
    registry.note(registry.resolve("demo"), "open")
    tracemalloc.start()
    for number in range(MANY):
        registry.note(registry.resolve(f"/path/{number}"), "open")
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 100_000
    assert [(info.alias, info.state) for info in registry.list_known()] == [("demo", "open")]


def test_a_repository_that_is_named_by_the_path_of_an_alias_tells_its_state_too() -> None:
    registry = Registry(RepositorySettings(aliases={"demo": "/demo"}), {})
    registry.note(Repository(name="/demo", location="/demo"), "broken")
    assert [info.state for info in registry.list_known()] == ["broken"]


class Template:
    """What `Butlers` does with a Butler."""

    def __init__(self, alive: set[str], location: str) -> None:
        self._alive, self._location = alive, location
        alive.add(location)
        self.registry = self

    def refresh(self) -> None:
        pass

    def clone(self) -> Template:
        assert self._location in self._alive
        return self

    def close(self) -> None:
        self._alive.remove(self._location)


class TemplatesOnly(Butlers):
    """Opens nothing."""

    def __init__(self) -> None:
        super().__init__(1.0)
        self.alive: set[str] = set()
        self.opened: list[str] = []

    def _new(self, location: str) -> Any:
        if location == "/none":
            raise RequestError(module._nothing_there().error)
        self.opened.append(location)
        return module._Opened(Template(self.alive, location), None, None, (0, 0))


def test_a_worker_keeps_the_templates_of_the_repositories_that_were_used_last() -> None:
    butlers = TemplatesOnly()
    for number in range(MANY):
        butlers.clone(f"/{number}")
        butlers.clone("/often")
        assert len(butlers.alive) <= module.MOST_OPEN
    assert butlers.opened.count("/often") == 1
    assert f"/{MANY - 1}" in butlers.alive
    butlers.close()
    assert butlers.alive == set()


def test_a_repository_that_is_not_there_puts_out_none_that_is() -> None:
    butlers = TemplatesOnly()
    for number in range(module.MOST_OPEN):
        butlers.clone(f"/{number}")
    for _ in range(3):
        with pytest.raises(RequestError):
            butlers.clone("/none")
    assert len(butlers.alive) == module.MOST_OPEN


def test_a_template_that_cannot_be_closed_is_let_go_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    butlers = TemplatesOnly()
    butlers.clone("/first")

    def stuck() -> None:
        raise OSError("the server has gone")

    butlers._opened["/first"].butler.close = stuck
    for number in range(module.MOST_OPEN):
        butlers.clone(f"/{number}")
    assert "/first" not in butlers._opened
    assert "the server has gone" in caplog.text


def test_the_cache_keeps_so_many_entries_and_no_more_however_small_they_are(tmp_path: Path) -> None:
    store = PixelStore(tmp_path / "pixels", 1 << 20)
    cache = Cache(store, 1 << 20)
    for number in range(MANY):
        cache.keep(str(number), {"value": number})
    assert len(cache.keys()) == caches.MOST
    assert cache.take(str(MANY - 1)) == {"value": MANY - 1}
    assert cache.take("0") is None


def test_the_cache_of_files_keeps_so_many_and_no_more_however_small_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filecache, "MOST", 5)
    cache = FileCache(tmp_path / "files", 1 << 20)
    folder = cache.folder()
    for number in range(20):
        file = folder / "file"
        file.write_text("x")
        cache.keep(str(number), ".fits", file)
        file.unlink()
    assert cache.take("19", ".fits", folder) is not None
    assert cache.take("0", ".fits", folder) is None
    assert len([path for path in (tmp_path / "files").iterdir() if path.is_file()]) == 5


def test_what_many_owners_want_read_ahead_is_bounded() -> None:
    async def read(*_: object) -> None:
        raise AssertionError

    ahead = ReadAhead(read)
    for number in range(MANY):
        ahead.want([File(path="/a.fits")], owner=str(number))
    assert len(ahead._wanted) <= 64
    assert str(MANY - 1) in ahead._wanted
