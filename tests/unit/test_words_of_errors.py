"""How the house writes of errors: what users call says which exceptions it raises."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Final

import pytest
from tests.support.documented import PUBLIC, documented, sections_of
from tests.support.raised import raised, raised_here

import mtv
from mtv.wire.errors import MtvError


def source_of(name: str) -> tuple[Callable[..., Any], type | None]:
    """Return the function that runs where a public name is called, and the class of its object."""
    head, _, method = name.partition(".")
    thing = PUBLIC[head]
    if not inspect.isclass(thing):
        return thing, None
    function = inspect.getattr_static(thing, method or "__init__")
    return getattr(function, "__func__", function), thing


NAMES: Final = [
    name for name, thing in sorted(PUBLIC.items()) if not (inspect.isclass(thing) and issubclass(thing, BaseException))
]


def said(name: str) -> set[str]:
    return documented(sections_of(PUBLIC[name].__doc__ or "").get("Raises", ""))


def bases(exception: type[BaseException]) -> set[str]:
    return {base.__name__ for base in exception.__mro__}


@pytest.mark.parametrize("name", NAMES)
def test_what_users_call_names_the_exceptions_that_it_raises_itself(name: str) -> None:
    function, _ = source_of(name)
    assert [one for one in raised_here(function) if not bases(one) & said(name)] == []


@pytest.mark.parametrize("name", NAMES)
def test_what_users_call_says_that_it_raises_errors_of_ours_also_where_others_raise_them_for_it(name: str) -> None:
    errors = [one for one in raised(*source_of(name)) if issubclass(one, MtvError)]
    kinds: list[type[MtvError]] = [MtvError, *MtvError.__subclasses__()]
    assert not errors or said(name) & {kind.__name__ for kind in kinds}


def test_the_errors_of_what_users_call_are_found() -> None:
    assert raised_here(mtv.Schema.find) == {mtv.RequestError}
    assert raised(mtv.Display.erase, mtv.Display) >= {mtv.Unavailable, mtv.DeadlineExceeded}
    assert not raised(mtv.Connection.close, mtv.Connection)
