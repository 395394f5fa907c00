"""Notes of an image, from whoever has them to the outcome, the report of the display and the handle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
import zmq
from tests.support.fake_repositories import COLLECTION, FakeRepositories

from mtv.wire import messages, reports, requests, steps
from mtv.wire.data import Array, Dataset, Exposure, Handle

pytestmark = pytest.mark.anyio
Daemon = Any

PIXELS = bytes(48)
NOTE = "the mask of 2x2 pixels is left out"


def image(*notes: str) -> steps.Mtv:
    return steps.Mtv(target=Exposure(image=Array(dtype=">f4", shape=(3, 4), buffer=0), notes=notes))


async def described(client: Any) -> reports.DisplayReport:
    reply = await client.ask(requests.Describe(display=0))
    assert isinstance(reply, reports.DisplayReport), reply
    return reply


async def drawn(client: Any, step: steps.AnyStep, *buffers: bytes) -> messages.StepOutcome:
    reply = await client.ask(step, buffers)
    assert isinstance(reply, messages.Outcome), reply
    return reply.steps[0]


async def test_notes_of_a_client_s_image_are_told_by_outcome_and_display(daemon: Daemon) -> None:
    client = daemon.client()
    assert (await drawn(client, image(NOTE, "no sky"), PIXELS)).note == f"{NOTE}; no sky"
    assert (await described(client)).notes == (NOTE, "no sky")


async def test_the_next_image_takes_the_notes_of_the_one_before_away(daemon: Daemon) -> None:
    client = daemon.client()
    await drawn(client, image(NOTE), PIXELS)
    assert (await drawn(client, image(), PIXELS)).note == ""
    assert (await described(client)).notes == ()


async def test_notes_are_bounded_in_length_and_number_and_stand_on_one_line(daemon: Daemon) -> None:
    client = daemon.client()
    await drawn(client, image("a\nb" + "x" * 5000, *map(str, range(100))), PIXELS)
    notes = (await described(client)).notes
    assert len(notes) == 16
    assert notes[0] == "a b" + "x" * (daemon.limits.text_chars - 3)


async def test_a_frame_of_a_feed_tells_its_notes(daemon: Daemon) -> None:
    client = daemon.client()
    target = image(NOTE).target
    assert isinstance(target, Exposure)
    reply = await client.ask(requests.Frame(feed="guider", display=0, target=target), (PIXELS,))
    assert isinstance(reply, messages.Outcome), reply
    assert reply.steps[0].note == NOTE


async def test_notes_of_a_reader_are_told_by_outcome_display_and_handle(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = FakeRepositories.read_for_display

    async def read_with_note(self: FakeRepositories, *arguments: Any) -> Exposure:
        return msgspec.structs.replace(await read(self, *arguments), notes=(NOTE,))

    monkeypatch.setattr(FakeRepositories, "read_for_display", read_with_note)
    client = daemon.client()
    data_id: dict[str, int | str] = {"instrument": "HSC", "visit": 23718, "detector": 41}
    source = Dataset(dataset_type="calexp", data_id=data_id, collections=(COLLECTION,))
    assert (await drawn(client, steps.Mtv(target=source))).note == NOTE
    assert (await described(client)).notes == (NOTE,)
    loaded = await client.ask(steps.Load(target=source))
    assert isinstance(loaded, messages.Loaded), loaded
    assert loaded.notes == (NOTE,)
    assert (await drawn(client, steps.Mtv(display=1, target=Handle(handle=loaded.handle)))).note == NOTE


async def test_a_daemon_that_comes_back_knows_the_notes(tmp_path: Path, make_daemon: Any) -> None:
    with zmq.Context[zmq.Socket[bytes]]() as context:
        first = make_daemon(tmp_path, context)
        async with first.running():
            await drawn(first.client(), image(NOTE), PIXELS)
        second = make_daemon(tmp_path, context)
        async with second.running():
            assert (await described(second.client())).notes == (NOTE,)
