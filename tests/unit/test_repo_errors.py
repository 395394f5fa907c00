"""From Butler's exceptions to errors of the wire."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import pytest

from mtv.wire.errors import RequestError, bad_value
from mtv.wire.steps import Query
from mtvd.repo.butler.errors import in_field, translate


class ButlerUserError(Exception):
    """Stands for Butler's own base: classes are known by name."""


class InvalidQueryError(ButlerUserError):
    pass


class MissingCollectionError(ButlerUserError):
    pass


class MissingDatasetTypeError(ButlerUserError, KeyError):
    pass


class Known:
    def dataset_types(self) -> Sequence[str]:
        return ("calexp", "raw", "src")

    def collections(self) -> Sequence[str]:
        return ("u/me/single_frame",)

    def dimensions(self) -> Sequence[str]:
        return ("detector", "visit")

    def governors(self, dimension: str) -> Sequence[str]:
        return {"instrument": ("HSC", "LATISS")}.get(dimension, ())

    def fields(self, element: str) -> Sequence[str]:
        return {"visit": ("exposure_time", "id", "name")}.get(element, ())


def test_an_unknown_dataset_type_is_shown_without_the_quotes_of_a_key_error() -> None:
    error = translate(
        MissingDatasetTypeError("Dataset type 'calxep' does not exist."), Query(dataset_type="calxep"), Known()
    )
    assert (error.code, error.where) == ("unknown_dataset_type", "dataset_type")
    assert error.message == "Dataset type 'calxep' does not exist."
    assert "'calexp'" in error.hint


def test_a_repository_without_dataset_types_says_so() -> None:
    known = Known()
    known.dataset_types = lambda: ()  # type: ignore[method-assign]
    error = translate(MissingDatasetTypeError("Dataset type 'src' does not exist."), Query(dataset_type="src"), known)
    assert error.hint == "the repository has no dataset types"


def test_an_unknown_collection_comes_with_near_names() -> None:
    error = translate(MissingCollectionError("No collection with name 'u/me/singel' found."), Query(), Known())
    assert (error.code, error.where) == ("unknown_collection", "collections")
    assert "u/me/single_frame" in error.hint


@pytest.mark.parametrize(("where", "field"), [("visit = 1", "where"), ("", "data_id")])
def test_a_missing_instrument_is_told_with_those_there_are(where: str, field: str) -> None:
    text = "Query 'where' expression references a dimension dependent on instrument without constraining it directly."
    error = translate(InvalidQueryError(text), Query(where=where), Known())
    assert (error.code, error.where) == ("bad_query", field)
    assert "'HSC', 'LATISS'" in error.hint


def test_an_unknown_name_is_found_in_the_field_it_came_from() -> None:
    text = "Unrecognized identifier 'vist'."
    assert translate(InvalidQueryError(text), Query(order_by=("-vist",)), Known()).where == "order_by"
    assert translate(InvalidQueryError(text), Query(where="vist = 3"), Known()).where == "where"
    assert "'visit'" in translate(InvalidQueryError(text), Query(where="vist = 3"), Known()).hint


@pytest.mark.parametrize(
    "text",
    [
        "Unrecognized field 'foo' for visit.",
        "Empty dimension name in ORDER BY",
        "Column type timespan of visit.timespan is not ordered.",
        "Order-by expression may not reference columns that are not in the result dimensions.",
    ],
)
def test_all_that_is_wrong_with_an_order_names_the_order(text: str) -> None:
    with pytest.raises(InvalidQueryError) as caught, in_field("order_by"):
        raise InvalidQueryError(text)
    assert translate(caught.value, Query(order_by=("visit.foo",)), Known()).where == "order_by"


def test_a_hint_for_a_field_is_a_field_of_that_dimension() -> None:
    near = translate(InvalidQueryError("Unrecognized field 'exposure_tim' for visit."), Query(where="x"), Known())
    assert near.hint == "did you mean 'exposure_time'?"
    few = translate(InvalidQueryError("Unrecognized field 'detectr' for visit."), Query(where="x"), Known())
    assert few.hint == "visit has 'exposure_time', 'id', 'name'"


def test_two_equal_signs_are_told_apart() -> None:
    error = translate(InvalidQueryError("Failed to parse expression"), Query(where="visit == 3"), Known())
    assert "one '='" in error.hint


def test_the_words_of_a_database_are_never_shown() -> None:
    error = translate(sqlite3.OperationalError("no such table: secret [SQL: SELECT * FROM /home/x]"))
    assert error.code == "repository_failed"
    assert "SELECT" not in error.message + error.hint
    assert "/home" not in error.message + error.hint


def test_a_locked_database_may_be_asked_again() -> None:
    error = translate(sqlite3.OperationalError("database is locked"))
    assert (error.code, error.retryable) == ("busy", True)


def test_paths_of_the_server_are_never_shown() -> None:
    error = translate(FileNotFoundError(2, "No such file or directory", "/srv/secret"))
    assert error.code == "unreadable_file"
    assert "/srv" not in error.message


def test_errors_of_the_wire_pass_unchanged() -> None:
    raised: RequestError = bad_value("bbox", "the cut-out is empty")
    assert translate(raised) is raised.error


def test_what_nobody_expected_is_internal_and_says_no_more_than_its_name() -> None:
    error = translate(RuntimeError("with a secret /path"))
    assert error.code == "internal"
    assert "/path" not in error.message


@pytest.mark.parametrize(
    "raised", [RecursionError("maximum"), OverflowError("int too big"), ValueError("/srv/x: exec")]
)
def test_an_expression_that_is_beyond_the_parser_is_a_bad_query_in_plain_words(raised: Exception) -> None:
    error = translate(raised, Query(where="visit = 1"), Known())
    assert (error.code, error.where) == ("bad_query", "where")
    assert str(raised) not in error.message


def test_a_number_beyond_the_registry_is_a_bad_query() -> None:
    assert translate(OverflowError("int too big"), Query(data_id={"visit": 2**63}), Known()).where == "data_id"
