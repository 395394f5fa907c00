"""A lane that also tells the value of a Tcl word: tests look at a DS9 by it, past daemon and channel."""

from __future__ import annotations

from typing import Final

from mtvd.host.children import serve
from mtvd.stage.window.lane import Lane

_EVALUATOR: Final = b"""
proc mtv_send_value {xpa cdata param} {xpasetbuf $xpa $::mtv_value}
catch {xpacmdadd $::xpa mtvvalue {} mtv_send_value {} {} {} {} {}}
set ::errorInfo {}
"""


class Eye(Lane):
    """A lane that looks."""

    def __init__(self) -> None:
        super().__init__()
        self._has_evaluator = False

    def evaluate(self, expression: str) -> str:
        """Return the value of a Tcl word, in a window that may not have the agent yet."""
        if not self._has_evaluator:
            self.set("tcl", _EVALUATOR)
            self._has_evaluator = True
        self.set("tcl", b"set ::mtv_value " + expression.encode())
        return self.get("mtvvalue")


def main() -> None:
    """Serve until standard input ends."""
    eye = Eye()
    serve({"connect": eye.connect, "evaluate": eye.evaluate})


if __name__ == "__main__":
    main()
