"""Posts what the sandbox's platforms report to a receiver, one delivery after the other."""

from __future__ import annotations

import asyncio
import contextlib
import json

import httpx

from sync.sandbox.platforms.base import Webhook

_PAUSE = 0.5


class Webhooks:
    """A queue before `contact-sync receive`; a delivery is repeated until it is answered 2xx."""

    def __init__(self, url: str, secret: str) -> None:
        """url: of the receiver, without /webhooks. secret: its RELAY_WEBHOOK_SECRET."""
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {secret}"} if secret else {}
        self._queue: asyncio.Queue[Webhook] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    def send(self, webhook: Webhook) -> None:
        """Takes a delivery."""
        self._queue.put_nowait(webhook)

    def start(self) -> None:
        """Begins to post, on the running loop."""
        self._task = asyncio.create_task(self._run())

    async def end(self) -> None:
        """Posts what is left, for a second at most."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._queue.join(), 1.0)
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        async with httpx.AsyncClient(headers=self._headers, timeout=10.0) as client:
            while True:
                webhook = await self._queue.get()
                while not await self._post(client, webhook):
                    await asyncio.sleep(_PAUSE)
                self._queue.task_done()

    async def _post(self, client: httpx.AsyncClient, webhook: Webhook) -> bool:
        is_form = isinstance(webhook.body, str)
        kind = "application/x-www-form-urlencoded" if is_form else "application/json"
        content = webhook.body if is_form else json.dumps(webhook.body)
        try:
            answer = await client.post(
                f"{self._url}/webhooks/{webhook.source}",
                content=str(content),
                headers={"Content-Type": kind},
            )
        except httpx.HTTPError:
            return False
        return answer.is_success
