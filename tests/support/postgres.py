"""A PostgreSQL server of a test's own: on a private port of the loopback interface, with a password, never as root."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

USER = "butler"
READY = "ready to accept connections"
END_SECS = 60


class Postgres:
    """A cluster in a directory of its own; may be stopped and started again.

    Attributes
    ----------
    port : `int`
    password_file : `~pathlib.Path`
        For ``PGPASSFILE``.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = free_port()
        self.password = secrets.token_hex(16)
        self.password_file = directory / "pgpass"
        self._data = directory / "data"
        self._process: subprocess.Popen[str] | None = None
        self._write(self.password_file, f"127.0.0.1:*:*:{USER}:{self.password}\n")

    @property
    def url(self) -> str:
        """Where the database is, without the password."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/postgres"

    def create(self) -> None:
        """Make the cluster, start it, and let the database have what Butler needs."""
        given = self.directory / "given"
        self._write(given, self.password)
        if identity := self._identity():
            for path in (self.directory, given):
                shutil.chown(path, identity["user"], identity["group"])
        self._run("initdb", "-D", self._data, "-U", USER, "-A", "scram-sha-256", f"--pwfile={given}", "--no-sync")
        self.start()
        environ = {**os.environ, "PGPASSFILE": str(self.password_file)}
        wanted: list[str | Path] = [_command("psql"), "-q", "-d", self.url, "-c", "CREATE EXTENSION btree_gist"]
        subprocess.run(wanted, env=environ, check=True, timeout=END_SECS)

    def start(self) -> None:
        """Start, and wait until it says that it is ready."""
        options = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "port": self.port,
            "fsync": "off",
            "log_min_error_statement": "panic",
        }
        words = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        self._process = subprocess.Popen(
            [_command("postgres"), "-D", self._data, *words],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.directory,
            env={"LC_ALL": "C", "PATH": os.environ["PATH"]},
            **self._identity(),
        )
        assert self._process.stderr is not None
        said = []
        for line in self._process.stderr:
            said.append(line)
            if READY in line:
                return
        raise AssertionError("".join(said))

    def stop(self) -> None:
        """End it, and its clients' connections with it."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGINT)
        self._process.wait(END_SECS)
        assert self._process.stderr is not None
        self._process.stderr.close()
        self._process = None

    def _run(self, name: str, *arguments: str | Path) -> None:
        done = subprocess.run(
            [_command(name), *arguments],
            capture_output=True,
            text=True,
            cwd=self.directory,
            timeout=END_SECS,
            check=False,
            **self._identity(),
        )
        assert done.returncode == 0, done.stderr

    @staticmethod
    def _identity() -> dict[str, Any]:
        """Who runs it: the server refuses to be root."""
        if os.geteuid() != 0:
            return {}
        return {"user": "postgres", "group": pwd.getpwnam("postgres").pw_gid, "extra_groups": []}

    @staticmethod
    def _write(path: Path, text: str) -> None:
        path.touch(mode=0o600)
        path.write_text(text)


@contextmanager
def postgres() -> Iterator[Postgres]:
    """Have a server running."""
    directory = Path(tempfile.mkdtemp(prefix="mtv-pg-", dir="/tmp"))
    server = Postgres(directory)
    try:
        server.create()
        yield server
    finally:
        server.stop()
        shutil.rmtree(directory, ignore_errors=True)


def free_port() -> int:
    """Return a port of the loopback interface where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _command(name: str) -> Path:
    places = Path("/usr/lib/postgresql").glob(f"*/bin/{name}")
    return max(places, key=lambda path: float(path.parts[4]))
