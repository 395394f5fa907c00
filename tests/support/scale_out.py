"""Other hosts in processes of their own: a file store that speaks S3, a Butler server, a host that never answers."""

from __future__ import annotations

import http.server
import math
import os
import signal
import socket
import socketserver
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.support import repo_sample as sample
from tests.support.postgres import Postgres, postgres

PROJECT = Path(__file__).resolve().parents[2]
BUCKET = "sky"
END_SECS = 60
BUILD_SECS = 300
STORE = """
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

server = make_server("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), threaded=True)
print(server.server_port, flush=True)
server.serve_forever()
"""


class Peer:
    """A process that can be frozen: its port takes connections then, and nothing answers."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process = process
        self.port = port

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Let it hang while inside."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def end(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait(END_SECS)
        if self.process.stdout:
            self.process.stdout.close()


class Store(Peer):
    """The file store; keeps its objects in memory, and takes requests without a signature too."""

    def environment(self) -> dict[str, str]:
        """What its clients need."""
        return {
            "S3_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "somebody",
            "AWS_SECRET_ACCESS_KEY": "not-to-be-shown",
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def put(self, path: str, body: bytes = b"") -> None:
        """Write an object, or make a bucket."""
        self._send("PUT", path, body)

    def remove(self, path: str) -> None:
        """Remove an object."""
        self._send("DELETE", path)

    def names(self, prefix: str) -> list[str]:
        """Return the names of the objects that begin so, without the bucket's."""
        listing = self._send("GET", f"{BUCKET}?list-type=2&prefix={prefix}").decode()
        return [part.partition("<")[0] for part in listing.split("<Key>")[1:]]

    def _send(self, method: str, path: str, body: bytes | None = None) -> bytes:
        headers = {"Authorization": "AWS somebody:anything", "Content-Type": "application/octet-stream"}
        request = urllib.request.Request(f"{self.url}/{path}", data=body, method=method, headers=headers)
        with urllib.request.urlopen(request, timeout=END_SECS) as response:
            content: bytes = response.read()
            return content


@dataclass(frozen=True, kw_only=True)
class FarSite:
    """The sample repository with its registry in PostgreSQL and its files in a store."""

    root: str
    """URI of the repository."""
    store: Store
    environment: dict[str, str]
    """What its readers need."""
    scratch: Path
    """Where its files were made."""

    def path_in_store(self, visit: int, detector: int) -> str:
        """Return the object of a calexp, with its bucket."""
        names = self.store.names(f"repo/{sample.RUN}/calexp")
        (found,) = [name for name in names if f"_{visit}_1_{detector}_" in name]
        return f"{BUCKET}/{found}"

    def file(self, visit: int, detector: int) -> Path:
        """Return the file that was copied there."""
        return self.scratch / sample.RUN / "calexp" / f"calexp_{visit}_{detector}.fits"


@contextmanager
def far_site(scratch: Path) -> Iterator[FarSite]:
    """Have the servers running and the repository made."""
    root = f"s3://{BUCKET}/repo/"
    with postgres() as registry, file_store() as store:
        environment = build_repository(root, registry, scratch, store)
        yield FarSite(root=root, store=store, environment=environment, scratch=scratch)


@contextmanager
def file_store() -> Iterator[Store]:
    """Have a file store running, with one bucket."""
    process = subprocess.Popen(
        [sys.executable, "-c", STORE], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    store = Store(process, int(process.stdout.readline()))
    try:
        store.put(BUCKET)
        yield store
    finally:
        store.end()


class SlowLine:
    """A relay in front of a peer; when it is narrow, only so much of the answers comes through until it is opened."""

    def __init__(self, port: int) -> None:
        self._peer_port = port
        self._changed = threading.Condition()
        self._left_bytes = math.inf
        self.port = 0

    def narrow(self, size_bytes: int) -> None:
        """Let so many bytes through from now on."""
        with self._changed:
            self._left_bytes = size_bytes

    def open(self) -> None:
        """Let everything through."""
        with self._changed:
            self._left_bytes = math.inf
            self._changed.notify_all()

    def relay(self, near: socket.socket) -> None:
        """Carry one connection until either side ends it."""
        with socket.create_connection(("127.0.0.1", self._peer_port)) as far:
            asking = threading.Thread(target=_carry, args=(near, far, lambda _: None))
            asking.start()
            _carry(far, near, self._take)
            asking.join()

    def _take(self, size_bytes: int) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._left_bytes > 0, END_SECS)
            self._left_bytes -= size_bytes


