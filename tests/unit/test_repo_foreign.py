"""Image files that others made are read with the pixels that astropy has, or refused by name."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support import corpus, foreign
from tests.support.readers import pixels

from mtv.wire.errors import RequestError
from mtvd.host.pixelstore import PixelStore
from mtvd.repo.readers.choose import read_all, read_display
from mtvd.repo.readers.output import Output

pytest.importorskip("astropy.io.fits")
MOST = 10**9
FEWEST = 30
NAMED = re.compile(r"has 1 dimensions, not two|has no image|has no pixels")


def shared(request: pytest.FixtureRequest) -> tuple[Path, ...]:
    try:
        return (request.getfixturevalue("shared_data"),)
    except pytest.skip.Exception:
        return ()


def read(how: str, image: foreign.Foreign, out: Output) -> Any:
    options: dict[str, Any] = {"hdu": image.hdu, "cube_index": image.cube_index, "most": MOST}
    if how == "shown":
        return read_display(image.path, out, **options)
    return read_all(image.path, out, **options).data


@pytest.mark.parametrize("how", ["shown", "got"])
def test_each_image_has_the_pixels_of_astropy_or_is_refused_by_name(
    out: Output, store: PixelStore, request: pytest.FixtureRequest, how: str
) -> None:
    wrong, equal = [], 0
    for image in (image for path in corpus.files(*shared(request)) for image in foreign.images(path)):
        try:
            exposure = read(how, image, out)
        except RequestError as error:
            damaged = "truncated" in str(error)
            if not (NAMED.search(str(error)) or (damaged and image.pixels is None)):
                wrong.append(f"{image.name}: {error}")
            continue
        found = pixels(store.directory, exposure.image)
        if image.pixels is None or not np.array_equal(found, image.pixels, equal_nan=found.dtype.kind == "f"):
            wrong.append(f"{image.name}: {found.dtype} {found.shape}")
        equal += 1
        out.discard()
    assert wrong == []
    assert equal >= FEWEST


def test_nothing_that_astropy_reads_whole_is_called_damaged(out: Output, request: pytest.FixtureRequest) -> None:
    called = []
    for path in corpus.files(*shared(request)):
        found = list(foreign.images(path))
        if not found or any(image.pixels is None for image in found):
            continue
        try:
            read_display(path, out, most=MOST)
        except RequestError as error:
            if error.code not in {"unsupported", "bad_value"}:
                called.append(f"{path.name}: {error}")
        out.discard()
    assert called == []
