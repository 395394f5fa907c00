"""How the house writes: docstrings begin with what they are about, and what users call says all of its arguments."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from tests.support.documented import PUBLIC, documented, sections_of

ROOT: Final = Path(__file__).parents[2]
SOURCES: Final = sorted((*(ROOT / "client" / "mtv").rglob("*.py"), *(ROOT / "daemon" / "mtvd").rglob("*.py")))
OBLIQUE: Final = frozenset({"Of", "What", "Who", "That", "For"})
"""Words with which no docstring begins: who reads one has to find its subject first."""
SECTIONS: Final = frozenset(
    {"Parameters", "Returns", "Yields", "Raises", "Attributes", "Notes", "Examples", "See Also"}
)


def _name(path: Path) -> str:
    return "/".join(path.relative_to(ROOT).parts[1:])


_DOCUMENTED: Final = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def docstrings(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the docstrings of a file and those below its constants and fields, and their lines."""
    for node in ast.walk(ast.parse(path.read_text())):
        body = getattr(node, "body", None)
        if not isinstance(body, list):
            continue
        for before, statement in zip([None, *body], body, strict=False):
            begins = before is None and isinstance(
                node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
            )
            if (
                (begins or isinstance(before, ast.Assign | ast.AnnAssign))
                and isinstance(statement, ast.Expr)
                and isinstance(statement.value, ast.Constant)
                and isinstance(statement.value.value, str)
            ):
                yield statement.lineno, statement.value.value


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_a_docstring_begins_with_its_noun_or_its_verb(path: Path) -> None:
    assert [(line, text) for line, text in docstrings(path) if text.split()[0] in OBLIQUE] == []


IRREGULAR: Final = re.compile(
    "begun|bound|broken|built|chosen|drawn|felt|found|given|gone|heard|held|hidden|kept|known|left|lost|made|meant|met|"
    "said|seen|sent|shown|sold|spent|stood|taken|thought|thrown|told|understood|won|worn|written"
)
ENDED_ALIKE: Final = frozenset(
    {"embed", "exceed", "feed", "heed", "need", "proceed", "seed", "shed", "speed", "unsupported"}
)
"""Words that end as participles do: verbs, and the name of an error."""


def functions(path: Path) -> Iterator[str]:
    """Yield the names of a file's functions and methods; properties are nouns."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not any(
            "property" in ast.unparse(one) for one in node.decorator_list
        ):
            yield node.name


def is_participle(name: str) -> bool:
    """Tell whether a name says only what was done to something: ``kept``, ``_checked``."""
    word = name.strip("_")
    return IRREGULAR.fullmatch(word) is not None or (
        re.fullmatch("[a-z]+ed", word) is not None and word not in ENDED_ALIKE
    )


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_no_function_is_named_by_a_bare_participle(path: Path) -> None:
    assert [name for name in functions(path) if is_participle(name)] == []


def taken(name: str) -> set[str]:
    """Return the arguments of a callable as numpydoc writes them."""
    stars: dict[Any, str] = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    thing = PUBLIC[name]
    parameters = list(inspect.signature(thing).parameters.values())
    return {f"{stars.get(one.kind, '')}{one.name}" for one in parameters if one.name not in {"self", "cls"}}


def fields_of(name: str) -> set[str]:
    """Return the fields of a message class, which their own docstrings say."""
    return set(getattr(PUBLIC[name], "__struct_fields__", ()))


def inherited_parameters(name: str) -> str:
    """Return what the class says of its parameters that gives another its ``__init__``."""
    thing = PUBLIC[name]
    if not inspect.isclass(thing):
        return ""
    home = next(one for one in thing.__mro__ if "__init__" in vars(one))
    return sections_of(home.__doc__ or "").get("Parameters", "")


def returns_something(name: str) -> bool:
    thing = PUBLIC[name]
    return not inspect.isclass(thing) and inspect.signature(thing).return_annotation not in {"None", None}


def test_there_is_much_that_users_call() -> None:
    assert {"Display.dot", "Repository.query", "Repository.movie", "connect"} <= PUBLIC.keys()
    assert len(PUBLIC) > 100


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_what_users_call_says_each_of_its_arguments_and_what_it_returns(name: str) -> None:
    sections = sections_of(PUBLIC[name].__doc__ or "")
    assert sections.keys() <= SECTIONS
    said = documented(sections.get("Parameters", "") or inherited_parameters(name))
    words = taken(name) - fields_of(name)
    if "**part" in words and "hdu" in said:  # by their own names
        words, said = words - {"**part"}, said - set(mtv_part())
    assert said == words
    if returns_something(name):
        assert sections.keys() & {"Returns", "Yields"}


def mtv_part() -> tuple[str, ...]:
    from mtv.arguments.parts import Part

    return tuple(Part.__annotations__)
