"""Words that ``mtv help`` explains besides commands: codes of errors, exit codes and variables of the environment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mtv.wire.errors import Code

ERRORS: Final[Mapping[Code, str]] = {
    "bad_message": "The bytes are no message of the protocol: client and daemon may be of different versions.",
    "unsupported_version": "The daemon speaks another major version of the protocol. Install the same release.",
    "unknown_type": "The daemon knows no such message: it is older than the client. Install the same release.",
    "bad_value": "A value is not possible; the message names the field, and says what is.",
    "too_large": "Over a limit of the daemon: split the request, or cut out a part (--bbox).",
    "not_found": "There is no such dataset or file: 'mtv query TYPE KEY=VALUE' lists those that there are.",
    "ambiguous": "The data ID fits several datasets: add the keys that the hint names, or name one collection.",
    "unknown_repository": "No repository has that name: 'mtv repos' lists them, 'mtv up --repo ALIAS=PATH' adds one.",
    "unknown_dataset_type": "The repository has no such dataset type: 'mtv query types' lists them.",
    "unknown_collection": "The repository has no such collection: 'mtv query collections' lists them.",
    "bad_query": "The registry refuses the query: a key, field or expression is wrong, and the message names it.",
    "unknown_handle": "The handle never was, has expired or was released: 'mtv load' makes a new one.",
    "unknown_display": "Nothing was shown on that display yet: 'mtv status' lists the displays.",
    "unknown_overlay": "The display has no overlay of that name: 'mtv status' lists them.",
    "unknown_plane": "The mask that is shown has no such plane: 'mtv mask' lists them.",
    "unreadable_file": "The file is missing, cut short, empty, or of a format that is not read.",
    "unsupported": "Understood, and not possible here; the message says why.",
    "read_only": "Repositories are never written: use lsst.daf.butler for that.",
    "forbidden": "Not allowed from where the client is, with its key or session: mtv keys --help.",
    "poisoned": "The request brought the window down twice, and is not tried again.",
    "cancelled": "Somebody cancelled the request: mtv cancel.",
    "outcome_expired": "It was carried out before, and the answer is forgotten: look at 'mtv status'.",
    "internal": "A fault of the daemon: its log, mtvd.log beside the socket, tells more.",
    "draw_failed": "The window refused it; nothing was drawn.",
    "repository_failed": "The registry or the storage of the repository failed; the same request may succeed later.",
    "storage_full": "There is no room for pixels or for the journal: delete displays, or set pixel_directory.",
    "busy": "Too much is under way: the same request succeeds later.",
    "shutting_down": "The daemon is about to end: 'mtv up' starts the next one.",
    "no_daemon": "Nobody listens: 'mtv up' starts a daemon, 'mtv doctor' says what is missing.",
    "no_window": "The window cannot be opened: 'mtv doctor' says what is missing.",
    "deadline": "No answer in time: --timeout SECS waits longer. The request may have been carried out.",
}
"""Codes of errors, as ``error.code`` has them in Python and the protocol."""

VARIABLES: Final[Mapping[str, str]] = {
    "MTV_ENDPOINT": "Where the daemon listens and is looked for, ipc:///path or tcp://host:port; as --endpoint.",
    "MTV_REPO": "Repository of commands that name none; as --repo.",
    "MTV_COLLECTIONS": "Collections of commands that name none, with blanks between; as --collections.",
    "MTV_INSTRUMENT": "Instrument of data IDs that name none, in the shell and in Python.",
    "MTV_COMPLETE_SECS": "How long completion in a shell waits for the daemon; 0.3 where it is not set.",
    "XDG_RUNTIME_DIR": "Socket, journal and window are in mtv/ below it.",
    "XDG_CONFIG_HOME": "mtv/mtvd.toml and the keys are below it; ~/.config where it is not set.",
    "XDG_CACHE_HOME": "Files fetched from other hosts are in mtv/ below it; ~/.cache where it is not set.",
    "DISPLAY": "X display for the window; a virtual screen is used where it is not set.",
    "DAF_BUTLER_REPOSITORY_INDEX": "Butler's own index of repositories, whose aliases count too.",
}
"""Variables of the environment that client and daemon read."""

EXITS: Final[Mapping[int, str]] = {
    0: "done",
    1: "the request was refused, or a file could not be read or written; the message says why",
    2: "the command line cannot be understood",
    3: "no daemon, or it has no window",
    4: "no answer in time; see --timeout",
    5: "the daemon, or something that it depends on, failed",
    130: "interrupted",
    141: "whoever read the output has gone: mtv query ... | head",
}
"""Exit codes of ``mtv``."""
