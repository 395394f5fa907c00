"""Each kind of refusal of `docs/formats.md`: code and field are right, and so are picture and next request."""

from __future__ import annotations

import gzip
import io
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pytest
from astropy.io import fits
from tests.support import fixtures
from tests.support import repo_kinds as kinds
from tests.support.live_daemon import LiveDaemon, Probe

import mtv

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]
TRACT: dict[str, Any] = dict(kinds.TRACT)
NOISE = np.random.default_rng(1).normal(100, 5, (40, 50)).astype("f4")
TEXT_BYTES = 256 << 20


class Case(NamedTuple):
    """One kind of refusal."""

    code: str
    where: str
    """Field at fault; of an overlay without the step in front."""
    make: Callable[[Path], Any]
    """Makes the file, and returns it; or names a dataset of the repository."""
    ways: str = "mtv get"
    """What is asked: ``mtv``, ``get``, ``overlay``."""
    options: Mapping[str, Any] = MappingProxyType({})


def image(path: Path, data: Any = NOISE, **cards: Any) -> Path:
    fits.HDUList([fits.PrimaryHDU(data, fits.Header(cards))]).writeto(path)
    return path


def table(path: Path) -> Path:
    columns = [fits.Column(name, "D", array=[1.0, 2.0]) for name in "xy"]
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns(columns)]).writeto(path)
    return path


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def truncated(path: Path, size: int = 5000) -> Path:
    return written(path, image(path.with_suffix(".whole")).read_bytes()[:size])


def damaged(path: Path) -> Path:
    packed = gzip.compress(image(path.with_suffix(".whole")).read_bytes())
    return written(path, packed[: len(packed) // 2])


def pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


def directory(path: Path) -> Path:
    path.mkdir()
    return path


def sparse(path: Path, head: bytes, size: int) -> Path:
    path.write_bytes(head)
    os.truncate(path, size)
    return path


def huge(path: Path) -> Path:
    cards = fits.Header([("SIMPLE", True), ("BITPIX", 8), ("NAXIS", 2), ("NAXIS1", 20_000), ("NAXIS2", 20_001)])
    return sparse(path, cards.tostring().encode(), 2880 + 20_000 * 20_001 + 2880)


def zip_of_two(path: Path) -> Path:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in "ab":
            archive.writestr(name, image(path.with_suffix(f".{name}")).read_bytes())
    return written(path, packed.getvalue())


def of_compress(path: Path) -> Path:
    return written(path, b"\x1f\xa0" + bytes(99))


def random_groups(path: Path) -> Path:
    return written(path, Path(fits.__file__).parent.joinpath("tests/data/random_groups.fits").read_bytes())


def without_pixels(path: Path) -> Path:
    content = image(path.with_suffix(".whole")).read_bytes()
    return written(path, content[:2880].replace(b"NAXIS1  =                   50", b"NAXIS1  =                    0"))


def compressed(path: Path, *, column: str = "", old: bytes = b"", new: bytes = b"", **cards: Any) -> Path:
    """Write quantized floats, with cards more, a column called otherwise, or some bytes in place of others."""
    whole = path.with_suffix(".whole")
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(NOISE, compression_type="RICE_1")]).writeto(whole)
    with fits.open(whole, disable_image_compression=True) as hdus:
        if column:
            hdus[1].columns.change_name("ZSCALE", column)
        hdus[1].header.update(cards)
        hdus.writeto(path)
    return written(path, path.read_bytes().replace(old, new) if old else path.read_bytes())


CASES: dict[str, Case] = {
    # unreadable_file
    "missing": Case("unreadable_file", "path", lambda path: path, "mtv get overlay"),
    "empty": Case("unreadable_file", "path", lambda path: written(path, b""), "mtv get overlay"),
    "a directory": Case("unreadable_file", "path", directory, "mtv get overlay"),
    "a pipe": Case("unreadable_file", "path", pipe, "mtv get overlay"),
    "truncated": Case("unreadable_file", "path", truncated),
    "truncated in its header": Case("unreadable_file", "path", lambda path: truncated(path, 1000), "mtv get overlay"),
    "damaged": Case("unreadable_file", "path", damaged, "mtv get overlay"),
    "of no format": Case("unreadable_file", "path", lambda path: written(path, b"PNG" * 99), "mtv get overlay"),
    "neither image nor table": Case("unreadable_file", "path", lambda path: image(path, None), "mtv get overlay"),
    "a dataset whose file is gone": Case("unreadable_file", "path", lambda _: "gone"),
    "a dataset of another size": Case("unreadable_file", "path", lambda _: "grown"),
    # unsupported
    "a table to be shown": Case("unsupported", "target", table, "mtv"),
    "an image to be marked": Case("unsupported", "target", image, "overlay"),
    "a cube": Case("unsupported", "path", lambda path: image(path, np.zeros((2, 3, 4), "f4"))),
    "an image of one dimension": Case("unsupported", "path", lambda path: image(path, NOISE[0])),
    "an image without pixels": Case("unsupported", "path", without_pixels),
    "random groups": Case("unsupported", "path", random_groups),
    "a zip file of several": Case("unsupported", "path", zip_of_two, "mtv get overlay"),
    "of compress -H": Case("unsupported", "path", of_compress, "mtv get overlay"),
    "an unknown compression": Case(
        "unsupported", "path",
        lambda path: compressed(path, old=b"ZCMPTYPE= 'RICE_1  '", new=b"ZCMPTYPE= 'BZIP_9  '"),
    ),
    "a null mask": Case("unsupported", "path", lambda path: compressed(path, ZMASKCMP="RICE_1")),
    "another quantization": Case("unsupported", "path", lambda path: compressed(path, ZQUANTIZ="NONE")),
    "one scale for all tiles": Case("unsupported", "path", lambda path: compressed(path, column="OTHER", ZSCALE=1.0)),
    "a text that is too long": Case(
        "unsupported", "path", lambda path: sparse(path, b"# %ECSV 1.0\n", TEXT_BYTES + 1), "get overlay"
    ),
    "a component that needs the stack": Case("unsupported", "dataset_type", lambda _: "deepCoadd_calexp.psf"),
    "a storage class of butler_get": Case("unsupported", "dataset_type", lambda _: "settings"),
    # bad_value
    "an hdu that is not there": Case("bad_value", "hdu", image, "mtv get overlay", {"hdu": 7}),
    "a slice that is not there": Case(
        "bad_value", "cube_index", lambda path: image(path, np.zeros((2, 3, 4), "f4")), options={"cube_index": 5}
    ),
    "a cut-out beyond the image": Case("bad_value", "bbox", image, options={"bbox": (0, 0, 51, 40)}),
    "a cut-out of no sky": Case("bad_value", "sky", image, options={"centre_deg": (1, 2), "size_arcsec": 3}),
    "rows by no column": Case("bad_value", "select", table, "get overlay", {"select": "z > 1"}),
    "columns that are not there": Case("bad_value", "columns[0]", table, "get", {"columns": ["z"]}),
    "columns of an image": Case("unsupported", "columns", image, "get", {"columns": ["x"]}),
    # too_large
    "too many pixels": Case("too_large", "target", huge, "mtv"),
}  # fmt: skip


