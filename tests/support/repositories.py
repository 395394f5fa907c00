"""A running `ButlerRepositories` over a repository, for contract, live and fault tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio

from mtvd.host.pixelstore import PixelStore
from mtvd.repo.aliases import RepositorySettings
from mtvd.repo.pool import ButlerRepositories


@asynccontextmanager
async def running(
    directory: Path, repository: Path | str, **settings: Any
) -> AsyncIterator[tuple[ButlerRepositories, PixelStore]]:
    """Serve a repository under the alias ``demo``, with one worker unless told otherwise; ``environ`` is for all."""
    environ: dict[str, str] | None = settings.pop("environ", None)
    store = PixelStore(directory / "pixels", 1 << 28)
    fixed = {"use_index": False, "workers": 1, "file_cache_directory": str(directory / "files")}
    chosen = {"aliases": {"demo": str(repository)}, **fixed, **settings}
    repositories = ButlerRepositories(RepositorySettings(**chosen), store, directory, environ=environ)
    async with anyio.create_task_group() as group:
        await group.start(repositories.serve)
        try:
            yield repositories, store
        finally:
            group.cancel_scope.cancel()
