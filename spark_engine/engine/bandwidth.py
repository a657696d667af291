"""The machine's memory bandwidth as the engine has it: remembered, or measured once by a child while little happens."""

import asyncio
import logging
import sys
from collections.abc import Callable

import msgspec

from spark_engine.engine import leashed_process
from spark_engine.hardware import bandwidth
from spark_engine.hardware.bandwidth import Measurement
from spark_engine.paths import BaseDir
from spark_engine.tasks import cancel_and_wait, create_task

log = logging.getLogger(__name__)
AFTER_S = 10.0
"""The start of an engine has the cores for itself; what lives shorter is not worth measuring."""
PATIENCE_S = 60.0


class Bandwidth:
    """`bytes_per_second` is 0 while unknown; `on_known` is told when a measurement ends that, which it begins when
    `is_quiet`: beside an answer it would slow that and find too little."""

    def __init__(
        self,
        base: BaseDir | None,
        on_known: Callable[[], None] = lambda: None,
        is_quiet: Callable[[], bool] = lambda: True,
    ) -> None:
        self._file = base.state / "bandwidth.json" if base else None
        self._on_known, self._is_quiet = on_known, is_quiet
        self._measuring: asyncio.Task[None] | None = None
        self.bytes_per_second = bandwidth.remembered(self._file) if self._file else 0.0

    def start(self, after_s: float = AFTER_S) -> None:
        """Measure when it is quiet after so many seconds, or so many later, unless it is known or on its way."""
        if not self.bytes_per_second and self._measuring is None:
            self._measuring = create_task(self._measure(after_s), name="measure memory bandwidth")

    async def close(self) -> None:
        """End a measurement that runs."""
        await cancel_and_wait(self._measuring)

    async def _measure(self, after_s: float) -> None:
        while True:
            await asyncio.sleep(after_s)
            if self._is_quiet():
                break
        lines: list[str] = []
        command = [sys.executable, "-m", "spark_engine.hardware.bandwidth"]
        try:
            ended = await leashed_process.run(command, lines.append, timeout_s=PATIENCE_S)
            if not ended.succeeded:
                raise OSError(f"the measurement failed: {ended}")
            measured = msgspec.json.decode(lines[-1], type=Measurement)
            self.bytes_per_second = measured.bytes_per_second
            if self._file:
                await asyncio.to_thread(bandwidth.remember, self._file, measured)
        except (OSError, IndexError, msgspec.MsgspecError) as error:
            log.info("the memory bandwidth is not known: %s", error)
        if self.bytes_per_second:
            self._on_known()