daemon = fixtures.shared_daemon
window = fixtures.window_of_display


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    from lsst.daf.butler import Butler

    root = kinds.build(tmp_path_factory.mktemp("kinds") / "repo")
    with Butler.from_config(str(root), writeable=True) as butler:
        for name, storage_class in (("gone", "ImageF"), ("grown", "ImageF"), ("settings", "StructuredDataDict")):
            path = root / kinds.RUN / name
            path.write_bytes(b"a: 1\n") if name == "settings" else image(path)
            kinds._ingest(butler, name, storage_class, path)
    (root / kinds.RUN / "gone").unlink()
    with (root / kinds.RUN / "grown").open("ab") as file:
        file.write(bytes(2880))
    return {"demo": root}


@pytest.fixture(scope="module")
def display(daemon: LiveDaemon) -> mtv.Display:
    """A display with an image, a mask and a marker, which no refusal may change."""
    display = mtv.Display(3, connection=daemon.connect())
    display.scale("linear", 0, 90)
    display.mtv(np.full((5, 6), 7, "f4"), mask=np.eye(5, 6, dtype="u1"), planes={"BAD": 0}, label="mine")
    display.overlay("mine", [1.0, 2.0], [3.0, 4.0])
    return display


def picture(display: mtv.Display, window: Probe) -> list[Any]:
    display.sync()
    places = [(x, y) for x in range(6) for y in range(5)]
    return [
        [window.value(x, y, 3) for x, y in places],
        (window.markers(3), window.masks(3), window.tcl("[Frame3 get clip]"), window.frames()),
        display.describe(),
    ]


@pytest.mark.parametrize(("kind", "way"), [(kind, way) for kind, case in CASES.items() for way in case.ways.split()])
def test_what_is_refused_leaves_the_picture_and_the_next_request_is_right(
    daemon: LiveDaemon, display: mtv.Display, window: Probe, tmp_path: Path, kind: str, way: str
) -> None:
    case = CASES[kind]
    repository = mtv.Repository("demo", connection=display.connection, collections=kinds.RUN)
    made = case.make(tmp_path / "made")
    target = repository.dataset(made, **TRACT) if isinstance(made, str) else made
    before = picture(display, window)
    assert before[0] == ["7"] * 30
    ask: dict[str, Callable[[], object]] = {
        "mtv": lambda: display.mtv(target, **case.options),
        "overlay": lambda: display.overlay("theirs", target, **case.options),
        "get": lambda: repository.get(made, **case.options, **(TRACT if isinstance(made, str) else {})),
    }
    with pytest.raises(mtv.RequestError) as caught:
        ask[way]()
    assert (caught.value.code, caught.value.error.where) == (case.code, case.where)
    assert picture(display, window) == before

    if way == "mtv" and not isinstance(made, str) and not case.options:
        words = [sys.executable, "-m", "mtv.cli", "show", str(made), "--display", "3"]
        done = subprocess.run(words, env=daemon.environment(), capture_output=True, text=True, check=False)
        # a path that is no file is refused by the shell, by the name that its argument has there
        is_named = done.stderr.startswith((f"mtv: {case.where}", "mtv: target"))
        assert (done.returncode, is_named) == (1, True), done.stderr
        assert picture(display, window) == before

    with display.buffering():
        display.overlay("next", [0.0], [0.0])
    assert window.markers(3) == before[1][0] + 1
    display.erase("next")
    assert np.array_equal(repository.get(image(tmp_path / "good")).image, NOISE)
    assert picture(display, window) == before
