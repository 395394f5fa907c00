"""Exceptions that the source of ``mtv`` says a callable raises, by itself or through what it calls of the package."""

from __future__ import annotations

import ast
import builtins
import functools
import importlib
import inspect
import re
import sys
import textwrap
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from mtv.session.connection import Connection

Raised = type[BaseException]

_CONNECTION: Final = re.compile(
    r"(self\.)?_?connection|\(connection or default_connection\(\)\)|default_connection\(\)"
)
"""Expressions for a connection, whose type their names alone tell."""


def raised(function: Callable[..., Any], owner: type | None = None) -> frozenset[Raised]:
    """Return the exceptions of a function, of what it calls in the package, and so on; those that it catches left out.

    Calls whose target the source does not tell are passed over, and so are nested functions, which run later.

    Parameters
    ----------
    function : callable
        A function of the package; anything else raises nothing.
    owner : `type`, optional
        Class of the object that the function is called on, for calls of ``self.method()``.
    """
    return _raised(inspect.unwrap(function), owner)


def raised_here(function: Callable[..., Any]) -> frozenset[Raised]:
    """Return the exceptions that the ``raise`` statements of a function's own body name."""
    function = inspect.unwrap(function)
    body, names = _body(function), _names(function)
    return frozenset(one for node in _walk(body) if isinstance(node, ast.Raise) for one in _kinds(node.exc, names))


_under_way: Final[set[Any]] = set()
"""Functions that are being looked at: what calls itself adds nothing to itself."""


@functools.cache
def _raised(function: Any, owner: type | None) -> frozenset[Raised]:
    if function in _under_way or not _is_ours(function):
        return frozenset()
    _under_way.add(function)
    try:
        return frozenset(_of_statements(_body(function), _names(function), owner))
    finally:
        _under_way.discard(function)


def _of_statements(body: list[ast.stmt], names: Mapping[str, Any], owner: type | None) -> Iterator[Raised]:
    for statement in body:
        if isinstance(statement, ast.Try):
            inner = set(_of_statements(statement.body, names, owner))
            caught = tuple(one for handler in statement.handlers for one in _caught(handler, names))
            yield from (one for one in inner if not issubclass(one, caught))
            rest = [part for handler in statement.handlers for part in handler.body]
            yield from _of_statements([*rest, *statement.orelse, *statement.finalbody], names, owner)
        elif isinstance(statement, ast.With):
            inner = set(_of_statements(statement.body, names, owner))
            inner |= {one for item in statement.items for one in _of_node(item, names, owner)}
            caught = tuple(one for item in statement.items for one in _suppressed(item.context_expr, names))
            yield from (one for one in inner if not issubclass(one, caught))
        else:
            blocks = [getattr(statement, name, None) for name in ("body", "orelse")]
            if isinstance(statement, ast.If | ast.For | ast.While):
                head = statement.iter if isinstance(statement, ast.For) else statement.test
                yield from _of_node(head, names, owner)
                for block in filter(None, blocks):
                    yield from _of_statements(block, names, owner)
            elif not isinstance(statement, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
                yield from _of_node(statement, names, owner)


def _of_node(node: ast.AST, names: Mapping[str, Any], owner: type | None) -> Iterator[Raised]:
    for one in _walk([node]):
        if isinstance(one, ast.Raise):
            yield from _kinds(one.exc, names)
        elif isinstance(one, ast.Call):
            function, its_owner = _target(one.func, names, owner)
            if inspect.isfunction(function):
                yield from _raised(inspect.unwrap(function), its_owner)


def _target(called: ast.expr, names: Mapping[str, Any], owner: type | None) -> tuple[Any, type | None]:
    """Return the function that is called and the class of its object, None where the source does not tell."""
    if isinstance(called, ast.Name):
        thing = names.get(called.id)
        return (inspect.getattr_static(thing, "__init__"), thing) if inspect.isclass(thing) else (thing, None)
    if not isinstance(called, ast.Attribute):
        return None, None
    whose = ast.unparse(called.value)
    if whose == "self" and owner is not None:
        return inspect.getattr_static(owner, called.attr, None), owner
    if _CONNECTION.fullmatch(whose):
        return inspect.getattr_static(Connection, called.attr, None), Connection
    thing = names.get(whose)
    if inspect.ismodule(thing):
        return _target(ast.Name(called.attr), vars(thing), None)
    return None, None


def _kinds(raising: ast.expr | None, names: Mapping[str, Any]) -> Iterator[Raised]:
    """Yield the classes of what is raised: a class, an object of it, or what a function returns."""
    if isinstance(raising, ast.IfExp):
        yield from _kinds(raising.body, names)
        yield from _kinds(raising.orelse, names)
        return
    thing = _value(raising.func if isinstance(raising, ast.Call) else raising, names)
    if inspect.isfunction(thing):
        thing = typing.get_type_hints(thing).get("return")
    if inspect.isclass(thing) and issubclass(thing, BaseException):
        yield thing


def _value(node: ast.expr | None, names: Mapping[str, Any]) -> Any:
    if isinstance(node, ast.Name):
        return names.get(node.id, getattr(builtins, node.id, None))
    return getattr(_value(node.value, names), node.attr, None) if isinstance(node, ast.Attribute) else None


def _caught(handler: ast.ExceptHandler, names: Mapping[str, Any]) -> Iterator[Raised]:
    if any(isinstance(node, ast.Raise) for node in _walk(handler.body)):
        return
    if handler.type is None:
        yield BaseException
    parts = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    for part in parts:
        yield from _kinds(part, names)


def _suppressed(expression: ast.expr, names: Mapping[str, Any]) -> Iterator[Raised]:
    if isinstance(expression, ast.Call) and ast.unparse(expression.func).endswith("suppress"):
        for argument in expression.args:
            yield from _kinds(argument, names)


def _walk(nodes: list[Any]) -> Iterator[ast.AST]:
    """Yield nodes and those below them, without what nested functions do later."""
    for node in nodes:
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from _walk(list(ast.iter_child_nodes(node)))


@functools.cache
def _body(function: Any) -> list[ast.stmt]:
    if not _is_ours(function):
        return []
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    assert isinstance(definition, ast.FunctionDef)
    return definition.body


@functools.cache
def _names(function: Any) -> dict[str, Any]:
    """Return what the names in a function stand for: globals of its module, and what it imports itself."""
    names = dict(vars(sys.modules[function.__module__])) if _is_ours(function) else {}
    for node in _walk(_body(function)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "mtv":
            module = importlib.import_module(node.module or "")
            names |= {alias.asname or alias.name: getattr(module, alias.name, None) for alias in node.names}
    return names


def _is_ours(function: Any) -> bool:
    """Tell whether a function stands in the package's source; those that dataclasses make do not."""
    if not inspect.isfunction(function) or function.__module__.split(".")[0] != "mtv":
        return False
    return not function.__code__.co_filename.startswith("<")
