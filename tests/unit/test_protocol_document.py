"""PROTOCOL.md is the authority of the wire: this holds it and the code together."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from mtv.wire import data, errors, frames, messages, requests, steps, version
from mtv.wire.limits import Limits

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "client" / "PROTOCOL.md").read_text()


def table(heading: str) -> dict[str, list[str]]:
    """Return the rows of a section's tables by their first cell, without its backticks."""
    section = re.split(rf"^## {heading}$", DOCUMENT, flags=re.MULTILINE)[1].split("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:2] == "| "]
    return {row[0].strip("`"): row[1:] for row in rows if row[0].startswith("`")}


def fields(kind: type[msgspec.Struct]) -> str:
    return ", ".join(kind.__struct_fields__)


def tagged(kinds: tuple[type[msgspec.Struct], ...]) -> dict[str, type[msgspec.Struct]]:
    return {str(kind.__struct_config__.tag): kind for kind in kinds}


def test_the_version_is_that_of_the_code() -> None:
    match = re.search(r"^Version: \*\*(\d+)\.(\d+)\*\*$", DOCUMENT, re.MULTILINE)
    assert match
    assert (int(match[1]), int(match[2])) == (version.MAJOR, version.MINOR)


def test_every_request_and_step_stands_in_the_document_with_its_fields() -> None:
    documented = {
        name: cells[0] for name, cells in table("Requests").items() if name not in tagged(get_args(data.Source))
    }
    in_code = {name: fields(kind) for name, kind in tagged((*get_args(requests.Request), *steps.STEP_TYPES)).items()}
    assert documented == in_code


def test_every_source_stands_in_the_document_with_its_fields() -> None:
    sources = tagged(get_args(data.Source))
    assert {name: table("Requests")[name][0] for name in sources} == {
        name: fields(kind) for name, kind in sources.items()
    }


def test_every_reply_stands_in_the_document_with_its_fields() -> None:
    documented = {name: cells[0] for name, cells in table("Replies").items()}
    assert documented == {name: fields(kind) for name, kind in tagged(get_args(messages.Reply)).items()}


def test_every_error_code_stands_in_the_document_with_its_exception() -> None:
    documented = {code: cells[0] for code, cells in table("Errors").items()}
    raised = {code: type(errors.exception_for(errors.Error(code=code, message=""))) for code in get_args(errors.Code)}
    assert documented == {code: kind.__name__ for code, kind in raised.items()}


def test_every_limit_stands_in_the_document_with_its_default() -> None:
    documented = {name: int(cells[0]) for name, cells in table("Limits").items()}
    assert documented == msgspec.structs.asdict(Limits())


def test_the_five_verbs_are_five_messages_with_tests() -> None:
    section = DOCUMENT.split("## The five verbs")[1].split("\n## ")[0]
    rows = [
        [cell.strip(" `") for cell in line.strip("|").split("|")] for line in section.splitlines()[2:] if "`" in line
    ]
    verbs = {row[0]: row for row in rows if len(row) == 5}
    assert set(verbs) == {"query", "load", "mtv", "overlay", "erase"}
    for verb, row in verbs.items():
        assert row[1] in tagged(steps.STEP_TYPES)
        assert f"def test_{verb}_" in (ROOT / row[4]).read_text()


@pytest.mark.parametrize("kind", list(frames.Kind))
def test_every_kind_of_message_has_its_number_in_the_document(kind: frames.Kind) -> None:
    assert f"{kind.value} {kind.name.lower()}" in DOCUMENT


def test_the_header_has_the_size_that_the_document_tells() -> None:
    assert f"{frames.HEADER_BYTES} bytes and 8 more" in DOCUMENT
