"""When a window is opened anew on a larger screen, and when not: without DS9."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from mtvd.scene.actions import AnyAction, Arrange, SetZoom
from mtvd.stage.port import Batch, Difference, Section, UserMoved, WindowLost
from mtvd.stage.talk.channel import ScriptFailed
from mtvd.stage.window.room import make_room

pytestmark = pytest.mark.anyio


class Window:
    """A supervisor of a window of 1000x600 with an image area of 800x500."""

    def __init__(self, *, virtual: bool = True, screen: str = "1200 700 1000 600") -> None:
        window = SimpleNamespace(screen=SimpleNamespace(xvfb_pid=17 if virtual else 0))
        self.held: Any = SimpleNamespace(window=window)
        self.screen = screen
        self.calls: list[Any] = []

    async def ask(self, script: bytes) -> str:
        self.calls.append(script)
        if not self.screen:
            raise ScriptFailed("no canvas")
        return self.screen

    async def settle(self, batch: Batch) -> None:
        self.calls.append("settled")
        if batch.heeds:
            raise UserMoved((Difference(frame=0, what="zoom", value="2"),))

    async def change_screen(self, size: tuple[int, int]) -> None:
        self.calls.append(size)
        raise WindowLost("a larger one")


def batch(*actions: AnyAction, heeds: bool = False) -> Batch:
    return Batch(epoch="e", number=1, sections=(Section(key="s", actions=actions),), heeds=heeds)


def arranged(size: tuple[int, int] | None) -> Arrange:
    return Arrange(tile=False, lock_frame="none", lock_scale=False, lock_colormap=False, leader=None, size=size)


async def made(window: Any, drawn: Batch) -> list[Any]:
    await make_room(window, drawn, window.ask, window.settle)
    return list(window.calls)


async def test_a_screen_grows_by_what_is_lacking_of_each_side() -> None:
    window = Window()
    with pytest.raises(WindowLost):
        await made(window, batch(arranged((1300, 400)), arranged((200, 610))))
    assert window.calls[1:] == ["settled", (1500, 710)]


async def test_where_there_is_room_or_nothing_is_arranged_the_window_stays() -> None:
    assert len(await made(Window(), batch(arranged((1000, 600))))) == 1
    assert await made(Window(), batch(arranged(None), SetZoom(frame=0, factor=2.0))) == []


async def test_a_screen_of_somebody_else_stays() -> None:
    assert await made(Window(virtual=False), batch(arranged((5000, 600)))) == []
    window = Window()
    window.held = None
    assert await made(window, batch(arranged((5000, 600)))) == []


@pytest.mark.parametrize("size", [(15_900, 300), (8192, 8192)])
async def test_a_screen_that_is_too_large_is_left_to_ds9_to_refuse(size: tuple[int, int]) -> None:
    assert len(await made(Window(), batch(arranged(size)))) == 1


async def test_a_ds9_that_does_not_tell_refuses_the_batch_itself() -> None:
    assert len(await made(Window(screen=""), batch(arranged((5000, 600))))) == 1


async def test_the_window_stays_until_all_that_the_user_has_done_is_known() -> None:
    window = Window()
    with pytest.raises(UserMoved):
        await made(window, batch(arranged((5000, 600)), heeds=True))
    assert window.calls[-1] == "settled"
