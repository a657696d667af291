"""`SparkClient`: everything a program can ask the engine, typed; window, tray, CLI and tests use this one."""

from collections.abc import AsyncGenerator, Sequence
from types import TracebackType
from typing import Any, Self

import msgspec

from spark_engine.client.acceleration import AccelerationCalls
from spark_engine.client.answers import AnswerReader
from spark_engine.client.apps import AppCalls
from spark_engine.client.calls import control
from spark_engine.client.connection import SILENCE_S, Connection
from spark_engine.client.endpoint import Endpoint
from spark_engine.client.hardware import HardwareCalls
from spark_engine.client.hub import HUB_PATIENCE_S, HubCalls
from spark_engine.client.logs import LogCalls
from spark_engine.client.requests import RequestCalls
from spark_engine.client.settings import SettingsCalls
from spark_engine.client.watching import Connected, Disconnected, follow
from spark_engine.errors import Unavailable
from spark_engine.paths import BaseDir
from spark_engine.types.chat import ChatMessage
from spark_engine.types.duplicates import DuplicateGroup
from spark_engine.types.fit import Fit
from spark_engine.types.generation import Delta, Failed, Finished, Started
from spark_engine.types.ids import AUTO
from spark_engine.types.options import LoadOptions, OptionsReport
from spark_engine.types.selection import Choice, Needs
from spark_engine.types.state import EngineEvent, EngineState

READING_PATIENCE_S = 3600.0
_events: msgspec.json.Decoder[EngineEvent] = msgspec.json.Decoder(EngineEvent)


class SparkClient(
    AccelerationCalls, AppCalls, HubCalls, HardwareCalls, RequestCalls, LogCalls, SettingsCalls
):
    """Talks to the engine at an endpoint, or to whichever engine runs in a base directory.

    Pure asyncio on one event loop. Every call raises `SparkError` when the engine refuses or is not there;
    a stream closes its connection when its iterator is closed (`contextlib.aclosing`) or its task cancelled.
    """

    def __init__(self, where: Endpoint | BaseDir, *, caller: str = "spark") -> None:
        self._connection = Connection(where, caller)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection."""
        await self._connection.aclose()

    async def state(self) -> EngineState:
        """The whole state right now."""
        return await self._get(("state",), EngineState)

    async def events(self) -> AsyncGenerator[EngineEvent, None]:
        """StateSnapshot first, then every change; ends when the engine stops."""
        async with self._connection.stream("GET", control("events"), silence_s=SILENCE_S) as payloads:
            async for payload in payloads:
                yield _events.decode(payload)

    def watch_state(self) -> AsyncGenerator[Connected | Disconnected, None]:
        """The state after every change, without end: reconnects by itself and says when it cannot."""
        return follow(self.events)

    async def load(self, model: str) -> str:
        """Begin to load a model; the id of the variant that is loaded. Progress arrives as events."""
        return await self._post("models", model, "load")

    async def unload(self, model: str) -> str:
        """Begin to unload a model; the id of its variant."""
        return await self._post("models", model, "unload")

    async def rescan(self) -> None:
        """Read the model library anew from disk."""
        await self._post("models", "scan")

    async def download(self, model: str, *, load: bool = False) -> str:
        """Begin to fetch a model of a card or of the hub (`org/name[:variant]`), or go on; the id of its variant."""
        return await self._post("downloads", json={"model": model, "load": load}, patience_s=HUB_PATIENCE_S)

    async def pause_download(self, id: str) -> None:
        """Stop a download and keep what was fetched."""
        await self._post("downloads", id, "pause")

    async def resume_download(self, id: str) -> None:
        """Go on with a download that was paused or failed."""
        await self._post("downloads", id, "resume")

    async def cancel_download(self, id: str) -> None:
        """Stop a download and delete what was fetched; of one that is over only the row goes."""
        await self._post("downloads", id, "cancel")

    async def remove_model(self, id: str) -> str:
        """Delete a variant's files, or stop showing one that belongs to another program."""
        return await self._post("models", id, "remove", patience_s=HUB_PATIENCE_S)

    async def adopt(self, path: str) -> None:
        """Use models at an absolute path where they lie, or show again what was forgotten."""
        await self._post("models", "adopt", json={"path": path}, patience_s=READING_PATIENCE_S)

    async def options(self, id: str) -> OptionsReport:
        """How a model or variant is loaded and kept: saved, effective, default."""
        return await self._get(("models", id, "options"), OptionsReport)

    async def set_options(self, id: str, options: LoadOptions) -> OptionsReport:
        """Save the options of a model or variant in place of those before."""
        return await self._ask("PUT", ("models", id, "options"), OptionsReport, msgspec.to_builtins(options))

    async def fit(self, id: str, options: LoadOptions) -> Fit:
        """Whether a variant would fit with these options over its own; nothing is loaded."""
        return await self._ask("POST", ("models", id, "fit"), Fit, msgspec.to_builtins(options))

    async def free_memory(self) -> tuple[str, ...]:
        """Unload every model that is idle and not pinned; their variant ids."""
        return await self._ask("POST", ("models", "free"), tuple[str, ...])

    async def convert(self, id: str, format: str, quantization: str) -> str:
        """Begin to convert a variant; the id of the one it becomes. Progress arrives as events."""
        return await self._post(
            "models", id, "convert", json={"format": format, "quantization": quantization}
        )

    async def cancel_conversion(self, id: str) -> None:
        """End a conversion and delete what was made; of one that is over only the row goes."""
        await self._post("conversions", id, "cancel")

    async def duplicates(self) -> list[DuplicateGroup]:
        """Files of models that lie here more than once; the first time it may take minutes."""
        return await self._get(("duplicates",), list[DuplicateGroup], patience_s=READING_PATIENCE_S)

    async def explain(self, needs: Needs) -> Choice:
        """Which variant `auto` would mean for a request that needs this, and why."""
        asked = {
            "kind": needs.kinds[0],
            "context": needs.context,
            "language": needs.language,
            **dict.fromkeys(needs.abilities, True),
        }
        return await self._ask("POST", ("models", "explain"), Choice, asked)

    async def install_component(self, id: str) -> None:
        """Begin to install a backend component. Progress arrives as events."""
        await self._post("components", id, "install")

    async def remove_component(self, id: str) -> None:
        """Begin to remove a backend component."""
        await self._post("components", id, "remove")

    async def cancel_component(self, id: str) -> None:
        """Cancel the installation of a backend component."""
        await self._post("components", id, "cancel")

    async def chat(
        self, messages: Sequence[ChatMessage], model: str = AUTO, **options: Any
    ) -> AsyncGenerator[Started | Delta | Finished | Failed, None]:
        """One answer as it is written. `options` are further fields (`max_tokens`, `seed`, …).

        Raises `SparkError` when the request is refused; once it runs, trouble is told by Failed.
        """
        reader, running, trouble = AnswerReader(), False, None
        asked = _question(messages, model, options)
        try:
            async with self._connection.stream("POST", "/v1/chat/completions", json=asked) as payloads:
                running = True
                async for payload in payloads:
                    for event in reader.read(payload):
                        yield event
        except Unavailable as error:
            if not running:
                raise
            trouble = error
        for ending in reader.broken_off(trouble):
            yield ending


def _question(messages: Sequence[ChatMessage], model: str, options: dict[str, Any]) -> dict[str, Any]:
    return {
        "model": model,
        "messages": msgspec.to_builtins(messages),
        "stream": True,
        "stream_options": {"include_usage": True},
        **options,
    }
