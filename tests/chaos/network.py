"""A network that a test can break: each link forwards a port of 127.0.0.1 to a server."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from types import TracebackType
    from typing import Any

_CHUNK = 65536
_TIMEOUT = 10.0


class Network:
    """The links of a test, served by one thread while the context lasts."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="chaos-network", daemon=True)
        self._links: list[Link] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for link in self._links:
            link.close()
        self.call(_end_tasks())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_TIMEOUT)
        self._loop.close()

    def link(self, port: int) -> Link:
        """A new link to the server on this port."""
        link = Link(self, port)
        self._links.append(link)
        return link

    def call(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Do this in the network's thread, and return when it is done."""
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(_TIMEOUT)


class Link:
    """
    A way to a server: ``port`` is its near end.

    It is whole, cut (connections are closed, new ones too) or frozen (connections stay open, new ones are
    taken, and nothing passes until it is healed: then what was sent meanwhile does).
    """

    def __init__(self, network: Network, target: int) -> None:
        self.port = 0
        self._network = network
        self._target = target
        self._writers: set[asyncio.StreamWriter] = set()
        self._is_cut = False
        self._flows = asyncio.Event()
        self._flows.set()
        network.call(self._listen())

    def cut(self) -> None:
        """Close every connection, and each new one."""
        self._network.call(self._cut())

    def freeze(self) -> None:
        """Let nothing pass, and say nothing of it."""
        self._network.call(self._freeze())

    def heal(self) -> None:
        """Be whole again."""
        self._network.call(self._heal())

    def close(self) -> None:
        """End for good."""
        self._server.close()
        self.cut()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _cut(self) -> None:
        self._is_cut = True
        for writer in tuple(self._writers):
            writer.transport.abort()

    async def _freeze(self) -> None:
        self._flows.clear()

    async def _heal(self) -> None:
        self._is_cut = False
        self._flows.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            await self._forward(reader, writer)
        self._drop(writer)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        await self._flows.wait()
        if self._is_cut:
            return
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        self._writers.add(far_writer)
        try:
            await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer))
        finally:
            self._drop(far_writer)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(_CHUNK):
            await self._flows.wait()
            writer.write(data)
            await writer.drain()
        await self._flows.wait()
        # One end has hung up: so does the other.
        raise ConnectionResetError

    def _drop(self, writer: asyncio.StreamWriter) -> None:
        self._writers.discard(writer)
        writer.transport.abort()


async def _end_tasks() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
