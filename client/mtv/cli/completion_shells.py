"""Shells that complete ``mtv``: the script of each, the words that it hands over, answers as it wants them. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

BREAKS: Final = "\"'@><=;|&(:"
"""Characters at which bash begins a new word, unless ``$COMP_WORDBREAKS`` says otherwise."""

_SPECIAL: Final = re.compile(r"([\s!\"#$&'()*;<>?\[\\\]^`{|}])")
"""Characters that bash would not take as they are; a tilde in front is meant."""


class Answer(NamedTuple):
    """One way to go on: a whole word, and what it is, where that helps."""

    value: str
    help: str = ""

    @property
    def is_open(self) -> bool:
        """True where more of the same word follows: ``visit=``, ``directory/``, ``first,``."""
        return self.value.endswith(("=", "/", ","))


FILES: Final = Answer("", "files")
"""Stands for the names of files; zsh and fish find these by themselves."""


class Typed(NamedTuple):
    """A command line up to the cursor."""

    words: tuple[str, ...]
    """Whole words, without their quotes."""
    incomplete: str
    """Begin of the word at the cursor, without quotes."""
    quote: str
    """Quote that is open at the cursor, if any."""
    kept: str
    """Part of the incomplete word that the shell leaves alone, because a break stands behind it."""


def split(line: str, breaks: str = "") -> Typed:
    """Split a line as a shell does; a quote that is still open is no error.

    Parameters
    ----------
    line : `str`
        From the command to the cursor.
    breaks : `str`, optional
        Characters at which the shell begins a new word of its own.
    """
    words: list[str] = []
    word: list[str] = []
    begun, quote, kept, escaped = False, "", 0, False
    for character in line:
        if escaped:
            word.append(character)
            escaped = False
        elif character == "\\" and quote != "'":
            begun = escaped = True
        elif quote:
            if character == quote:
                quote = ""
            else:
                word.append(character)
        elif character in "\"'":
            begun, quote, kept = True, character, len(word)
        elif character.isspace():
            if begun:
                words.append("".join(word))
            word, begun, kept = [], False, 0
        else:
            begun = True
            word.append(character)
            if character in breaks:
                kept = len(word)
    return Typed(tuple(words), "".join(word), quote, "".join(word[:kept]) if breaks else "")


def for_bash(typed: Typed, answers: Sequence[Answer]) -> list[str]:
    """Return answers as bash inserts them: without what it keeps, quoted as the user began, a blank behind."""
    lines = []
    for answer in answers:
        rest = answer.value[len(typed.kept) :]
        if typed.quote:
            lines.append(rest)
        else:
            lines.append(_SPECIAL.sub(r"\\\1", rest) + ("" if answer.is_open else " "))
    return lines


def with_help(answers: Sequence[Answer]) -> list[str]:
    """Return answers as zsh and fish read them: a tab between the word and what it is."""
    return [f"{answer.value}\t{answer.help}" for answer in answers]


SCRIPTS: Final = {
    "bash": r"""
_mtv_completion() {
    mapfile -t COMPREPLY < <(COMP_LINE="${COMP_LINE:0:COMP_POINT}" COMP_WORDBREAKS="$COMP_WORDBREAKS" \
        _MTV_COMPLETE=bash_complete "$1" 2>/dev/null)
}
complete -o nospace -o nosort -F _mtv_completion mtv
""",
    "zsh": r"""#compdef mtv
_mtv_completion() {
    local -a closed closed_shown open open_shown
    local line value shown files
    for line in "${(@f)$(COMP_LINE="${(j: :)words[1,CURRENT]}" _MTV_COMPLETE=zsh_complete "${words[1]}" 2>/dev/null)}"
    do
        value="${line%%$'\t'*}"
        shown="$value${${line#*$'\t'}:+  ${line#*$'\t'}}"
        if [[ -z "$value" ]]; then
            [[ -n "$line" ]] && files=yes
        elif [[ "$value" == *[=/,] ]]; then
            open+=("$value")
            open_shown+=("$shown")
        else
            closed+=("$value")
            closed_shown+=("$shown")
        fi
    done
    (( $#closed )) && compadd -l -V mtv -d closed_shown -a closed
    (( $#open )) && compadd -l -V mtv -S '' -d open_shown -a open
    [[ -n "$files" ]] && _files
    return 0
}
if [[ "$zsh_eval_context[-1]" == loadautofunc ]]; then
    _mtv_completion "$@"
else
    compdef _mtv_completion mtv
fi
""",
    "fish": r"""
function _mtv_completion
    for line in (COMP_LINE=(commandline -cp | string collect) _MTV_COMPLETE=fish_complete mtv 2>/dev/null)
        if test "$line" = \tfiles
            __fish_complete_path (commandline -ct)
        else
            echo $line
        end
    end
end
complete --no-files --keep-order --command mtv --arguments "(_mtv_completion)"
""",
}
"""Scripts that teach a shell to complete: ``eval "$(_MTV_COMPLETE=bash_source mtv)"``."""
