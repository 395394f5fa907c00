"""Writer of ``docs/settings.md``: every setting of ``mtvd.toml`` and every variable of the environment."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from mtv.cli.help_words import VARIABLES
from mtvd.settings import listing

PAGE: Final = Path(__file__).resolve().parents[1] / "docs" / "settings.md"

_HEAD: Final = """\
# Settings

The daemon reads `~/.config/mtv/mtvd.toml` (`$XDG_CONFIG_HOME/mtv/mtvd.toml`), or the file of `mtvd serve --config`. No
file is needed. Options of `mtvd serve` and `mtv up` stand above it. A key that is not below is refused, with its name.
`mtv config` shows what is in force and where it is from; `mtv help stage.window` says what one means.

```toml
# ~/.config/mtv/mtvd.toml
pixel_bytes = 16_000_000_000

[stage]
window = "headless"
keep_window = true

[repositories.aliases]
SMALL_HSC = "/data/hsc"
```

This page is made from the code, by `scripts/settings_page.py`."""

_TITLES: Final = {
    "": "The daemon",
    "remote": "`[remote]`: clients on other hosts",
    "stage": "`[stage]`: the window",
    "repositories": "`[repositories]`: Butler repositories",
}


def page() -> str:
    """Return the page."""
    return "\n".join([*_lines(), ""])


def _lines() -> Iterator[str]:
    yield _HEAD
    tables = dict.fromkeys(each.name.rpartition(".")[0] for each in listing.settings())
    for table in tables:
        yield from (
            "",
            f"## {_TITLES.get(table, f'`[{table}]`')}",
            "",
            "| setting | type | default | meaning |",
            "|---|---|---|---|",
        )
        for each in listing.settings():
            owner, _, key = each.name.rpartition(".")
            if owner == table:
                yield f"| `{key}` | {each.kind} | `{_toml(each.default)}` | {_meaning(each.meaning)} |"
    yield from ("", "## Variables of the environment", "", "| variable | meaning |", "|---|---|")
    yield from (f"| `{name}` | {text} |" for name, text in VARIABLES.items())


def _toml(value: object) -> str:
    return json.dumps(value)


def _meaning(text: str) -> str:
    return text.replace("``", "`").replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
