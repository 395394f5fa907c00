"""A client over TCP with keys: query, mtv with a mask, get, load, overlay, feed, the command; and a killed daemon."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.support.live_daemon import START_SECS, LiveDaemon

import mtv
from mtv.shared import keys

pytestmark = [pytest.mark.live, pytest.mark.slow("a window and workers start in it", secs=40)]

JOB = """
import sys, numpy as np, mtv
index = int(sys.argv[1])
with mtv.Feed("job", timeout_secs=200, every=True) as feed:
    for number in range(1, 6):
        feed.publish(np.full((300, 400), 10 * index + number, "f4"), mask=np.ones((300, 400), "u1"), planes={"SAT": 0})
    feed.close(200)
display = mtv.Display(index)
display.mtv(np.full((30, 40), index, "f4"))
display.dot("o", 3, 4)
print(*feed.counts[:3])
"""


POOL = """
import multiprocessing as mp, sys, numpy as np, mtv
def work(index):
    mtv.Display("pool").dot("o", index, index)
    return mtv.default_connection().session
if __name__ == "__main__":
    display = mtv.Display("pool")
    display.mtv(np.zeros((30, 40), "f4"))  # a connection that the children must not share
    with mp.get_context(sys.argv[1]).Pool(2) as pool:
        sessions = pool.map(work, range(8), chunksize=1)
    display.sync()
    assert display.connection.session not in sessions
    print(sum(display.connection.status().displays[-1].overlays.values()))
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@pytest.fixture(scope="module")
def far_daemon(demo_repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveDaemon]:
    """A daemon that hears other hosts; this process has the keys of both sides, and its endpoint is that of TCP."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
        keys.make(keys.DAEMON)
        keys.make(keys.CLIENT)
        keys.authorise(keys.directory() / "client.key", "jobs")
        short = tmp_path_factory.mktemp("d")
        daemon = LiveDaemon(short, {"demo": demo_repository}, listen=f"tcp://127.0.0.1:{free_port()}")
        daemon.start()
        daemon.endpoint = daemon.listen
        yield daemon
        status = daemon.stop()
        daemon.end_window()
        assert status == 0, daemon.log.read_text()[-2000:]


def test_a_client_queries_gets_and_shows_what_it_got(far_daemon: LiveDaemon, chain: str) -> None:
    connection = far_daemon.connect()
    assert connection.pixel_directory is None
    repository = mtv.Repository(connection=connection)
    refs = repository.query("calexp", collections=chain, instrument="HSC", visit=23718)
    calexp = repository.get(refs[0])
    assert calexp.image.shape == calexp.mask.shape == calexp.variance.shape
    assert calexp.mask.any()
    calexp.image[0, 0] = 5  # it is the client's own
    display = mtv.Display(0, connection=connection)
    display.mtv(calexp)
    x0, y0 = calexp.xy0
    value = float(calexp.image[7, 9])
    with far_daemon.probe() as window:
        assert float(window.value(x0 + 9, y0 + 7)) == pytest.approx(value)
        assert window.masks() >= 1
    src = repository.get("src", collections=chain, **refs[0].data_id)
    display.overlay("sources", src.x, src.y, symbol="o", size=10)
    with far_daemon.probe() as window:
        assert window.markers() == len(src)


def test_a_mask_that_went_packed_is_shown_as_one_that_went_by_file(
    far_daemon: LiveDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = np.zeros((400, 600), "f4")
    mask = np.zeros(image.shape, "u2")
    mask[100:120, 200:260], mask[200:210, 10:500] = 1, 1 << 12
    planes = {"SAT": 0, "CR": 12}
    pictures = []
    for endpoint in (far_daemon.listen, far_daemon.local_endpoint):
        with mtv.connect(endpoint, timeout_secs=START_SECS) as connection:
            assert (connection.pixel_directory is None) == (endpoint == far_daemon.listen)
            display = mtv.Display("masked", connection=connection)
            display.mtv(image, mask=mask, planes=planes)
            display.show()
            pictures.append(display.snapshot())
    assert pictures[0] == pictures[1]


def test_datasets_are_loaded_and_shown_without_coming_here(far_daemon: LiveDaemon, chain: str) -> None:
    connection = far_daemon.connect()
    repository = mtv.Repository(connection=connection)
    refs = repository.query("calexp", collections=chain, instrument="HSC", visit=1214)
    display = mtv.Display(2, connection=connection)
    for handle in repository.load(refs[:2]):
        display.mtv(handle)
    with far_daemon.probe() as window:
        assert 2 in window.frames()


def test_jobs_in_processes_of_their_own_feed_and_draw(far_daemon: LiveDaemon) -> None:
    environment = far_daemon.environment()
    assert environment["MTV_ENDPOINT"] == far_daemon.listen
    jobs = [
        subprocess.Popen([sys.executable, "-c", JOB, str(index)], env=environment, stdout=subprocess.PIPE, text=True)
        for index in (5, 6)
    ]
    for job in jobs:
        said, _ = job.communicate(timeout=START_SECS)
        assert (job.returncode, said.split()) == (0, ["5", "5", "0"])
    with far_daemon.probe() as window:
        assert {window.value(3, 3, frame=5), window.value(3, 3, frame=6)} == {"5", "6"}
    with mtv.connect(far_daemon.local_endpoint) as connection:
        assert "job" in {report.name for report in connection.status().displays}


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_of_a_pool_have_sessions_of_their_own(far_daemon: LiveDaemon, tmp_path: Path, method: str) -> None:
    script = tmp_path / "pool.py"
    script.write_text(POOL)
    command = [sys.executable, "-W", "ignore", str(script), method]
    done = subprocess.run(command, env=far_daemon.environment(), capture_output=True, text=True, timeout=START_SECS)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["8"]


def test_the_command_works_from_another_host_but_for_what_is_refused_there(far_daemon: LiveDaemon) -> None:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "mtv.cli", *words]
        return subprocess.run(
            command, env=far_daemon.environment(), capture_output=True, text=True, timeout=START_SECS, check=False
        )

    status = json.loads(run("status", "--json").stdout)
    assert status["listen"] == far_daemon.listen
    assert run("overlay", "--at", "1,2").returncode == 0
    assert run("scale", "asinh", "zscale").returncode == 0
    for words in (("down",), ("show", "/etc/hosts.fits")):
        refused = run(*words)
        assert refused.returncode == 1
        assert "host" in refused.stderr
    assert run("doctor").returncode in {0, 1}
    assert run("status").returncode == 0


def test_a_connection_and_a_feed_outlive_a_killed_daemon(far_daemon: LiveDaemon) -> None:
    connection = far_daemon.connect()
    display = mtv.Display(7, connection=connection)
    display.mtv(np.full((30, 40), 1, "f4"))
    with mtv.Feed("guider", endpoint=far_daemon.endpoint) as feed:
        shows_another(feed)
        far_daemon.kill()
        for _ in range(3):
            feed.publish(np.zeros((300, 400), "f4"))
        far_daemon.start()
        shows_another(feed)
    display.mtv(np.full((30, 40), 2, "f4"))
    with far_daemon.probe() as window:
        assert window.value(3, 3, frame=7) == "2"


def shows_another(feed: mtv.Feed) -> None:
    before, deadline, pause = feed.counts.shown, time.monotonic() + START_SECS, threading.Event()
    while feed.counts.shown <= before:
        assert time.monotonic() < deadline, (feed, feed.error)
        feed.publish(np.ones((300, 400), "f4"))
        pause.wait(0.02)
