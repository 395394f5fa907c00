"""Clients on other hosts: who is let in, what they may ask for, and how pixels go there and back."""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import numpy as np
import pytest
import zmq
from tests.support.far_clients import Daemon, connected, in_thread
from tests.support.refusals import refused

import mtv
from mtv.session.conversation import Timing
from mtv.shared import keys, tcp
from mtvd.front.zsocket import CannotListen, RouterSocket

pytestmark = pytest.mark.anyio
NOT_LET_IN = zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL  # by who notices first


@pytest.fixture
def another_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Path]:
    """Go over to a host with keys of its own, which knows the daemon's; return where they are."""

    def go() -> Path:
        known = keys.directory() / "daemon.key"
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "elsewhere"))
        keys.make(keys.CLIENT)
        keys.trust(known, "127.0.0.1")
        return keys.directory()

    return go


async def test_a_client_with_an_authorised_key_does_what_one_on_the_host_does(far_daemon: Daemon) -> None:
    def work() -> tuple[int, Any, Any]:
        with connected(far_daemon) as connection:
            repository = mtv.Repository(connection=connection)
            found = repository.query("calexp", visit=23718, instrument="HSC", collections="u/somebody/single_frame")
            calexp = repository.get(found[0])
            display = mtv.Display(0, connection=connection)
            display.mtv(calexp)
            display.overlay("stars", np.arange(5.0), np.arange(5.0))
            with repository.load(found[1]) as handle:
                display.mtv(handle)
                again = repository.get(handle)
            return len(found), calexp, again

    count, calexp, again = await in_thread(work)
    assert count == 2
    assert calexp.image.shape == again.image.shape == (50, 60)
    assert calexp.mask.any()
    assert len(far_daemon.window.batches) == 3
    assert not [name for name in far_daemon.pixels.names() if name.startswith("out-")]


async def test_a_key_that_is_not_authorised_is_told_so_and_what_to_do(
    far_daemon: Daemon, another_config: Callable[[], Path]
) -> None:
    another_config()
    error = await in_thread(lambda: refused(connected, far_daemon))
    assert (error.code, error.error.where) == ("forbidden", "keys")
    assert "mtv keys authorise" in str(error)
    assert not list(far_daemon.sessions)


async def test_a_daemon_with_another_key_than_expected_is_not_spoken_to(
    far_daemon: Daemon, another_config: Callable[[], Path], tmp_path: Path
) -> None:
    place = another_config()
    keys.make(keys.DAEMON)
    keys.trust(place / "daemon.key", "127.0.0.1")
    error = await in_thread(lambda: refused(connected, far_daemon))
    assert isinstance(error, mtv.Unavailable)
    assert "servers/127.0.0.1.key" in str(error)
    assert "mtv keys trust 127.0.0.1" in str(error)


async def test_a_revoked_key_is_let_in_no_more_and_what_is_connected_is_cut_off(far_daemon: Daemon) -> None:
    connection = await in_thread(lambda: connected(far_daemon))
    await in_thread(connection.status)
    keys.revoke("me")
    with pytest.raises(mtv.RequestError, match="revoked"):
        await in_thread(connection.status)
    await in_thread(connection.close)
    assert "authorise" in str(await in_thread(lambda: refused(connected, far_daemon)))
    keys.authorise(keys.directory() / "client.key", "again")
    await in_thread(lambda: connected(far_daemon).close())


async def test_a_key_revoked_while_the_client_was_away_is_told_so(far_daemon: Daemon) -> None:
    proxy = Proxy(int(far_daemon.handlers.listen.rpartition(":")[2]))
    try:
        connection = await in_thread(lambda: mtv.connect(proxy.endpoint, timeout_secs=30))
        keys.revoke("me")
        await in_thread(proxy.cut)
        with pytest.raises(mtv.RequestError, match="mtv keys authorise"):
            await in_thread(connection.status)
        await in_thread(connection.close)
    finally:
        await in_thread(proxy.close)


