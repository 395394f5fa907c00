"""What the command line prints, without a daemon: tables, sizes, times, and what the doctor finds."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import click.testing
import msgspec
import pytest

from mtv.cli import cli, doctor, output
from mtv.cli.common import Call, keywords
from mtv.shared import keys
from mtv.testing import ScriptedDaemon
from mtv.wire.errors import RequestError
from mtv.wire.messages import Progress
from mtv.wire.reports import Report, WindowState
from mtv.wire.requests import Status


def test_numbers_stand_to_the_right_and_words_to_the_left() -> None:
    rows = [("HSC", 41, 0.5, None), ("LATISS", 9, -10.25, True)]
    assert output.lines_of(("instrument", "detector", "seeing", "used"), rows, None) == [
        "instrument  detector  seeing  used",
        "HSC               41     0.5",
        "LATISS             9  -10.25  yes",
    ]


def test_a_table_fits_into_the_terminal_and_its_widest_columns_give_way() -> None:
    lines = output.lines_of(("id", "description"), [(1, "x" * 100)], 40)
    assert max(map(len, lines)) == 40
    assert lines[1] == " 1  " + "x" * 35 + "…"


def test_a_bar_says_what_is_done_and_how_much_of_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")  # a dumb terminal gets no bar
    monkeypatch.setenv("COLUMNS", "120")
    with output.Bar(wanted=True) as bar:
        bar(Progress(done=1_200_000, total=33_600_000, unit="bytes"))
        bar(Progress(done=40, total=0, unit="rows"))
        bar(Progress(done=33_600_000, total=33_600_000, unit="bytes"))
    told = capsys.readouterr().err
    assert "fetching" in told
    assert "33.6 MB of 33.6 MB" in told
    assert "rows" in told
    assert "40/?" in told


def test_a_bar_that_is_not_wanted_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with output.Bar(wanted=False) as bar:
        bar(Progress(done=1, total=2, unit="bytes"))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("progress", "said"),
    [
        (Progress(done=1_234_567, total=0, unit="bytes"), "1.23 MB"),
        (Progress(done=0, total=4096, unit="bytes"), "0 B of 4.1 kB"),
        (Progress(done=12, total=40, unit="detectors"), "12/40"),
    ],
)
def test_progress_is_said_in_its_unit(progress: Progress, said: str) -> None:
    assert output.amount_text(progress) == said


def test_a_column_keeps_some_characters_however_narrow_the_terminal() -> None:
    assert output.fit_widths([50, 3], 1) == [8, 3]


def test_control_characters_do_not_reach_the_terminal() -> None:
    assert output.cell("a\x1b[31m\nb") == "a [31m b"


@pytest.mark.parametrize(("secs", "said"), [(0.4, "0 s"), (59, "59 s"), (3725, "1 h 2 min"), (90_061, "1 d 1 h")])
def test_times_are_said_in_their_two_largest_units(secs: float, said: str) -> None:
    assert output.duration(secs) == said


@pytest.mark.parametrize(("count", "said"), [(0, "0 B"), (999, "999 B"), (8 << 30, "8.59 GB"), (2e12, "2 TB")])
def test_sizes_are_said_in_a_unit_that_fits(count: int, said: str) -> None:
    assert output.size(count) == said


def test_whole_numbers_of_a_data_id_are_numbers_unless_quoted() -> None:
    assert keywords(["visit=23718", "day='007'", "filter=HSC-R", "x=-1", "empty="]) == {
        "visit": 23718,
        "day": "007",
        "filter": "HSC-R",
        "x": -1,
        "empty": "",
    }


@pytest.mark.parametrize("words", [["visit"], ["=3"], ["1x=3"], ["visit=1", "visit=2"]])
def test_a_data_id_that_is_none_is_refused(words: list[str]) -> None:
    with pytest.raises(RequestError, match="data_id"):
        keywords(words)


# Doctor


@pytest.fixture
def call(tmp_path: Path) -> Call:
    made = Call()
    made.endpoint = f"ipc://{tmp_path}/run/mtvd.sock"
    return made


def found(call: Call) -> dict[str, doctor.Finding]:
    return {finding.name: finding for finding in doctor.examine(call)}


def test_a_program_that_is_missing_comes_with_the_command_that_brings_it(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("DISPLAY", raising=False)
    findings = found(call)
    assert findings["ds9"].remedy == "sudo apt-get install saods9"
    assert findings["screen"].remedy == "sudo apt-get install xvfb"


def test_a_display_at_which_nobody_listens_is_a_problem(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":4711")
    assert found(call)["screen"].state == "problem"


def test_a_runtime_directory_that_others_may_enter_is_a_problem(call: Call, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run").chmod(0o755)
    assert found(call)["runtime directory"].remedy == f"chmod 700 {tmp_path}/run"
    (tmp_path / "run").chmod(0o700)
    assert found(call)["runtime directory"].state == "ok"


def test_a_runtime_directory_of_another_user_is_a_problem_with_the_command_that_helps(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "theirs").mkdir(mode=0o700)
    call.endpoint = f"ipc://{tmp_path}/theirs/mtv/mtvd.sock"
    monkeypatch.setattr("mtv.shared.paths.runtime_directory", lambda: tmp_path / "theirs" / "mtv")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "theirs"))
    monkeypatch.delenv("MTV_ENDPOINT", raising=False)
    monkeypatch.setattr("os.geteuid", lambda: os.getuid() + 1000)
    if os.getuid() == 0:
        os.chown(tmp_path / "theirs", 65534, -1)
    findings = found(call)
    assert "not to you" in findings["runtime directory"].text
    assert findings["runtime directory"].remedy.endswith("unset XDG_RUNTIME_DIR")
    assert "daemon" not in findings


def test_a_daemon_whose_pixels_have_no_room_left_is_a_problem(tmp_path: Path) -> None:
    with ScriptedDaemon(tmp_path / "mtvd.sock") as daemon:
        report = Report(release="x", pid=1, uptime_secs=1, endpoint=daemon.endpoint, window=WindowState())
        full = msgspec.structs.replace(report, pixel_bytes=8 << 30, pixel_bytes_limit=8 << 30, pixel_room_bytes=1000)
        daemon.script(Status, full)
        call = Call()
        call.endpoint = daemon.endpoint
        tmp_path.chmod(0o700)
        assert "room for only 1 kB (8.59 GB of 8.59 GB used)" in found(call)["pixels"].text
        daemon.script(Status, msgspec.structs.replace(full, pixel_bytes=0, pixel_room_bytes=8 << 30))
        assert "pixels" not in found(call)


def test_a_socket_path_that_is_too_long_is_a_problem_and_says_how_long(call: Call) -> None:
    call.endpoint = "ipc:///" + "x" * 120
    findings = found(call)
    assert "121 bytes" in findings["socket"].text
    assert "daemon" not in findings


def test_too_little_room_for_pixels_is_a_problem(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_ROOM_BYTES", 1 << 60)
    assert "pixel_directory" in found(call)["room for pixels"].remedy


def test_the_room_for_pixels_is_that_of_the_place_where_the_daemon_would_put_them(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mtv.shared.paths.pixel_directory", lambda _: tmp_path / "chosen" / "pixels")
    assert found(call)["room for pixels"].text.endswith(f"free in {tmp_path}")


def test_a_damaged_journal_that_was_kept_is_told_of_and_a_sound_one_is_not(call: Call, tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    call.endpoint = f"ipc://{tmp_path}/mtvd.sock"
    assert "journal" not in found(call)
    (tmp_path / "journal.damaged").write_bytes(b"x")
    assert found(call)["journal"].remedy == f"rm {tmp_path}/journal.damaged"


def test_no_daemon_alone_is_exit_code_3_as_one_json_document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_LOOKS", (doctor._socket, doctor._daemon))
    endpoint = f"ipc://{tmp_path}/mtvd.sock"
    tmp_path.chmod(0o700)
    result = click.testing.CliRunner().invoke(cli, ["doctor", "--json", "--endpoint", endpoint])
    assert result.exit_code == 3
    assert json.loads(result.stdout)[-1] == {
        "name": "daemon",
        "state": "problem",
        "text": f"mtvd does not listen at {tmp_path}/mtvd.sock",
        "remedy": "mtv up",
    }


def test_an_x_server_that_listens_is_well(tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("\0/tmp/.X11-unix/X4712")
        server.listen()
        monkeypatch.setenv("DISPLAY", ":4712")
        assert found(call)["screen"].state == "ok"


def test_doctor_looks_at_the_keys_where_the_daemon_is_reached_by_tcp(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    call = Call()
    call.endpoint = "tcp://127.0.0.1:1"
    findings = found(call)
    assert findings["keys"].remedy == "mtv keys make client"
    assert set(findings) == {"client", "socket", "keys"}  # no window and no daemon is wanted on this host
    keys.make(keys.CLIENT)
    assert "mtv keys trust 127.0.0.1" in found(call)["keys"].remedy
    keys.make(keys.DAEMON)
    findings = found(call)
    assert findings["keys"].state == "ok"
    assert "mtv up --listen" in findings["daemon"].remedy
