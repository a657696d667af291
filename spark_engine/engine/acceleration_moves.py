"""Brings loaded models to where they belong: a new runner beside the old one, which finishes what it runs."""

import asyncio
import logging
from collections.abc import Callable

from spark_engine.engine.acceleration_picture import Picture
from spark_engine.engine.residency import Residency
from spark_engine.engine.seats import Seat
from spark_engine.errors import SparkError, Unavailable
from spark_engine.tasks import cancel_and_wait, create_task
from spark_engine.types.models import VariantEntry

log = logging.getLogger(__name__)


class Moves:
    """One model moves at a time. `seat` says where a variant belongs; `on_stuck(backend, error)` is told when one
    cannot be brought there."""

    def __init__(
        self,
        residency: Residency,
        picture: Picture,
        seat: Callable[[VariantEntry], Seat],
        on_stuck: Callable[[str, SparkError], None],
    ) -> None:
        self._residency, self._picture, self._seat, self._on_stuck = residency, picture, seat, on_stuck
        self._turn = asyncio.Lock()
        self._settling: dict[str, asyncio.Task[None]] = {}

    async def all(self, backend: str, seat: Seat) -> None:
        """Move every loaded model of a backend. SparkError when one cannot be moved; those that were go back."""
        moved: dict[str, Seat] = {}
        async with self._turn:
            for id, before in self._loaded(backend).items():
                if before == seat:
                    continue
                try:
                    await self._residency.hand_over(id, seat)
                except SparkError:
                    await self._back(moved)
                    raise
                moved[id] = before

    def settle(self, backend: str) -> None:
        """Bring those that are elsewhere to where they belong, in the background."""
        if backend not in self._settling and self._misplaced(backend):
            task = create_task(self._bring(backend), name=f"settle {backend}")
            self._settling[backend] = task
            task.add_done_callback(lambda _: self._settling.pop(backend))

    async def close(self) -> None:
        """Move nothing any more."""
        await cancel_and_wait(*self._settling.values())

    async def _bring(self, backend: str) -> None:
        for id in self._misplaced(backend):
            async with self._turn:
                right = self._misplaced(backend).get(id)
                try:
                    if right is not None:
                        await self._residency.hand_over(id, right)
                except SparkError as error:
                    log.info("%s stays where it is: %s", id, error)
                    self._on_stuck(backend, error)

    async def _back(self, moved: dict[str, Seat]) -> None:
        for id, before in moved.items():
            try:
                await self._residency.hand_over(id, before)
            except SparkError as error:
                log.info("%s stays where it is: %s", id, error)

    def _loaded(self, backend: str) -> dict[str, Seat]:
        variants = self._picture.variants(backend)
        return {id: seat for id, seat in self._residency.seats.items() if id in variants}

    def _misplaced(self, backend: str) -> dict[str, Seat]:
        """Where loaded models belong that are elsewhere."""
        variants, found = self._picture.variants(backend), {}
        for id, seat in self._loaded(backend).items():
            try:
                right = self._seat(variants[id])
            except Unavailable:
                continue  # what runs may go on
            if right != seat:
                found[id] = right
        return found
