"""Completion in real shells, with a key press where a shell wants one."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support import shells

from mtv.testing import ScriptedDaemon
from mtv.wire import messages, reports, requests
from mtv.wire import steps as st

pytestmark = pytest.mark.slow("each key press starts a process, on a busy machine for seconds", secs=60)


@pytest.fixture
def environment(daemon: ScriptedDaemon, tmp_path: Path) -> dict[str, str]:
    """A daemon with a display of a name with a blank, and a repository of one dataset type and one visit."""
    window = reports.WindowState()
    display = reports.DisplayReport(number=3, name="my guider", label="calexp 5", overlays={"psf stars": 4})
    report = reports.Report(
        release="x", pid=1, uptime_secs=1, endpoint=daemon.endpoint, window=window, displays=(display,)
    )
    daemon.script(requests.Status, report)
    daemon.script(st.Query, answer)
    return shells.with_mtv(tmp_path / "bin", MTV_ENDPOINT=daemon.endpoint)


def answer(seen: object) -> messages.Rows:
    query = getattr(seen, "message", None)
    assert isinstance(query, st.Query)
    if query.what == "data_ids":
        return messages.Rows(columns=("visit",), rows=((23718,),))
    return messages.Rows(
        columns=("name", "dimensions", "storage_class"), rows=(("calexp", "instrument, visit, detector", "ExposureF"),)
    )


@pytest.fixture
def bash(environment: dict[str, str], tmp_path: Path) -> Iterator[shells.Shell]:
    command = [shells.needs("bash"), "--norc", "--noprofile", "-i"]
    with shells.Shell(command, {**environment, "PS1": "READY "}, tmp_path) as shell:
        shell.type('eval "$(_MTV_COMPLETE=bash_source mtv)"; echo DO""NE\n')
        shell.wait_for("DONE")
        yield shell


@pytest.fixture
def zsh(environment: dict[str, str], tmp_path: Path) -> Iterator[shells.Shell]:
    with shells.Shell([shells.needs("zsh"), "-f", "-i"], {**environment, "PS1": "READY "}, tmp_path) as shell:
        shell.type('autoload -U compinit; compinit -u -D; eval "$(_MTV_COMPLETE=zsh_source mtv)"; echo DO""NE\n')
        shell.wait_for("DONE")
        yield shell


@pytest.mark.parametrize(
    ("typed", "whole"),
    [
        ("mtv sh\t", "mtv show "),
        ("mtv show ca\t", "mtv show calexp "),
        ("mtv show calexp instr\tHSC", "mtv show calexp instrument=HSC"),
        ("mtv show calexp instrument=HSC visit=2\t", "mtv show calexp instrument=HSC visit=23718 "),
        ("mtv erase -d 3 ps\t", "mtv erase -d 3 psf\\ stars "),
        ("mtv erase -d 3 'ps\t", "mtv erase -d 3 'psf stars'"),
        ("mtv show --display=my\t", "mtv show --display=my\\ guider "),
        ("mtv show --scale 'asinh z\t", "mtv show --scale 'asinh zscale'"),
    ],
)
def test_a_tab_in_bash_writes_the_rest_of_the_word(bash: shells.Shell, typed: str, whole: str) -> None:
    bash.type(typed)
    bash.wait_for(whole)


def test_a_tab_in_bash_completes_files_and_goes_into_directories(bash: shells.Shell, tmp_path: Path) -> None:
    (tmp_path / "zero night").mkdir()
    (tmp_path / "zero night" / "image.fits").touch()
    bash.type("mtv show zer\tim\t")
    bash.wait_for("mtv show zero\\ night/image.fits ")


@pytest.mark.parametrize(
    ("typed", "whole"),
    [
        ("mtv show calex\t", "mtv show calexp "),
        ("mtv show calexp instrument=HSC vis\t2\t", "mtv show calexp instrument=HSC visit=23718 "),
        ("mtv erase -d 3 ps\t", "mtv erase -d 3 psf\\ stars "),
        ("mtv scale asi\tzsc\t", "mtv scale asinh zscale "),
    ],
)
def test_a_tab_in_zsh_writes_the_rest_of_the_word(zsh: shells.Shell, typed: str, whole: str) -> None:
    zsh.type(typed)
    zsh.wait_for(whole)


@pytest.mark.parametrize(
    ("typed", "lines"),
    [
        ("mtv sho", ["show\tShow an image ('mtv mtv' is the same)."]),
        ("mtv show calexp instrument=HSC visit=2", ["visit=23718"]),
        ("mtv erase -d 3 ps", ["psf stars\t4 markers"]),
        ("mtv mask DETECTED fuch", ["fuchsia"]),
    ],
)
def test_fish_offers_the_rest_of_the_word(
    environment: dict[str, str], tmp_path: Path, typed: str, lines: list[str]
) -> None:
    script = f"_MTV_COMPLETE=fish_source mtv | source; complete -C {typed!r}"
    command = [shells.needs("fish"), "--no-config", "-c", script]
    done = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True
    )
    assert [line.rstrip("\t") for line in done.stdout.splitlines()] == lines
