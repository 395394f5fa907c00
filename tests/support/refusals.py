"""What was asked for is refused: calls that must raise, and requests that must be answered with an error."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import pytest

from mtv.wire import messages
from mtv.wire.errors import MtvError


def refused(call: Callable[..., object], *arguments: Any, **options: Any) -> MtvError:
    """Call a function, and return the error that it must raise."""
    with pytest.raises(MtvError) as caught:
        call(*arguments, **options)
    return caught.value


async def refused_async(
    call: Callable[..., Awaitable[object]], *arguments: Any, secrets: Iterable[str] = (), **options: Any
) -> MtvError:
    """Await a call, and return the error that it must raise, which tells none of the secrets."""
    with pytest.raises(MtvError) as caught:
        await call(*arguments, **options)
    assert [secret for secret in secrets if secret in str(caught.value)] == []
    return caught.value


async def refused_request(client: Any, request: Any, buffers: tuple[bytes, ...] = ()) -> tuple[str, str]:
    """Send a request with a raw client; return code and field of the error that must answer it."""
    reply = await client.ask(request, buffers)
    assert isinstance(reply, messages.Failed), reply
    return reply.error.code, reply.error.where
