"""Scenes of the window: every page in a machine in use, with nothing yet, while it waits, and without an engine."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from typing import Any

from msgspec.structs import replace

from app.link import Connected, LinkStatus, Lost, Refused, Searching, Stopped
from spark_engine.types.generation import Delta, Finished, Served, Timings, Usage
from spark_engine.types.hardware import HardwareReading
from spark_engine.types.health import HealthReport
from spark_engine.types.requests import RequestPage
from spark_engine.types.state import EngineState, HardwareSampled, StateSnapshot
from tests.gui.conftest import RecordedClient, Stage
from tests.gui.showcase import busy_state, log_page, moment, remembered, settings
from tests.gui.states import NANO, sample_state

QUESTION = "How do I have Phi-4-mini answer instead of you?"
ANSWER = """Press **Download 4.9 GB** on its card on the Models page, or type

```sh
spark models pull phi-4-mini
```

Spark then does three things by itself:

1. it checks every file against the hub's hashes,
2. it loads the model,
3. it makes it what `auto` means, so every app that is connected uses it from the next question on.
"""
BROKEN = Refused(
    "port_in_use",
    "Another program has port 8910",
    "Port 8910 is in use by python3 (process 4711), so Spark's engine cannot listen there.",
    "End that program, or choose another port in Settings.",
)
PAUSE_S = 0.25
"""How long answers take to arrive and everything to be laid out and drawn."""
LINKS: dict[str, LinkStatus] = {
    "searching": Searching(),
    "lost": Lost("The engine ended (signal 9).", 1, 2.0),
    "stopped": Stopped(),
    "refused": BROKEN,
}


class ShowcaseClient(RecordedClient):
    """Answers what pages ask for by themselves, as the machine of the showcase would."""

    def __init__(self) -> None:
        super().__init__()
        self.replies = {
            "hardware_history": lambda span: remembered(span, time.time()),
            "settings": settings,
            "requests": RequestPage((), ()),
            "follow_logs": (log_page(time.time()),),
        }

    async def chat(self, *arguments: object, **options: object) -> AsyncGenerator[Any, None]:
        """An answer, word by word."""
        for word in ANSWER.split(" "):
            yield Delta(f"{word} ")
        await asyncio.sleep(0)
        timings = Timings(prefill_ms=42.0, first_token_ms=48.0, decode_ms=400.0, tokens_per_second=206.0)
        yield Finished("stop", Usage(31, 84, 0), timings, Served(NANO, "CPU"))


def live(stage: Stage) -> None:
    """The machine in use."""
    now = time.time()
    stage.store.set_link(Connected(True))
    stage.feed(StateSnapshot(busy_state(now)), *(HardwareSampled(moment(now - age)) for age in (2, 1, 0)))


def empty(stage: Stage) -> None:
    """A new machine: nothing was asked, nothing was read yet."""
    _answer_nothing(stage)
    _enter(stage, _bare())


def waiting(stage: Stage) -> None:
    """The engine is on its way."""
    _answer_nothing(stage)
    stage.store.set_link(Searching())


def _answer_nothing(stage: Stage) -> None:
    stage.client.replies = {}
    stage.client.gate = asyncio.Event()


def _enter(stage: Stage, state: EngineState) -> None:
    stage.store.set_link(Connected(True))
    stage.feed(StateSnapshot(state))


def _bare() -> EngineState:
    return replace(
        sample_state(),
        requests={},
        apps={},
        acceleration={},
        hardware=HardwareReading(),
        health=HealthReport(False),
        models={},
    )


def cut(link: LinkStatus) -> Callable[[Stage], None]:
    """Nothing is known and the engine is not there."""

    def scene(stage: Stage) -> None:
        _answer_nothing(stage)
        stage.store.state = None
        stage.store.set_link(link)

    return scene


SCENES: dict[str, Callable[[Stage], None]] = {"live": live, "empty": empty} | {
    name: cut(link) for name, link in LINKS.items()
}


async def leave(stage: Stage) -> None:
    """Nothing is followed any more."""
    stage.window.go("home")
    await asyncio.sleep(0.02)


async def open_page(stage: Stage, page: str, pause: float = PAUSE_S) -> None:
    """Bring a page to the front and let it fill; the chat answers a question, a request is chosen."""
    stage.window.go(page)
    shown: Any = stage.window.page
    if page == "chat" and stage.store.live is not None and not stage.talk.is_busy:
        stage.talk.ask(QUESTION)
    await asyncio.sleep(pause)
    if page == "requests" and shown.is_live:
        shown.table.selectRow(0)
    await asyncio.sleep(pause)
