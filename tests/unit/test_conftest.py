"""The rules of the test suite itself, tried on a suite of their own."""

from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
SESSION_CHILD = """
import subprocess, sys, pytest
SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]

@pytest.fixture(scope="session")
def lasting():
    with subprocess.Popen(SLEEP) as process:
        yield process
        process.kill()

def test_before():
    pass

def test_uses(lasting):
    assert lasting.poll() is None
"""


def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, text: str) -> str:
    """Run pytest on one file beside our conftest; return what it printed."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # ours alone is on trial, and plugins cost seconds
    conftest = (TESTS / "conftest.py").read_text()
    pytester.makeconftest(conftest.replace("LEAVING_SECS = 5", "LEAVING_SECS = 0.2"))
    pytester.makeini("[pytest]\nmarkers = live: needs things\nfilterwarnings = ignore\n")
    pytester.makepyfile(test_it=text)
    return str(pytester.runpytest_inprocess("-rs", "-p", "no:cacheprovider").stdout)


LIVE = "import pytest\n@pytest.mark.live('no-such-command')\ndef test_it(): pass\n"


def test_a_live_test_skips_with_a_reason_where_its_part_is_missing(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REQUIRE_LIVE", raising=False)
    output = run(pytester, monkeypatch, LIVE)
    assert "missing here: no-such-command" in output
    assert "1 skipped" in output


def test_a_live_test_fails_where_its_part_was_promised(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUIRE_LIVE", "1")
    output = run(pytester, monkeypatch, LIVE)
    assert "REQUIRE_LIVE=1, but missing here: no-such-command" in output
    assert "1 error" in output


def test_absent_real_files_skip_with_a_reason(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MTV_SHARED_DATA", "/no/such/directory")
    output = run(pytester, monkeypatch, "def test_it(shared_data): pass\n")
    assert "no real files here" in output
    assert "1 skipped" in output


def test_a_module_that_leaves_a_process_is_found_out(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    leak = "import subprocess\ndef test_it():\n    subprocess.Popen(['sleep', '61'])\n"
    output = run(pytester, monkeypatch, leak)
    assert "test_it.py left processes behind" in output
    assert "sleep 61" in output


def test_a_process_of_the_whole_session_is_no_leak(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    pytester.makepyfile(test_second="def test_last():\n    pass\n")
    assert "3 passed" in run(pytester, monkeypatch, SESSION_CHILD)
