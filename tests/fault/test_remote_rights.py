"""Rights of clients on other hosts: what they may name, what they are told, whose work they may cancel."""

from __future__ import annotations

import re
from typing import Any

import anyio
import anyio.to_thread
import pytest
from tests.support.far_clients import CALEXP, IMAGE, Daemon, shown_with

from mtv.wire import messages, reports, requests, steps
from mtv.wire.data import Array, Dataset, Exposure, File
from mtv.wire.errors import Error, RequestError
from mtvd.front import remote

pytestmark = pytest.mark.anyio
FILE = File(path="/etc/passwd")
IN_A_FILE = Array(dtype="|u1", shape=(3, 4), file="mask-1-0123456789abcdef.raw")


@pytest.mark.parametrize(
    ("request_", "where"),
    [
        (requests.Shutdown(), "type"),
        (requests.Get(target=FILE), "target.path"),
        (requests.Get(target=Dataset(repo="/repo/main", id="0" * 32)), "target.repo"),
        (steps.Query(repo="s3://sky/repo"), "repo"),
        (steps.Load(target=FILE), "target.path"),
        (steps.Load(target=CALEXP, ahead=(CALEXP, FILE)), "ahead[1].path"),
        (steps.Mtv(target=FILE), "target.path"),
        (steps.Mtv(target=Exposure(image=IN_A_FILE)), "target.image.file"),
        (shown_with(IN_A_FILE), "target.mask.file"),
        (steps.Overlay(target=FILE), "target.path"),
        (steps.Overlay(x=IN_A_FILE, y=IN_A_FILE), "x.file"),
        (steps.Overlay(x=(1.0,), y=(1.0,), size=IN_A_FILE), "size.file"),
        (requests.Transaction(steps=(steps.Show(), steps.Mtv(target=FILE))), "steps[1].target.path"),
        (requests.Transaction(steps=(steps.Query(repo="../r"),)), "steps[0].repo"),
        (requests.Frame(feed="f", display=0, target=IMAGE, slots=("feed-1-0123456789abcdef.fits",)), "slots"),
        (requests.Frame(feed="f", display=0, target=Exposure(image=IN_A_FILE)), "target.image.file"),
        (requests.Frame(feed="f", display=0, target=IMAGE, markers=steps.Overlay(target=FILE)), "markers.target.path"),
    ],
)  # fmt: skip
async def test_what_names_a_path_is_refused_from_another_host(
    far_daemon: Daemon, request_: requests.Request, where: str
) -> None:
    client = far_daemon.far_client()
    reply = await client.ask(request_)
    assert isinstance(reply, messages.Failed), reply
    assert (reply.error.code, reply.error.where) == ("forbidden", where)
    assert reply.error.hint
    assert not far_daemon.repositories.calls
    assert not far_daemon.stopped
    assert isinstance(await client.ask(requests.Status()), reports.Report)


async def test_a_client_on_the_host_may_still_name_paths_and_stop_the_daemon(far_daemon: Daemon) -> None:
    client = far_daemon.client()
    reply = await client.ask(steps.Mtv(target=FILE))
    assert isinstance(reply, messages.Failed)
    assert reply.error.code != "forbidden"
    assert isinstance(await client.ask(requests.Shutdown()), messages.Done)


async def test_the_greeting_tells_no_directory_and_takes_no_screen(far_daemon: Daemon) -> None:
    hello = requests.Hello(versions=(1, 0), pid=7, x_display=":0", xauthority="/home/me/.Xauthority")
    welcome = await far_daemon.far_client().ask(hello)
    assert isinstance(welcome, messages.Welcome)
    assert (welcome.pixel_directory, welcome.nonce_name, welcome.nonce) == ("", "", "")
    assert welcome.limits.buffer_bytes == 1 << 20
    assert far_daemon.window.offered == []
    near = await far_daemon.client().ask(hello)
    assert isinstance(near, messages.Welcome)
    assert near.nonce
    assert far_daemon.window.offered == [":0"]


async def test_a_session_belongs_to_the_key_that_it_came_with(far_daemon: Daemon) -> None:
    near, far = far_daemon.client(), far_daemon.far_client()
    far.session = near.session
    assert isinstance(await near.ask(requests.Status()), reports.Report)
    reply = await far.ask(requests.Status())
    assert isinstance(reply, messages.Failed)
    assert reply.error.code == "forbidden"
    assert isinstance(await near.ask(requests.Status()), reports.Report)  # its answers go where they went before


async def test_a_local_client_cannot_go_on_with_the_session_of_another_host(far_daemon: Daemon) -> None:
    near, far = far_daemon.client(), far_daemon.far_client()
    near.session = far.session
    assert isinstance(await far.ask(requests.Status()), reports.Report)
    assert isinstance(await near.ask(requests.Status()), messages.Failed)


async def test_status_tells_other_hosts_no_ids_of_sessions_but_their_own(far_daemon: Daemon) -> None:
    near, far = far_daemon.client(), far_daemon.far_client()
    for client in (near, far):
        await client.ask(requests.Hello(versions=(1, 0), pid=7))
    told = await far.ask(requests.Status())
    assert {session.session for session in told.sessions} == {"", far.session.hex()}
    assert told.listen == far_daemon.handlers.listen
    told = await near.ask(requests.Status())
    assert {session.session for session in told.sessions} == {near.session.hex(), far.session.hex()}


