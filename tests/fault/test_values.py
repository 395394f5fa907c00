"""Values of pixels: read from the files of what is shown, with the planes that are set; refused beside the image."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.fault.test_strict import draw
from tests.support.refusals import refused_request

from mtv.wire import messages, requests, steps
from mtv.wire.data import Array, Exposure
from mtv.wire.errors import RequestError
from mtv.wire.messages import Event
from mtvd.front.values import add_planes

pytestmark = pytest.mark.anyio
Daemon = Any

PLANES = {"BAD": 0, "SAT": 1, "DETECTED": 5, "LAST": 31}
WCS = "".join(
    card.ljust(80)
    for card in (
        "CTYPE1  = 'RA---TAN'", "CTYPE2  = 'DEC--TAN'", "CRVAL1  = 150.0", "CRVAL2  = 2.0", "CRPIX1  = 1.0",
        "CRPIX2  = 1.0", "CD1_1   = -5E-05", "CD2_2   = 5E-05", "CD1_2   = 0.0", "CD2_1   = 0.0", "RADESYS = 'ICRS'",
    )
)  # fmt: skip


async def show(daemon: Daemon, pixels: Any, mask: Any = None, *, wcs: str = "", planes: Any = None) -> Any:
    """Show pixels whose first one is the parent pixel (100, 200)."""
    client = daemon.client()
    stored = np.asarray(pixels)
    stored = stored.astype(stored.dtype.newbyteorder(">"))
    buffers = [_turned(stored).tobytes()]
    fields: dict[str, Any] = {}
    if mask is not None:
        buffers.append(mask.tobytes())
        array = Array(dtype=mask.dtype.str, shape=mask.shape, buffer=1)
        fields = {"mask": array, "planes": PLANES if planes is None else planes}
    image = Array(dtype=stored.dtype.str, shape=stored.shape, buffer=0)
    target = Exposure(image=image, xy0=(100, 200), wcs=wcs, unit="nJy", label="calexp", **fields)
    await draw(client, steps.Mtv(target=target), buffers=tuple(buffers))
    return client


def _turned(stored: Any) -> Any:
    """Return the bytes as a file has them: of unsigned integers the top bit is turned over."""
    if stored.dtype.kind == "u" and stored.dtype.itemsize > 1:
        return (stored ^ stored.dtype.type(1 << (8 * stored.dtype.itemsize - 1))).astype(stored.dtype)
    return stored


async def value(client: Any, x: float, y: float) -> messages.PixelValue:
    reply = await client.ask(requests.ReadValue(x=x, y=y))
    assert isinstance(reply, messages.PixelValue), reply
    return reply


@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "i4", "u4", "i8", "f4", "f8"])
async def test_the_value_is_that_of_the_pixel_for_each_type(daemon: Daemon, dtype: str) -> None:
    pixels = np.arange(35).reshape(5, 7).astype(dtype)
    pixels[3, 4] = np.iinfo(dtype).max if pixels.dtype.kind in "iu" else 1.5
    client = await show(daemon, pixels)
    for x, y in ((0, 0), (6, 4), (4, 3), (2, 1)):
        told = await value(client, 100 + x, 200 + y)
        assert (told.x, told.y, told.value) == (100 + x, 200 + y, pixels[y, x].item())
    assert (told.unit, told.label, told.planes, told.ra_deg) == ("nJy", "calexp", (), None)


async def test_a_position_belongs_to_the_pixel_that_it_lies_in(daemon: Daemon) -> None:
    client = await show(daemon, np.arange(12.0).reshape(3, 4))
    for x, y, wanted in ((99.5, 199.5, 0), (100.49, 200.49, 0), (100.5, 200.0, 1), (103.49, 202.49, 11)):
        assert (await value(client, x, y)).value == wanted


@pytest.mark.parametrize(
    ("x", "y", "where"), [(99.49, 200, "x"), (103.5, 200, "x"), (100, 199.4, "y"), (100, 1e300, "y"), (1e9, 0, "x")]
)
async def test_a_position_beside_the_image_is_refused_with_its_extent(
    daemon: Daemon, x: float, y: float, where: str
) -> None:
    client = await show(daemon, np.zeros((3, 4)))
    reply = await client.ask(requests.ReadValue(x=x, y=y))
    assert (reply.error.code, reply.error.where) == ("bad_value", where)
    assert reply.error.hint == {"x": "x goes from 100 to 103", "y": "y goes from 200 to 202"}[where]


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
async def test_a_position_that_is_none_is_refused_and_a_pixel_without_a_value_is_told(
    daemon: Daemon, bad: float
) -> None:
    client = await show(daemon, np.full((3, 4), bad))
    assert (await value(client, 100, 200)).value is None
    assert await refused_request(client, requests.ReadValue(x=bad, y=200)) == ("bad_value", "x")


@pytest.mark.parametrize("dtype", ["<i4", ">i4", "<u4", "<u8", "|u1"])
async def test_planes_that_are_set_are_told_by_name(daemon: Daemon, dtype: str) -> None:
    planes = {name: bit for name, bit in PLANES.items() if bit < 8 * np.dtype(dtype).itemsize}
    mask = np.zeros((3, 4), dtype)
    mask[1, 2] = 0b100001
    mask[2, 3] = 1 << 5
    if "LAST" in planes:
        mask[0, 0] = np.array(-1 << 31 if "i" in dtype else 1 << 31).astype(dtype)
    client = await show(daemon, np.zeros((3, 4)), mask, planes=planes)
    assert (await value(client, 102, 201)).planes == ("BAD", "DETECTED")
    assert (await value(client, 103, 202)).planes == ("DETECTED",)
    assert (await value(client, 101, 201)).planes == ()
    assert (await value(client, 100, 200)).planes == (("LAST",) if "LAST" in planes else ())


async def test_the_place_on_the_sky_is_told_and_a_worker_that_fails_costs_only_that(daemon: Daemon) -> None:
    client = await show(daemon, np.zeros((3, 4)), wcs=WCS)
    told = await value(client, 101.25, 202)
    assert (told.ra_deg, told.dec_deg) == (1.25, 2)
    daemon.repositories.lacks_sky = True
    told = await value(client, 101, 202)
    assert (told.value, told.ra_deg) == (0, None)
    assert "the place on the sky cannot be told" in told.notes[0]


async def test_a_place_on_the_sky_is_a_pixel(daemon: Daemon) -> None:
    client = await show(daemon, np.arange(12.0).reshape(3, 4), wcs=WCS)
    told = await client.ask(requests.ReadValue(x=float("nan"), y=float("nan"), sky=(1.25, 2)))
    assert (told.x, told.y, told.value, told.position) == (101, 202, 9, (101.25, 202))
    assert (await value(client, 101, 202)).position is None


@pytest.mark.parametrize(
    ("sky", "wcs", "words"),
    [
        ((1.0, 91.0), WCS, "1 91 is no place on the sky"),
        ((float("nan"), 1.0), WCS, "is no place on the sky"),
        ((50.0, 1.0), WCS, "50 1 is outside of the image: x 150 is outside of the image"),
        ((1.0, 1.0), "", "1 1 is nowhere in the image: the image has no sky"),
    ],
)
async def test_a_place_that_is_not_in_the_image_is_refused(daemon: Daemon, sky: Any, wcs: str, words: str) -> None:
    client = await show(daemon, np.zeros((3, 4)), wcs=wcs)
    reply = await client.ask(requests.ReadValue(x=float("nan"), y=float("nan"), sky=sky))
    assert (reply.error.code, reply.error.where) == ("bad_value", "sky")
    assert words in reply.error.message


async def test_a_display_without_an_image_or_that_is_not_there_is_refused(daemon: Daemon) -> None:
    client = daemon.client()
    assert await refused_request(client, requests.ReadValue(x=0, y=0)) == ("unknown_display", "display")
    await draw(client, steps.Scale(display=0, stretch="log"), strict=False)
    assert await refused_request(client, requests.ReadValue(x=0, y=0)) == ("bad_value", "display")


async def test_an_event_of_a_key_tells_the_planes_under_the_pointer(daemon: Daemon) -> None:
    mask = np.zeros((3, 4), "<i4")
    mask[1, 2] = 2
    client = await show(daemon, np.zeros((3, 4)), mask)
    scene = daemon.engine.scene

    def planes(**changes: Any) -> tuple[str, ...]:
        event = Event(**{"kind": "key", "display": 0, "x": 102.3, "y": 200.8, **changes})
        return add_planes(event, scene, daemon.pixels).planes

    assert planes() == ("SAT",)
    assert planes(x=101.0) == planes(x=5000.0) == planes(x=None) == planes(display=9) == planes(kind="region") == ()
    daemon.pixels.remove([scene.displays[0].mask.file])
    assert planes() == ()
    with pytest.raises(RequestError):
        daemon.pixels.open_file(scene.displays[0].mask.file)
    assert client is not None


async def test_a_label_of_the_step_takes_the_place_of_the_targets_own(daemon: Any) -> None:
    client = daemon.client()
    target = Exposure(image=Array(dtype=">f4", shape=(2, 3), buffer=0), label="its own")
    for given, shown in (("", "its own"), ("a title", "a title")):
        reply = await client.ask(steps.Mtv(target=target, label=given), (bytes(24),))
        assert isinstance(reply, messages.Outcome), reply
        assert (await value(client, 0, 0)).label == shown


async def test_a_label_of_two_lines_is_refused(daemon: Any) -> None:
    target = Exposure(image=Array(dtype=">f4", shape=(2, 3), buffer=0))
    reply = await daemon.client().ask(steps.Mtv(target=target, label="a\nb"), (bytes(24),))
    assert isinstance(reply, messages.Failed)
    assert reply.error.where.endswith("label")