@pytest.mark.parametrize("missing", ["client.key_secret", "daemon.key"])
async def test_without_keys_nothing_is_sent(far_daemon: Daemon, missing: str) -> None:
    (keys.directory() / missing).unlink()
    error = await in_thread(lambda: refused(connected, far_daemon))
    assert (error.code, error.error.where) == ("forbidden", "keys")
    assert missing in str(error)
    assert "mtv keys" in error.error.hint


def handshake(endpoint: str, own: keys.ClientKeys | None) -> int:
    """Return the event that a handshake ends with."""
    with zmq.Context() as context, context.socket(zmq.DEALER) as knocking, context.socket(zmq.PAIR) as monitor:
        knocking.linger = monitor.linger = 0
        if own is not None:
            knocking.curve_serverkey = own.server
            knocking.curve_publickey, knocking.curve_secretkey = own.own
        tcp.prepare(knocking, endpoint)
        knocking.monitor("inproc://events", NOT_LET_IN | zmq.EVENT_HANDSHAKE_SUCCEEDED)
        monitor.connect("inproc://events")
        knocking.connect(endpoint)
        assert monitor.poll(20_000)
        event = int.from_bytes(monitor.recv_multipart()[0][:2], sys.byteorder)
        knocking.disable_monitor()
        return event


async def test_a_client_without_encryption_gets_nowhere(far_daemon: Daemon) -> None:
    endpoint = far_daemon.handlers.listen
    assert await in_thread(lambda: handshake(endpoint, keys.for_client(endpoint))) == zmq.EVENT_HANDSHAKE_SUCCEEDED
    assert await in_thread(lambda: handshake(endpoint, None)) & NOT_LET_IN


async def test_nobody_gets_in_where_nobody_answers_for_the_keys(far_daemon: Daemon) -> None:
    with zmq.Context[zmq.Socket[bytes]](io_threads=2) as doorless:
        bound = RouterSocket(doorless, "tcp://127.0.0.1:*", 1 << 20, keys=keys.pair(keys.DAEMON))
        try:
            own = keys.for_client(bound.endpoint)
            assert await in_thread(lambda: handshake(bound.endpoint, own)) & NOT_LET_IN
        finally:
            bound.close()


async def test_an_address_that_is_taken_is_told(far_daemon: Daemon) -> None:
    with pytest.raises(CannotListen, match=r"tcp://127\.0\.0\.1:\d+: Address already in use"):
        RouterSocket(far_daemon.context, far_daemon.handlers.listen, 1 << 20, keys=keys.pair(keys.DAEMON))


async def published_until(feed: mtv.Feed, done: Callable[[], bool]) -> None:
    with anyio.fail_after(30):
        while not done():
            await in_thread(lambda: feed.publish(np.ones((30, 40), "f4")))
            await anyio.sleep(0.02)


@pytest.mark.parametrize("cut", [False, True])
async def test_a_feed_whose_key_was_revoked_drops_frames_and_goes_on_when_it_is_let_in_again(
    far_daemon: Daemon, cut: bool
) -> None:
    proxy = Proxy(int(far_daemon.handlers.listen.rpartition(":")[2]))
    feed = mtv.Feed("guider", endpoint=proxy.endpoint)
    try:
        await published_until(feed, lambda: feed.counts.shown > 0)
        keys.revoke("me")
        if cut:
            await in_thread(proxy.cut)
        await published_until(feed, lambda: isinstance(feed.error, mtv.RequestError))
        assert "mtv keys authorise" in str(feed.error)
        keys.authorise(keys.directory() / "client.key", "me")
        shown = feed.counts.shown
        await published_until(feed, lambda: feed.counts.shown > shown)
        assert feed.error is None
    finally:
        await in_thread(feed.close)
        await in_thread(proxy.close)


async def test_a_feed_without_keys_costs_its_producer_nothing(far_daemon: Daemon) -> None:
    (keys.directory() / "client.key_secret").unlink()
    with mtv.Feed("guider", endpoint=far_daemon.handlers.listen) as feed:
        await published_until(feed, lambda: feed.error is not None)
        assert "mtv keys make client" in str(feed.error)
        assert not await in_thread(lambda: feed.publish(np.ones((30, 40))))


