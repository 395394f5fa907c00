"""Words that complete ``mtv help`` and ``mtv config``: those that these explain. Asks no daemon."""

from __future__ import annotations

from collections.abc import Iterator

from mtv.cli import help_words
from mtv.cli.completion_shells import Answer


def words_of_help(_asked: object) -> Iterator[Answer]:
    """Yield what ``mtv help`` explains: commands first."""
    from mtv.cli import COMMANDS
    from mtv.verbs import foreign_words

    yield from (Answer(name, entry.summary) for name, entry in COMMANDS.items() if entry.summary)
    yield from (Answer(name, "code of an error") for name in help_words.ERRORS)
    yield from (Answer(name, "variable of the environment") for name in help_words.VARIABLES)
    yield from settings(_asked)
    for words in (foreign_words.OF_DISPLAY, foreign_words.OF_MODULE):
        yield from (Answer(name, str(word)) for name, word in words.items())


def settings(_asked: object) -> Iterator[Answer]:
    """Yield the names of settings."""
    from mtvd.settings import listing

    yield from (Answer(each.name, each.kind) for each in listing.settings())
