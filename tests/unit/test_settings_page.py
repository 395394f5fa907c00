"""Settings one by one: the page of the documentation is that of the code, and where a value is from."""

from __future__ import annotations

from pathlib import Path

import pytest

import settings_page
from mtvd.settings import config, listing, options


def test_the_page_of_settings_is_up_to_date() -> None:
    assert settings_page.PAGE.read_text("utf-8") == settings_page.page(), "run scripts/settings_page.py"


@pytest.mark.parametrize("setting", listing.settings(), ids=lambda setting: setting.name)
def test_every_setting_has_a_meaning(setting: listing.Setting) -> None:
    assert setting.meaning.endswith((".", ";")), setting.meaning


def test_each_value_tells_where_it_is_from(tmp_path: Path) -> None:
    file = tmp_path / "mtvd.toml"
    file.write_text('requests = 7\n[stage]\nwindow = ":3"\n[repositories.environment]\nKEY = "secret"\n')
    file.chmod(0o600)
    used = options.merge(config.read(file), window="headless")
    sources = listing.Sources(file, {"stage.window": "option --window"})
    told = {each.name: each for each in listing.in_force(used, sources)}
    assert (told["requests"].value, told["requests"].source) == (7, f"file {file}")
    assert (told["stage.window"].value, told["stage.window"].source) == ("headless", "option --window")
    assert (told["stage.title"].value, told["stage.title"].source) == ("mtv", "default")
    assert told["repositories.environment"].value == {"KEY": listing.HIDDEN}
    assert set(told) == {setting.name for setting in listing.settings()}
