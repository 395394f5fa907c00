"""``mtv help``: what it explains, what it does not know, and the manual pages."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.support.scripted import Run

from mtv.cli import COMMANDS, common, help_words
from mtv.cli.help_pages import pages
from mtv.wire.errors import CODES
from mtvd.settings import listing


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("show",), "Usage: mtv show"),
        (("query", "types"), "Usage: mtv query types"),
        (("mtv", "show"), "Usage: mtv show"),
        (("stage.window",), "setting in table [stage] of mtvd.toml"),
        (("pixel_bytes",), "8589934592"),
        (("no_window",), "mtv.Unavailable in Python; exit code 3"),
        (("bad_value",), "mtv.RequestError in Python; exit code 1"),
        (("4",), "no answer in time"),
        (("MTV_REPO",), "as --repo"),
        (("$MTV_INSTRUMENT",), "Instrument"),
        (("set_mask_transparency",), "help(mtv.Display.set_mask_transparency)"),
        (("repository.query",), "help(mtv.Repository.query)"),
        (("setMaskTransparency",), "display.set_mask_transparency(percent)"),
        (("ds9.set('frame 1')",), "mtv.Display(number)"),
        (("xpaset", "-p", "ds9", "zoom", "to", "fit"), "mtv zoom FACTOR"),
        (("select",), "--select: option of mtv watch, catalog, overlay Of a table, only the rows"),
        (("--add",), "--add: option of mtv overlay"),
        (("mask", "planes"), "mask plane: A named bit of the mask"),
        (("visit",), "visit: A dimension"),
        (("data_id",), "data ID: Keys and values"),
        (("raw",), "raw: A dataset type"),
        ((), "Usage: mtv [OPTIONS]"),
    ],
)
def test_a_word_is_explained(run: Run, words: tuple[str, ...], told: str) -> None:
    assert told in " ".join(run("help", "--", *words).output.split())


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("overlai", "did you mean 'overlay'"),
        ("selct", "'select'"),
        ("stage.windw", "did you mean 'stage.window'"),
        ("no_deamon", "'no_daemon'"),
        ("setMaskTransparancy", "'setMaskTransparency'"),
        ("qqqqqqqqqq", "mtv --help lists the commands"),
        ("x" * 100_000, "mtv --help lists the commands"),
        ("(", "mtv --help lists the commands"),
    ],
)
def test_a_word_that_nobody_knows_is_refused_with_near_ones(run: Run, word: str, hint: str) -> None:
    output = run("help", word, code=1).output
    assert hint in output
    assert len(output) < 400


def test_every_code_of_an_error_is_explained_and_no_other() -> None:
    assert set(help_words.ERRORS) == set(CODES)


def test_every_exit_code_is_explained() -> None:
    codes = {common.REFUSED, common.USAGE, common.ABSENT, common.OVERDUE, common.BROKEN}
    assert set(help_words.EXITS) == {0, *codes, common.INTERRUPTED, common.NOT_READ}


@pytest.mark.parametrize("setting", listing.settings(), ids=lambda setting: setting.name)
def test_every_setting_is_explained(run: Run, setting: listing.Setting) -> None:
    assert setting.meaning
    told = " ".join(run("help", setting.name).output.split())
    assert setting.meaning.replace("``", "'") in told


def test_there_is_a_page_for_every_command() -> None:
    assert {"mtv.1", *(f"mtv-{name}.1" for name, entry in COMMANDS.items() if entry.summary)} <= set(pages())


def test_pages_are_roff_without_faults(tmp_path: Path, run: Run) -> None:
    checker = shutil.which("mandoc")
    if checker is None:
        pytest.skip("mandoc is not installed (apt-get install mandoc)")
    run("help", "--man", str(tmp_path))
    done = subprocess.run(
        [checker, "-T", "lint", "-W", "error", *sorted(tmp_path.glob("*.1"))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_a_page_says_what_the_command_says() -> None:
    page = pages()["mtv-mask.1"]
    assert "mtv mask \\-\\-transparency 50" in page
    assert ".B \\-\\-transparency PERCENT" in page
    assert "\b" not in page


def test_pages_that_cannot_be_written_are_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "file" in run("help", "--man", str(tmp_path / "file"), code=1).output


def test_the_commands_that_explanations_name_exist() -> None:
    named = re.findall(r"'mtv (\w+)", " ".join([*help_words.TERMS.values(), *help_words.ERRORS.values()]))
    assert len(named) > 20
    assert set(named) <= COMMANDS.keys()
