"""The user service: the unit as rendered, and what is asked of systemd."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from mtvd.host import service

PROJECT = Path(__file__).resolve().parents[2]


class Systemd:
    """Records what it is asked; fails where told."""

    def __init__(self, *, failing: str = "", says: str = "") -> None:
        self.asked: list[str] = []
        self._failing = failing
        self._says = says

    def __call__(self, command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
        assert list(command[:2]) == ["systemctl", "--user"]
        self.asked.append(" ".join(command[2:]))
        failed = bool(self._failing) and self._failing in self.asked[-1]
        return subprocess.CompletedProcess(command, int(failed), stdout="", stderr=self._says if failed else "")


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"XDG_CONFIG_HOME": str(tmp_path / "config"), "DISPLAY": ":7"}


def test_the_unit_of_a_checkout_is_the_one_under_systemd() -> None:
    assert service.unit_text() == (PROJECT / "systemd" / "mtvd.service").read_text()


def test_only_path_and_program_are_rendered() -> None:
    template = service.unit_text()
    rendered = service.render(template, python=Path("/opt/a b/bin/python"), path=["/opt/a b/bin", "/usr/bin"])
    changed = [line for line in rendered.splitlines() if line not in template.splitlines()]
    assert changed == [
        'Environment="PATH=/opt/a b/bin:/usr/bin"',
        'ExecStart="/opt/a b/bin/python" -P -m mtvd serve',
    ]
    assert len(rendered.splitlines()) == len(template.splitlines())


def test_signs_that_systemd_reads_are_escaped() -> None:
    rendered = service.render(service.unit_text(), python=Path('/100%/"q"\\/python'), path=["/bin"])
    assert 'ExecStart="/100%%/\\"q\\"\\\\/python" -P -m mtvd serve' in rendered


@pytest.mark.parametrize("name", ["/a\nExecStart=/bin/evil", "/a$HOME"])
def test_a_name_that_a_unit_cannot_hold_is_refused(name: str) -> None:
    with pytest.raises(service.ServiceError, match="cannot name"):
        service.render(service.unit_text(), python=Path(name), path=["/bin"])


def test_a_template_without_a_program_is_refused() -> None:
    with pytest.raises(service.ServiceError, match="ExecStart="):
        service.render("[Service]\nEnvironment=PATH=/bin\n", python=Path("/bin/python"), path=["/bin"])


def test_the_search_path_has_every_directory_once() -> None:
    found = ["/opt/ds9/bin/ds9", "/usr/bin/Xvfb", None]
    path = service.search_path(python=Path("/venv/bin/python"), home=Path("/home/ann"), found=found)
    names = ["/venv/bin", "/home/ann/.local/bin", "/usr/local/bin", "/usr/bin", "/bin", "/opt/ds9/bin"]
    assert path == [Path(name) for name in names]


def test_install_may_leave_the_start_to_the_next_login(environ: dict[str, str]) -> None:
    systemd = Systemd()
    service.install(environ=environ, run=systemd, start=False)
    assert systemd.asked[-1] == "enable mtvd.service"


def test_install_writes_the_unit_and_starts_it(environ: dict[str, str]) -> None:
    systemd = Systemd()
    target = service.install(environ=environ, run=systemd)
    assert target == Path(environ["XDG_CONFIG_HOME"]) / "systemd" / "user" / "mtvd.service"
    assert f'ExecStart="{sys.executable}" -P -m mtvd serve' in target.read_text()
    assert systemd.asked == [
        "show --property=Version",
        "import-environment DISPLAY",
        "daemon-reload",
        "enable mtvd.service",
        "restart mtvd.service",
    ]


def test_install_where_systemd_serves_no_users_writes_nothing(environ: dict[str, str]) -> None:
    systemd = Systemd(failing="show", says="Failed to connect to bus")
    with pytest.raises(service.ServiceError, match="Failed to connect to bus") as caught:
        service.install(environ=environ, run=systemd)
    assert "mtv up" in caught.value.hint
    assert not Path(environ["XDG_CONFIG_HOME"]).exists()


def test_install_without_systemctl_says_what_to_do_instead(environ: dict[str, str]) -> None:
    def nothing(command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
        raise FileNotFoundError(command[0])

    with pytest.raises(service.ServiceError, match="no systemd") as caught:
        service.install(environ=environ, run=nothing)
    assert "mtv up" in caught.value.hint


def test_a_start_that_fails_names_the_command_and_the_journal(environ: dict[str, str]) -> None:
    with pytest.raises(service.ServiceError, match=r"restart mtvd.service: Job failed") as caught:
        service.install(environ=environ, run=Systemd(failing="restart", says="Job failed"))
    assert "journalctl" in caught.value.hint


def test_remove_stops_the_service_and_takes_the_file_away(environ: dict[str, str]) -> None:
    target = service.install(environ=environ, run=Systemd())
    systemd = Systemd()
    assert service.remove(environ=environ, run=systemd) == target
    assert not target.exists()
    assert systemd.asked == ["show --property=Version", "disable --now mtvd.service", "daemon-reload"]


def test_remove_of_nothing_asks_nothing(environ: dict[str, str]) -> None:
    systemd = Systemd()
    assert service.remove(environ=environ, run=systemd) is None
    assert systemd.asked == []
