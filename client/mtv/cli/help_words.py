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

TERMS: Final[Mapping[str, str]] = {
    "display": "One frame of the DS9 window, by number or name: --display 1, --display guider; made at first use.",
    "exposure": "Image, mask, variance, WCS and metadata, and the place of its first pixel in the parent (xy0).",
    "mask plane": "A named bit of the mask with a colour: 'mtv mask' lists those of a display; 'ignore' hides one.",
    "overlay": "A named group of markers on a display: 'mtv overlay' draws one, 'mtv erase NAME' removes it.",
    "symbol": "Shape of a marker: o + x * box diamond ... or @:Mxx,Mxy,Myy, an ellipse by its moments.",
    "dataset type": "Name of a kind of data in Butler, as calexp, src, raw: 'mtv query types' lists them.",
    "data ID": "Keys and values that say which dataset: instrument=HSC visit=23718 detector=41; data_id in Python.",
    "dimension": "A key of data IDs, as visit, detector, physical_filter, band.",
    "visit": "A dimension: one exposure of all detectors; 'mtv query data-ids --dimensions visit' lists them.",
    "detector": "A dimension: one CCD of an instrument, by its number.",
    "collection": "A named set of datasets in Butler: --collections; 'mtv query collections' lists them.",
    "ref": "A dataset that a query has found; 'mtv query --json' prints its id, and 'mtv show ID' shows it.",
    "handle": "Name of data that the daemon holds ready: 'mtv load' makes one, handle.release() in Python lets it go.",
    "transaction": "Steps that take effect as one, or not at all: display.buffering() in Python, 'mtv batch'.",
    "feed": "A named stream of frames from one producer into one display; only the newest frame counts.",
    "stretch": "How values become grey: linear, log, asinh, sqrt ...: 'mtv scale asinh zscale'.",
    "limits": "Values that are black and white: 'mtv scale linear 0 100', or zscale, minmax, a per cent.",
    "parent pixel": "A pixel (x, y), counted from 0 in the image that a part was cut from, as all coordinates here.",
    "raw": "A dataset type: an exposure as read out. Its amplifiers are put together: 'mtv show raw KEY=VALUE ...'.",
}
"""Words of this program and of LSST, in the singular."""