def _carry(source: socket.socket, sink: socket.socket, take: Callable[[int], None]) -> None:
    with suppress(OSError):  # whoever ends a connection may do so in the middle
        while chunk := source.recv(1 << 16):
            take(len(chunk))
            sink.sendall(chunk)
    for end in (source, sink):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@contextmanager
def slow_line(peer: Peer) -> Iterator[SlowLine]:
    """Have a slow line to a peer; whoever uses it is to be gone at the end."""
    line = SlowLine(peer.port)

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            line.relay(self.request)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        line.port = server.server_address[1]
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        try:
            yield line
        finally:
            line.open()
            server.shutdown()
            serving.join()


@contextmanager
def butler_server(repository: str, environment: Mapping[str, str], log: Path) -> Iterator[Peer]:
    """Have a Butler server running for a repository, under the name ``demo``; it takes any token."""
    settings = {
        "DAF_BUTLER_SERVER_REPOSITORIES": f'{{"demo": {{"config_uri": "{repository}", "authorized_groups": ["*"]}}}}',
        "DAF_BUTLER_SERVER_GAFAELFAWR_URL": "DISABLED",
        "DAF_BUTLER_SERVER_AUTHENTICATION": "rubin_science_platform",
    }
    factory = "lsst.daf.butler.remote_butler.server:create_app"
    with socket.socket() as listening, log.open("wb") as output:
        listening.bind(("127.0.0.1", 0))
        listening.listen()  # who connects before it is ready waits in the queue
        number = listening.fileno()
        process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "--factory", factory, "--fd", str(number)],
            env={**os.environ, **environment, **settings},
            pass_fds=[number],
            stdout=output,
            stderr=output,
            text=True,
        )
        server = Peer(process, listening.getsockname()[1])
    try:
        place = f"{server.url}/api/butler/repo/demo"
        universe = urllib.request.Request(f"{place}/v1/universe", headers={"Authorization": "Bearer anything"})
        for asked in (f"{place}/butler.yaml", universe):  # it opens its repository when it is first asked of it
            urllib.request.urlopen(asked, timeout=END_SECS).close()
        yield server
    finally:
        server.end()


@contextmanager
def silent_server(of: Peer) -> Iterator[str]:
    """Have a Butler server that hands out the configuration of another one's, and answers nothing else."""
    configuration = urllib.request.urlopen(f"{of.url}/api/butler/repo/demo/butler.yaml", timeout=END_SECS).read()
    over = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if not self.path.endswith("/butler.yaml"):
                over.wait(END_SECS)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(configuration)))
            self.end_headers()
            self.wfile.write(configuration)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/api/butler/repo/demo/"
        finally:
            over.set()
            server.shutdown()
            serving.join()


@contextmanager
def silent_host() -> Iterator[int]:
    """Have a port that takes connections and never answers."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening.getsockname()[1]


def build_repository(root: str, postgres: Postgres, scratch: Path, store: Store | None = None) -> dict[str, str]:
    """Make the sample repository, in a process of its own; return the environment that its readers need."""
    needed = {"PGPASSFILE": str(postgres.password_file), **(store.environment() if store else {})}
    paths = os.pathsep.join([str(PROJECT), *(path for path in sys.path if path)])
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.repo_sample", root, postgres.url, scratch],
        env={**os.environ, **needed, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=BUILD_SECS,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return needed