class Proxy:
    """Stands for a tunnel: what connects to it is connected with a port, or hung up on while that is away."""

    def __init__(self, port: int) -> None:
        self.port: int | None = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"tcp://127.0.0.1:{self._listening.getsockname()[1]}"
        self.hung_up = 0
        self._open: list[socket.socket] = []
        self._accepting = threading.Thread(target=self._accept)
        self._accepting.start()

    def _accept(self) -> None:
        while True:
            near, _ = self._listening.accept()
            if self.port is None:
                near.close()
                self.hung_up += 1
            elif self.port == 0:
                near.close()
                return
            else:
                far = socket.create_connection(("127.0.0.1", self.port))
                self._open += [near, far]
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=_copy, args=(one, other), daemon=True).start()

    def cut(self) -> None:
        """End what is open."""
        for one in self._open:
            hang_up(one)
        self._open.clear()

    def close(self) -> None:
        self.port = 0
        socket.create_connection(self._listening.getsockname()).close()
        self._accepting.join(10)
        self.cut()
        self._listening.close()


def hang_up(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()


def _copy(one: socket.socket, other: socket.socket) -> None:
    try:
        while data := one.recv(1 << 16):
            other.sendall(data)
        other.shutdown(socket.SHUT_WR)
    except OSError:
        return


async def test_a_tunnel_whose_far_end_is_away_for_a_while_costs_nothing(far_daemon: Daemon) -> None:
    proxy = Proxy(int(far_daemon.handlers.listen.rpartition(":")[2]))
    port = proxy.port
    try:
        connection = await in_thread(lambda: mtv.connect(proxy.endpoint, timeout_secs=30))
        proxy.port = None
        await in_thread(proxy.cut)
        with anyio.fail_after(20):
            while proxy.hung_up < 3:
                await anyio.sleep(0.01)
        proxy.port = port
        assert (await in_thread(connection.status)).listen
        await in_thread(connection.close)
    finally:
        await in_thread(proxy.close)


async def test_a_vanished_host_is_the_kernel_s_to_find_out_because_heartbeats_wait_behind_large_frames(
    far_daemon: Daemon,
) -> None:
    connection = await in_thread(lambda: connected(far_daemon))
    try:
        dealer = connection._get_link()._dealer
        assert dealer is not None
        for side in (far_daemon.far._socket._socket, dealer._socket):
            assert side.getsockopt(zmq.TCP_KEEPALIVE) == 1
            assert 10_000 <= int(side.getsockopt(zmq.TCP_MAXRT)) <= 60_000
            assert side.getsockopt(zmq.HEARTBEAT_IVL) == 0
    finally:
        await in_thread(connection.close)


async def test_addresses_of_ipv6_are_addresses(far_daemon: Daemon) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError as error:
        pytest.skip(f"no IPv6 here: {error}")
    bound = RouterSocket(far_daemon.context, "tcp://[::1]:*", 1 << 20, keys=keys.pair(keys.DAEMON))
    try:
        own = keys.for_client(bound.endpoint)
        assert await in_thread(lambda: handshake(bound.endpoint, own)) == zmq.EVENT_HANDSHAKE_SUCCEEDED
    finally:
        bound.close()


async def test_a_tunnel_that_leads_nowhere_is_told_at_once(far_daemon: Daemon) -> None:
    proxy = Proxy(1)
    proxy.port = None
    try:
        with pytest.raises(mtv.Unavailable, match="behind a tunnel"):
            await in_thread(lambda: mtv.Connection(proxy.endpoint, timing=Timing(hello_secs=50)).status())
    finally:
        await in_thread(proxy.close)


async def test_the_client_makes_its_keys_its_own(far_daemon: Daemon) -> None:
    (keys.directory() / "client.key_secret").chmod(0o644)
    assert "chmod 600" in str(await in_thread(lambda: refused(connected, far_daemon)))
    (keys.directory() / "client.key_secret").chmod(0o600)
    await in_thread(lambda: connected(far_daemon).close())
