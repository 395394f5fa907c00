"""Displaying exposures and source tables: the LSST tutorial, part 3, step by step with mtv.

Run ``mtv demo``, or start a daemon with a repository of your own (``mtv up --repo
SMALL_HSC=/path/to/repository``) and run

    python examples/tutorial.py --picture tutorial.png

Every function is one section of the tutorial and may be read alone. `main` runs them in order.
"""

from __future__ import annotations

import argparse
import getpass
import subprocess
import sys
from collections.abc import Callable

import numpy as np

import mtv

VISIT, DETECTOR = 23718, 41


def own_collection() -> str:
    """Name the collection of your own processing; ``$USER`` is not set everywhere, ``getpass`` knows."""
    return f"u/{getpass.getuser()}/single_frame"


# Creating a Butler client ------------------------------------------------------------------------------------------


def open_repository() -> mtv.Repository:
    """The daemon holds the repositories; a client names one, or takes the daemon's first."""
    repository = mtv.Repository()

    # Repositories are read, never written. Asking for more is refused, with the reason.
    try:
        mtv.Repository(writeable=True)
    except mtv.RequestError as refusal:
        print(f"writeable=True: {refusal}")
    return repository


# Listing available data IDs in the Butler --------------------------------------------------------------------------


def list_data_ids(repository: mtv.Repository) -> list[mtv.DatasetRef]:
    """List what there is of a dataset type, by keywords."""
    references = repository.query("calexp", physical_filter="HSC-R", collections=own_collection(), instrument="HSC")
    for reference in references:
        print(reference.data_id)

    # A filter belongs to an instrument; the only one of a repository need not be named. Of several the error lists all.
    found = repository.query("calexp", physical_filter="HSC-R", collections=own_collection())
    print(f"without instrument: {len(found)} as well")
    return list(references)


def list_raw_data_ids() -> str:
    """The same from the shell, with an expression: the raw data that the processing began with."""
    command = [
        sys.executable, "-m", "mtv.cli", "query", "data-ids", "--datasets", "raw",
        "--collections", "HSC/RC2/defaults",
        "--where", "physical_filter = 'HSC-R' AND instrument = 'HSC'",
    ]  # fmt: skip
    table = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    print(table)
    return table


# Get an exposure through the Butler --------------------------------------------------------------------------------


def get_exposure(repository: mtv.Repository) -> mtv.Exposure:
    """Bring one calibrated exposure into this process: image, mask, variance, WCS and metadata."""
    calexp: mtv.Exposure = repository.get(
        "calexp", visit=VISIT, detector=DETECTOR, collections=own_collection(), instrument="HSC"
    )
    print(f"{calexp!r}: mean of the image {calexp.image.mean():.2f}")
    return calexp


# Create a display --------------------------------------------------------------------------------------------------


def create_display() -> mtv.Display:
    """A display is one frame of the window. The window opens with the first request that draws."""
    display = mtv.get_display()

    # DS9 is the one backend there is.
    try:
        mtv.get_display(backend="firefly")
    except mtv.RequestError as refusal:
        print(f"firefly: {refusal}")
    return display


# Display the calexp (calibrated exposure) --------------------------------------------------------------------------


def display_exposure(display: mtv.Display, calexp: mtv.Exposure) -> None:
    """Show the image with its mask planes in colours."""
    display.mtv(calexp)


# Improving the image display ---------------------------------------------------------------------------------------


def make_mask_transparent(display: mtv.Display) -> None:
    """From 0 (opaque) to 100 per cent (nothing left of the mask)."""
    display.set_mask_transparency(60)


def stretch_automatically(display: mtv.Display) -> None:
    """An asinh stretch, with black and white where the zscale algorithm puts them."""
    display.scale("asinh", "zscale")


def stretch_between_limits(display: mtv.Display) -> None:
    """The same stretch between limits of your own."""
    display.scale("asinh", -1, 30)


# Interpreting displayed mask colors --------------------------------------------------------------------------------


def mask_colours(display: mtv.Display, calexp: mtv.Exposure) -> dict[str, str]:
    """Ask which colour each plane of the mask has; before the first ``mtv`` these are the defaults."""
    colours = {name: display.get_mask_plane_color(name) for name in calexp.get_mask_plane_dict()}
    for name, colour in colours.items():
        print(f"{name}: {colour}")
    return colours


def recolour_footprints(display: mtv.Display) -> None:
    """Any X11 or CSS colour will do. The colour stays for the next exposures on this display."""
    display.set_mask_plane_color("DETECTED", "fuchsia")


# Getting the source catalog generated by single frame processing ---------------------------------------------------


