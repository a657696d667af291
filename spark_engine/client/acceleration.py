"""The client's calls about acceleration: what runs models, checking it, changing it."""

from spark_engine.client.calls import Calls
from spark_engine.types.acceleration import AccelerationBackend


class AccelerationCalls(Calls):
    """What comes of commands arrives as events."""

    async def acceleration(self) -> dict[str, AccelerationBackend]:
        """Every backend with its choices, by id."""
        return await self._get(("acceleration",), dict[str, AccelerationBackend])

    async def use_acceleration(self, backend: str, choice: str, *, strict: bool | None = None) -> None:
        """Begin to use a choice, or `auto`; `strict`: never the CPU instead (None: as it is)."""
        asked = {"backend": backend, "choice": choice} | ({} if strict is None else {"strict": strict})
        await self._post("acceleration", "select", json=asked)

    async def verify_acceleration(self, backend: str = "", choice: str = "") -> tuple[str, ...]:
        """Begin to check a choice, a backend, or all there are; what is checked, as `onnx/cuda`."""
        begun = await self._post("acceleration", "verify", json={"backend": backend, "choice": choice})
        return tuple(begun.split())
