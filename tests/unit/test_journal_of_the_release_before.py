"""A journal that the release before has written: ``data/journal.bin``, and in ``journal.json`` what that release read.

It has every kind of record and of change, previews, a transaction that was drawn in parts, and two batches cut short.
It is never made anew: what a later release writes gets a file of its own.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, Final, get_args

import msgspec

from mtvd.drawing import framing, records
from mtvd.drawing.journal import Journal
from mtvd.scene.changes import AnyChange
from mtvd.scene.model import new_display

DATA: Final = Path(__file__).parent / "data"
ADDED_SINCE: Final = {"Annotate", "SetFlip"}
"""Changes that the release which wrote it did not know."""


def bodies() -> list[dict[str, Any]]:
    found = framing.read((DATA / "journal.bin").read_bytes()).bodies
    return [msgspec.msgpack.decode(body) for body in found if isinstance(body, bytes)]


def like(found: Any, expected: Any) -> Any:
    """Return what was found without the fields that later releases have added."""
    if isinstance(found, dict) and isinstance(expected, dict):
        return {name: like(value, expected[name]) for name, value in found.items() if name in expected}
    if isinstance(found, list) and isinstance(expected, list) and len(found) == len(expected):
        return [like(*pair) for pair in zip(found, expected, strict=True)]
    return found


def test_a_journal_of_the_release_before_is_recovered_as_that_release_did(tmp_path: Path) -> None:
    shutil.copy(DATA / "journal.bin", tmp_path / "journal")
    recovered = Journal(tmp_path / "journal").recover()
    assert recovered.damage == ""
    expected = json.loads((DATA / "journal.json").read_text())
    assert sorted(recovered.files) == expected["recovered"].pop("files")
    assert sorted(recovered.taken_back) == expected["recovered"].pop("taken_back")
    for number in ("2", "3", "1003", "1009"):  # made by records, so that their masks begin as those of this release do
        shown = expected["recovered"]["scene"]["displays"][number]
        shown["transparency_percent"] = new_display(0).transparency_percent
    assert like(json.loads(msgspec.json.encode(recovered)), expected["recovered"]) == expected["recovered"]
    assert like(json.loads(msgspec.json.encode(recovered.open_entries())), expected["begun"]) == expected["begun"]
    assert sorted(recovered.half_drawn()) == expected["half_drawn"]


def test_that_journal_has_every_kind_of_record_and_of_change() -> None:
    assert {body["record"] for body in bodies()} == {kind.__struct_config__.tag for kind in get_args(records.AnyRecord)}
    entries = [entry for body in bodies() for entry in body.get("entries", ())]
    changes = [change for entry in entries for change in entry["changes"]]
    changes += [change for body in bodies() for change in body.get("changes", ())]
    kinds = {kind.__struct_config__.tag for kind in get_args(AnyChange)}
    assert {change["change"] for change in changes} == kinds - ADDED_SINCE
    assert {True, False} == {body["long"] for body in bodies() if "long" in body}
