"""The client's calls about the machine: its readings, what is remembered of them, and that somebody looks."""

import msgspec

from spark_engine.client.calls import Calls, control
from spark_engine.client.failures import translated
from spark_engine.types.hardware import HardwareHistory, HardwareReading, Span


class HardwareCalls(Calls):
    """What the machine has and how busy it is."""

    async def hardware(self) -> HardwareReading:
        """The newest reading of the machine; `at` is 0 while there is none."""
        return await self._get(("hardware",), HardwareReading)

    async def hardware_history(self, span: Span) -> HardwareHistory:
        """What is remembered of the last minute, hour or day."""
        body = await self._connection.request("GET", f"{control('hardware', 'history')}?span={span}")
        with translated():
            return msgspec.json.decode(body, type=HardwareHistory)

    async def watch_hardware(self) -> None:
        """Ask for a reading a second for the next 15 s; they arrive as events."""
        await self._post("hardware", "watch")
