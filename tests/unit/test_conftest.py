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


TIMES = """
import pytest
def limit(request): return request.node.get_closest_marker("timeout").args[0]
def test_plain(request): assert limit(request) == 20 * 3
@pytest.mark.slow("it sleeps", secs=50)
def test_slow(request): assert limit(request) == 50 * 3
@pytest.mark.timeout(7)
def test_own(request): assert limit(request) == 7
"""


def test_a_test_has_20_s_or_what_it_says_why_times_the_factor_of_the_machine(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MTV_TEST_FACTOR", "3")
    assert "3 passed" in run(pytester, monkeypatch, TIMES)


@pytest.mark.parametrize("arguments", ["secs=50", "'', secs=50", "'why', secs=20"])
def test_whoever_wants_more_time_says_why_and_how_much(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, arguments: str
) -> None:
    text = f"import pytest\n@pytest.mark.slow({arguments})\ndef test_it(): pass\n"
    assert "1 passed" not in run(pytester, monkeypatch, text)