async def test_other_hosts_are_told_no_path_of_this_one(far_daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    place = "/home/somebody/data of mine"
    broken = reports.RepositoryInfo(alias="demo", location=place, state=f"cannot be opened: '{place}/butler.yaml'")
    monkeypatch.setattr(far_daemon.repositories, "list_known", lambda: (broken,))
    far_daemon.window.state = reports.WindowState(state="failed", reason=f'no "{place}/ds9" at file://{place}')

    async def get(*_: Any) -> messages.Got:
        raise RequestError(Error(code="unreadable_file", message=f"{place[:14]}/x.fits: torn", hint="see s3://sky/x"))

    monkeypatch.setattr(far_daemon.repositories, "get", get)
    far, near = far_daemon.far_client(), far_daemon.client()
    told = [
        await far.ask(request) for request in (requests.Status(), requests.Repositories(), requests.Get(target=CALEXP))
    ]
    for reply in told:
        assert not re.search(r"somebody|sky/|x.fits|butler.yaml|data of|\.sock|/s\b", str(reply)), reply
    assert (told[0].endpoint, told[0].listen) == ("", far_daemon.handlers.listen)
    assert told[2].error.message == f"{remote.A_PATH}: torn"
    assert (await near.ask(requests.Repositories())).repositories == (broken,)
    assert (await near.ask(requests.Status())).endpoint == far_daemon.endpoint


async def test_an_answer_that_is_told_again_has_no_path_either(far_daemon: Daemon) -> None:
    far_daemon.window.unavailable = "there is no /usr/bin/ds9"
    far = far_daemon.far_client()
    for _ in range(2):
        reply = await far.answer(far.send(steps.Show(), sequence=1))
        assert isinstance(reply, messages.Failed)
        assert (reply.error.code, reply.error.message) == ("no_window", f"there is no {remote.A_PATH}")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("read /a/b.fits, then ~/c", f"read {remote.A_PATH}, then {remote.A_PATH}"),
        ("PosixPath('/a b/c')", f"PosixPath({remote.A_PATH})"),
        ("u/somebody/run, 1/2, and/or, mtv up --listen tcp://host:1", None),
        ("g-r / 2 and // and /", None),
        ("https://user@host/repo?x=1 is silent", f"{remote.A_PATH} is silent"),
        ("file:/a/b is torn", f"file:{remote.A_PATH} is torn"),
        ("", None),
    ],
)
def test_paths_in_texts_are_told_from_what_looks_like_them(text: str, told: str | None) -> None:
    error = Error(code="internal", message=text)
    assert remote.hide_paths(error).message == (text if told is None else told)


def test_data_that_was_asked_for_stays_as_it_is() -> None:
    rows = messages.Rows(columns=("path",), rows=(("/a/b",),))
    assert remote.hide_paths(rows) is rows
    outcome = messages.Outcome(steps=(messages.StepOutcome(rows=rows, note="of /a/b"),))
    assert remote.hide_paths(outcome).steps[0] == messages.StepOutcome(rows=rows, note=f"of {remote.A_PATH}")


async def test_another_host_cancels_its_own_work_and_nobody_else_s(far_daemon: Daemon) -> None:
    hold = far_daemon.repositories.hold_at("query")
    query = steps.Query(dataset_type="calexp", collections=("u/somebody/single_frame",))
    near, far, other = far_daemon.client(), far_daemon.far_client(), far_daemon.far_client()
    far_daemon.window.gate = anyio.Event()
    drawn = near.send(steps.Show())
    await far_daemon.window.reached.wait()
    waits = near.send(steps.Show())
    asked = far.send(query)
    await hold.reached.wait()
    queued = far.send(steps.Show())
    while far_daemon.engine.waiting < 2:
        await near.ask(requests.Status())
    assert await other.ask(requests.Cancel()) == messages.Cancelled(count=0)
    for request_id in (f"{near.session.hex()}-{waits}", f"{far.session.hex()}-{queued}"):
        reply = await other.ask(requests.Cancel(request_id=request_id))
        assert isinstance(reply, messages.Failed)
        assert (reply.error.code, reply.error.where) == ("forbidden", "request_id")
    for number, request_id in ((asked, f"{far.session.hex()}-{asked}"), (queued, "")):
        assert await far.ask(requests.Cancel(request_id=request_id)) == messages.Cancelled(count=1)
        reply = await far.answer(number)
        assert isinstance(reply, messages.Failed)
        assert reply.error.code == "cancelled"
    far_daemon.window.gate.set()
    for number in (drawn, waits):
        assert isinstance(await near.answer(number), messages.Outcome)


async def test_on_the_daemon_s_host_everybody_s_work_is_cancelled(far_daemon: Daemon) -> None:
    near, far = far_daemon.client(), far_daemon.far_client()
    far_daemon.window.gate = anyio.Event()
    drawn = far.send(steps.Show())
    await far_daemon.window.reached.wait()
    waits = far.send(steps.Show())
    while far_daemon.engine.waiting < 1:
        await near.ask(requests.Status())
    assert await near.ask(requests.Cancel(request_id=requests.EVERYBODYS)) == messages.Cancelled(count=1)
    assert isinstance(await far.answer(waits), messages.Failed)
    far_daemon.window.gate.set()
    assert isinstance(await far.answer(drawn), messages.Outcome)


async def test_events_reach_clients_on_both_sides(far_daemon: Daemon) -> None:
    near, far = far_daemon.client(), far_daemon.far_client()
    for client in (near, far):
        assert isinstance(await client.ask(requests.Subscribe()), messages.Subscribed)
    far_daemon.events.publish(messages.Event(kind="key", key="a"))
    for client in (near, far):
        _, event = await client.receive()
        assert isinstance(event, messages.Event)
        assert event.key == "a"
