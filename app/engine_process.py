"""Keeps the app joined to its engine: attach or start, follow the events, start again when it dies."""

import asyncio
import subprocess
from contextlib import aclosing, suppress

from app.attempts import WITHIN_S, Attempts
from app.link import Connected, Lost, Refused, Searching, Starting, Stopped
from app.notices import Notice, NoticeBoard, Remedy, from_error
from app.store import Store
from spark_engine.client.http import SparkClient
from spark_engine.client.process import EngineProcess, Launch, start_engine, stop_engine
from spark_engine.errors import SparkError, StartRefused
from spark_engine.life.run_mark import note_end
from spark_engine.paths import BaseDir
from spark_engine.types.state import PhaseChanged, StateSnapshot

CALLER = "spark-app"
NOTICE = "engine"
GRACE_S = 0.2
STOP_GRACE_S = 12.0


class EngineLink:
    """The one owner of the engine's life on the app's side; `run()` for as long as the app runs.

    The end of the event stream is the only sign it goes by. An engine that announced `stopping` is left stopped;
    one that vanished is started again. `quit()` ends the engine only if this app started it. `launch`: the first one,
    on its way already.
    """

    def __init__(
        self,
        base: BaseDir,
        client: SparkClient,
        store: Store,
        board: NoticeBoard,
        launch: Launch | None = None,
    ) -> None:
        self._launch = launch
        self._base, self._client, self._store, self._board = base, client, store, board
        self._engine: EngineProcess | None = None
        self._wanted = asyncio.Event()
        self._attempts = Attempts()
        self._recovering = self._restarting = False

    @property
    def is_ours(self) -> bool:
        """Whether quitting the app ends the engine."""
        return self._engine is not None and self._engine.is_ours

    def start_again(self) -> None:
        """Try at once, whatever happened before."""
        self._attempts.forget()
        self._wanted.set()

    async def restart(self) -> None:
        """End the engine, whoever started it, and start one that reads its settings anew. SparkError when it stays."""
        self._restarting = True
        try:
            await stop_engine(self._base)
        except SparkError:
            self._restarting = False
            raise
        self.start_again()

    async def run(self) -> None:
        """Attach or start, follow, recover; until cancelled."""
        while True:
            try:
                await self._attach()
                asked = await self._follow()
            except SparkError as error:
                await self._rest_after(error)
            else:
                await self._after_end(asked)

    async def quit(self) -> None:
        """End the engine if this app started it."""
        engine, self._engine = self._engine, None
        if self._launch is not None:
            await self._launch.stop()
        if engine is not None:
            await engine.stop()

    async def _attach(self) -> None:
        """The running engine, else a new one. Ownership survives a mere loss of the connection."""
        self._wanted.clear()
        self._store.set_link(Starting())
        launch, self._launch = self._launch, None
        found = await start_engine(self._base, caller=CALLER, launch=launch)
        mine = self._engine
        if mine is None or mine.endpoint.pid != found.endpoint.pid:
            self._engine = found

    async def _follow(self) -> bool:
        """Apply events until the stream ends; whether the engine had said that it was going to stop."""
        asked = False
        try:
            async with aclosing(self._client.events()) as events:
                async for event in events:
                    self._store.apply(event)
                    if isinstance(event, StateSnapshot):
                        self._connected()
                    asked = asked or event == PhaseChanged("stopping")
        except SparkError:
            return asked
        return asked

    def _connected(self) -> None:
        self._store.set_link(Connected(self.is_ours))
        self._restarting = False
        if self._recovering:
            self._recovering = False
            self._board.post(Notice(NOTICE, "ok", "The engine is running again", passing=True))
        else:
            self._board.withdraw(NOTICE)

    async def _after_end(self, asked: bool) -> None:
        """The stream ended: rest after a wanted stop, reconnect if the process lives, else start it again."""
        self._store.set_link(Stopped() if asked and not self._restarting else Searching())
        gone = await self._is_gone(STOP_GRACE_S if asked else GRACE_S)
        if asked and self._restarting:
            await self._until_wanted(STOP_GRACE_S)
        elif asked:
            self._board.post(_stopped_notice(Remedy("Start engine", self.start_again)))
            await self._until_wanted(None)
        elif gone:
            await self._recover()

    async def _is_gone(self, wait_s: float) -> bool:
        """Whether the engine's process ends within `wait_s`; a child of this app is collected then."""
        engine = self._engine
        if engine is None or engine.child is None:
            await asyncio.sleep(GRACE_S)
            return engine is None or not engine.is_running
        try:
            status = await asyncio.to_thread(engine.child.wait, wait_s)
        except subprocess.TimeoutExpired:
            return False
        note_end(self._base, "engine", engine.endpoint.pid, status)
        return True

    async def _recover(self) -> None:
        delay = self._attempts.next_delay()
        if delay is None:
            await self._rest_after(_keeps_ending(self._attempts.count))
            return
        self._recovering = True
        self._store.set_link(Lost("The engine ended unexpectedly.", self._attempts.count, delay))
        self._board.post(_lost_notice())
        await self._until_wanted(delay)

    async def _rest_after(self, error: SparkError) -> None:
        """No engine can be had; wait for somebody to ask again."""
        self._store.set_link(Refused(error.code, error.title, error.message, error.remedy))
        self._board.post(from_error(NOTICE, error, Remedy("Try again", self.start_again)))
        await self._until_wanted(None)

    async def _until_wanted(self, delay_s: float | None) -> None:
        """Wait for `start_again`, or for the delay where there is one."""
        with suppress(TimeoutError):
            async with asyncio.timeout(delay_s):
                await self._wanted.wait()


def _lost_notice() -> Notice:
    return Notice(
        NOTICE,
        "warn",
        "Spark's engine ended unexpectedly",
        "Answers that were being written broke off; loaded models have to be loaded again.",
        "Spark is starting it again. You need not do anything.",
        announce=True,
    )


def _stopped_notice(action: Remedy) -> Notice:
    text = "It was ended from outside this window. Apps get no answers until it runs again."
    return Notice(NOTICE, "info", "The engine was stopped", text, action=action)


def _keeps_ending(count: int) -> SparkError:
    return StartRefused(
        "engine_keeps_ending",
        "Spark's engine keeps ending",
        f"It was started {count} times within {WITHIN_S:.0f} seconds and ended each time.",
        "Run `spark doctor` in a terminal: it looks for the cause. Then try again.",
    )