def get_catalog(repository: mtv.Repository) -> mtv.Catalog:
    """Bring the table of sources, and look at what it holds."""
    src: mtv.Catalog = repository.get(
        "src", visit=VISIT, detector=DETECTOR, collections=own_collection(), instrument="HSC"
    )
    print(f"{len(src)} sources")
    print(src.schema)  # name, type, unit and description of every column
    print(src.schema.names())  # the names alone
    print(src.schema.find("calib_psf_used"))  # one column
    print(src["base_PsfFlux_instFlux"][:5])  # a column is a numpy array

    # The astropy table is a view: it holds the same memory, and shows as HTML in a notebook.
    table = src.as_astropy()
    print(f"as an astropy table: {len(table)} rows, {len(table.colnames)} columns")
    return src


# Plotting sources on the display -----------------------------------------------------------------------------------


def plot_sources(display: mtv.Display, src: mtv.Catalog) -> None:
    """Circles on all sources, in one transaction: all of them appear, or none."""
    with display.buffering():
        for source in src:
            display.dot("o", source.getX(), source.getY(), size=10, ctype="orange")


def clear_markers(display: mtv.Display) -> None:
    """Markers add up until they are erased."""
    display.erase()


# Selecting PSF-fitting sources to plot on the display --------------------------------------------------------------


def plot_psf_sources(display: mtv.Display, src: mtv.Catalog) -> None:
    """Red crosses on the stars that made the PSF; the mask is made invisible first."""
    display.set_mask_transparency(100)
    with display.buffering():
        for source in src[src["calib_psf_used"]]:
            display.dot("x", source.getX(), source.getY(), size=10, ctype="red")


def plot_rejected_sources(display: mtv.Display, src: mtv.Catalog) -> None:
    """Green plus signs on candidates that were rejected. Whole columns need no loop."""
    rejected = src[src["calib_psf_candidate"] & (src["calib_psf_used"] == False)]  # noqa: E712 - as in the tutorial
    display.overlay("rejected", rejected.x, rejected.y, symbol="+", size=10, colour="green")


# A picture for a colleague -----------------------------------------------------------------------------------------


def show_close_up(display: mtv.Display, calexp: mtv.Exposure, src: mtv.Catalog) -> mtv.Display:
    """A second display, beside the first, shows the surroundings of the brightest source, and explains itself."""
    display.set_mask_transparency(60)  # it was hidden for the markers
    close_up = mtv.Display("close up")
    brightest = src[np.nanargmax(src["base_PsfFlux_instFlux"])]
    mtv.arrange(tile=True, columns=2, size=(1000, 900))
    with close_up.buffering():
        close_up.mtv(calexp)
        close_up.scale("asinh", -1, 30)
        close_up.set_mask_plane_color("DETECTED", "fuchsia")
        close_up.zoom(1.5, brightest.getX(), brightest.getY())
        close_up.overlay("sources", src.x, src.y, size=10, colour="orange")
        close_up.overlay("psf", *src[src["calib_psf_used"]].xy, symbol="x", size=10, colour="red")
        close_up.annotate(legend=True, scale_bar=True, compass=True)
    display.zoom()  # its half of the window is another shape: fit the image to it
    return close_up


def put_away(close_up: mtv.Display) -> None:
    """A display that is not needed any more leaves the window to the others."""
    close_up.delete()
    mtv.arrange(tile=False)


# A quick look movie ------------------------------------------------------------------------------------------------


def movie(repository: mtv.Repository, display: mtv.Display, each: Callable[[mtv.DatasetRef], None] = print) -> None:
    """Show one exposure after another. The pixels stay on the daemon's side: only the reference travels."""
    for reference in repository.query(
        "calexp", physical_filter="HSC-R", collections=own_collection(), instrument="HSC"
    ):
        display.mtv(reference)
        each(reference)


def main() -> None:
    """Run all sections in order, and leave a picture."""
    parser = argparse.ArgumentParser(description="The LSST display tutorial with mtv.")
    parser.add_argument("--picture", help="where a picture of the last still is written (PNG)")
    arguments = parser.parse_args()

    repository = open_repository()
    list_data_ids(repository)
    list_raw_data_ids()
    calexp = get_exposure(repository)
    display = create_display()
    mask_colours(display, calexp)
    display_exposure(display, calexp)
    make_mask_transparent(display)
    stretch_automatically(display)
    stretch_between_limits(display)
    mask_colours(display, calexp)
    recolour_footprints(display)
    src = get_catalog(repository)
    plot_sources(display, src)
    clear_markers(display)
    plot_psf_sources(display, src)
    plot_rejected_sources(display, src)
    close_up = show_close_up(display, calexp, src)
    if arguments.picture:
        display.snapshot(arguments.picture)
    put_away(close_up)
    movie(repository, display)


if __name__ == "__main__":
    main()
