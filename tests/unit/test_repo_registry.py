"""Which repositories can be named."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mtv.wire.errors import RequestError
from mtvd.repo.aliases import Registry, RepositorySettings


def registry(environ: dict[str, str] | None = None, **settings: object) -> Registry:
    return Registry(RepositorySettings(**settings), environ or {})  # type: ignore[arg-type]


def test_the_first_alias_of_the_settings_is_the_default() -> None:
    names = registry(aliases={"a": "/a", "b": "/b"})
    assert [(info.alias, info.default) for info in names.list_known()] == [("a", True), ("b", False)]
    assert names.resolve("").location == "/a"
    assert names.resolve("b").location == "/b"


def test_an_unknown_alias_is_refused_with_a_near_name() -> None:
    with pytest.raises(RequestError) as caught:
        registry(aliases={"SMALL_HSC": "/a"}).resolve("SMALL_HCS")
    assert (caught.value.code, caught.value.error.where) == ("unknown_repository", "repo")
    assert "'SMALL_HSC'" in caught.value.error.hint


def test_without_any_alias_the_default_is_unknown() -> None:
    with pytest.raises(RequestError) as caught:
        registry().resolve("")
    assert caught.value.code == "unknown_repository"


def test_absolute_paths_and_uris_name_repositories_where_allowed() -> None:
    assert registry().resolve("/some/where").location == "/some/where"
    assert registry().resolve("s3://bucket/repo").location == "s3://bucket/repo"


def test_a_relative_path_is_refused() -> None:
    with pytest.raises(RequestError) as caught:
        registry().resolve("some/where")
    assert caught.value.code == "bad_value"


def test_paths_are_forbidden_where_the_settings_say_so() -> None:
    with pytest.raises(RequestError) as caught:
        registry(allow_paths=False, aliases={"a": "/a"}).resolve("/some/where")
    assert caught.value.code == "forbidden"
    assert "a" in caught.value.error.hint


def test_aliases_of_the_index_come_after_our_own_and_never_replace_them(tmp_path: Path) -> None:
    index = tmp_path / "index.yaml"
    index.write_text("a: /other\nc: /c\n")
    names = registry({"DAF_BUTLER_REPOSITORY_INDEX": str(index)}, aliases={"a": "/a"})
    assert [(info.alias, info.location) for info in names.list_known()] == [("a", "/a"), ("c", "/c")]


def test_a_changed_index_is_read_again(tmp_path: Path) -> None:
    index = tmp_path / "index.yaml"
    index.write_text("a: /a\n")
    names = registry({"DAF_BUTLER_REPOSITORY_INDEX": index.as_uri()})
    assert names.resolve("a").location == "/a"
    index.write_text("a: /a\nlonger: /b\n")
    assert names.resolve("longer").location == "/b"


def test_the_index_may_stand_in_the_environment_itself() -> None:
    assert registry({"DAF_BUTLER_REPOSITORIES": "x: /x\n"}).resolve("x").location == "/x"


@pytest.mark.parametrize("text", ["- a\n- b\n", "a: [", "\x00", "just words"])
def test_a_broken_index_leaves_our_own_aliases(tmp_path: Path, text: str) -> None:
    index = tmp_path / "index.yaml"
    index.write_text(text)
    names = registry({"DAF_BUTLER_REPOSITORY_INDEX": str(index)}, aliases={"a": "/a"})
    assert [info.alias for info in names.list_known()] == ["a"]


def test_a_state_that_was_noted_is_told() -> None:
    names = registry(aliases={"a": "/a"})
    names.note(names.resolve("a"), "open")
    assert names.list_known()[0].state == "open"


def test_the_daemons_own_half_imports_neither_butler_nor_astropy() -> None:
    code = "import sys, mtvd.repo.pool; print([m for m in sys.modules if m.split('.')[0] in "
    code += "('lsst', 'astropy', 'fitsio', 'pyarrow', 'sqlalchemy', 'yaml')])"
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=dict(os.environ)
    )
    assert found.stdout.strip() == "[]"
