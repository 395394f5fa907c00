"""Words of afw, pyds9 and DS9: each missing name is answered with the word that does it here."""

from __future__ import annotations

import copy
import pickle
import re
import subprocess
import sys

import pytest

import mtv
from mtv.verbs import foreign_words
from mtv.verbs.foreign_words import OF_DISPLAY, OF_DS9, OF_MODULE, Word, find

EVERY = [*OF_DISPLAY.items(), *OF_MODULE.items(), *OF_DS9.items()]


@pytest.mark.parametrize(("name", "word"), EVERY, ids=[name for name, _ in EVERY])
def test_each_word_that_is_named_exists(name: str, word: Word) -> None:
    assert str(word)
    owner, _, attribute = word.python.partition("(")[0].partition(".")
    owners = {"display": mtv.Display, "repository": mtv.Repository, "mtv": mtv}
    assert not word.python or hasattr(owners[owner], attribute), word.python
    from mtv.cli import COMMANDS

    shell = word.shell.split()
    assert not shell or shell[0] == "--display" or (shell[0] == "mtv" and shell[1] in COMMANDS), word.shell


def test_a_name_of_afw_on_a_display_is_answered_with_ours() -> None:
    with pytest.raises(AttributeError, match=re.escape("use display.set_mask_transparency(percent)")) as caught:
        _ = mtv.Display().setMaskTransparency  # type: ignore[attr-defined]
    assert caught.value.name == "setMaskTransparency"


def test_a_name_that_is_misspelt_is_answered_with_a_near_one() -> None:
    with pytest.raises(AttributeError, match="did you mean 'overlay'"):
        _ = mtv.Display().overlai  # type: ignore[attr-defined]


def test_a_name_of_the_modules_is_answered_with_ours() -> None:
    with pytest.raises(AttributeError, match=re.escape("use mtv.get_display(frame)")):
        _ = mtv.getDisplay


def test_a_display_is_copied_and_pickled_as_before() -> None:
    display = mtv.Display("guider")
    assert copy.copy(display).frame == "guider"
    assert pickle.loads(pickle.dumps(display)).frame == "guider"
    assert not hasattr(display, "_repr_html_")


def test_a_plain_use_loads_no_table() -> None:
    code = "import mtv, sys; mtv.Display().frame; print('mtv.verbs.foreign_words' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": ":".join(filter(None, sys.path))},
    )
    assert done.stdout == "False\n"


@pytest.mark.parametrize(
    ("text", "python"),
    [
        ("setMaskTransparency", "display.set_mask_transparency(percent)"),
        ("display.setMaskTransparency(60)", "display.set_mask_transparency(percent)"),
        ("ds9.set('frame 1')", "mtv.Display(number)"),
        ('d.set("zoom to fit")', "display.zoom(factor, x, y)"),
        ("xpaset -p ds9 zoom to fit", "display.zoom(factor, x, y)"),
        ("xpaget ds9 regions", "display.overlay(name, x, y)"),
        ("d.get('cmap')", "display.colormap(name)"),
        ("set cmap heat", "display.colormap(name)"),
        ("cmap", "display.colormap(name)"),
        ("afwDisplay.getDisplay(frame=1)", "mtv.get_display(frame)"),
    ],
)
def test_what_was_written_elsewhere_is_understood(text: str, python: str) -> None:
    found = find(text)
    assert found is not None
    assert found.python == python


@pytest.mark.parametrize("text", ["", "nothing at all", "ds9.set(", "(((", "set", "é" * 1000, "x" * 100_000])
def test_what_is_not_understood_is_no_error(text: str) -> None:
    assert find(text) is None or not foreign_words.find(text).python  # type: ignore[union-attr]
