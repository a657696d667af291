"""The apps of this machine: recognises who asks, counts it, and keeps what their owner decided about them."""

import asyncio
import itertools
import logging
import time
import weakref
from collections.abc import Callable
from pathlib import Path

from spark_engine.engine.app_record import App, SavedApp
from spark_engine.engine.callers import RULED_WITHIN_S, Asked, Call, Caller
from spark_engine.engine.gate import Gate
from spark_engine.engine.peer_process import PeerFinder
from spark_engine.engine.programs import Program, program_of
from spark_engine.errors import Conflict, NotFound, Unavailable
from spark_engine.records import read_record, write_record
from spark_engine.tasks import cancel_and_wait, create_task
from spark_engine.types.apps import AppEntry, AppRank, Peer
from spark_engine.types.requests import RequestEntry
from spark_engine.types.state import AppChanged, AppDropped, ServingPaused

log = logging.getLogger(__name__)
MOST_APPS = 100
TOLD_EVERY_S, SAVED_EVERY_S = 0.5, 10.0


class Apps:
    """Satisfies `AppDesk`. `file` None remembers nothing; `on_asked` is told of every request that is over."""

    def __init__(
        self,
        publish: Callable[[AppChanged | AppDropped | ServingPaused], None] = lambda event: None,
        file: Path | None = None,
        on_asked: Callable[[Asked], None] = lambda asked: None,
    ) -> None:
        self._publish, self._file, self._on_asked = publish, file, on_asked
        self._finder, self._looking, self._writing = PeerFinder(), asyncio.Lock(), asyncio.Lock()
        self._apps: dict[str, App] = {}
        self._everybody = Gate()
        self._told: dict[str, AppEntry] = {}
        self._callers: weakref.WeakValueDictionary[str, Caller] = weakref.WeakValueDictionary()
        self._numbers = itertools.count(1)
        self._telling: asyncio.TimerHandle | None = None
        self._saving: asyncio.Task[None] | None = None
        self._closed = False

    # --- life ----------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Tell of the apps that earlier engines have met."""
        saved = read_record(self._file, list[SavedApp], []) if self._file else []
        for one in saved:
            app = App(one)
            self._apps[app.program.id] = app
        self._tell()

    async def close(self) -> None:
        """End what waits, and remember."""
        self._closed = True
        for gate in self._gates():
            gate.end_waiting(Unavailable("engine_stopping", "Spark is stopping", "It takes no requests now."))
        if self._telling is not None:
            self._telling.cancel()
        await cancel_and_wait(self._saving)
        await self._save()

    # --- who asks ------------------------------------------------------------------------------------------

    def connect(self, peer: Peer) -> Caller:
        """A new connection."""
        caller = Caller(f"connection-{next(self._numbers)}", peer, self)
        self._callers[caller.key] = caller
        return caller

    async def begin(self, caller: Caller, agent: str, key_name: str) -> Call:
        """A request begins. Its program is looked up beside it; only where an app has rules, that is waited for."""
        caller.agent = agent or caller.agent
        self._recognise_once(caller)
        await self.admit(caller)
        caller.then(lambda app: self._came(app, caller))
        return Call(caller, key_name, self._ended)

    async def admit(self, caller: Caller) -> None:
        """AppRefused when the caller's app is blocked. Where an app has rules, its program has to be known for that."""
        if not any(app.ruled for app in self._apps.values()):
            return
        self._recognise_once(caller)
        await caller.known(RULED_WITHIN_S)
        if caller.app is not None and caller.app.blocked:
            caller.app.refused += 1
            caller.app.seen(caller.pid, caller.agent, time.time())
            self._changed()
            raise caller.app.refusal()

    def caller(self, client: str) -> Caller:
        """Who a request's `client` means; one that came from no connection is known by that name only."""
        return self._callers.get(client) or Caller(client)

    def _recognise_once(self, caller: Caller) -> None:
        if not caller.sought:
            caller.sought = True
            create_task(self._recognise(caller), name=f"recognise {caller.key}")

    async def _recognise(self, caller: Caller) -> None:
        """Look up the program at the other end; in a thread, one at a time."""
        assert caller.peer is not None
        pid, program = None, None
        try:
            async with self._looking:
                pid, program = await asyncio.to_thread(self._look_up, caller.peer)
        except Exception:
            log.exception("a program could not be recognised")
        caller.recognised(self._app(program or Program()), pid)

    def _look_up(self, peer: Peer) -> tuple[int | None, Program | None]:
        pid = self._finder.find(peer)
        return pid, program_of(pid) if pid is not None else None

    def _app(self, program: Program) -> App:
        app = self._apps.get(program.id)
        if app is None:
            app = self._apps[program.id] = App(SavedApp(program.path, program.script, time.time()))
            self._drop_oldest()
        return app

    def _drop_oldest(self) -> None:
        """Forget who asked longest ago, where there are too many and nothing was decided about it."""
        idle = [app for app in self._apps.values() if not app.ruled and not app.active]
        if len(self._apps) > MOST_APPS and len(idle) > 1:
            oldest = min(idle[:-1], key=lambda app: app.last_seen).program.id
            del self._apps[oldest]
            if self._told.pop(oldest, None):
                self._publish(AppDropped(oldest))

    # --- what they ask -------------------------------------------------------------------------------------

    def _came(self, app: App, caller: Caller) -> None:
        app.active += 1
        app.seen(caller.pid, caller.agent, time.time())
        self._changed()

    def _ended(self, caller: Caller, asked: Asked) -> None:
        if caller.app is not None:
            caller.app.active -= 1
            caller.app.tally.add(asked.took_ms, asked.failed)
        self._on_asked(asked)
        self._changed()

    def worked(self, caller: Caller, entry: RequestEntry) -> None:
        """A model is done with a request of this caller."""
        caller.failed |= entry.phase == "failed"

        def count(app: App) -> None:
            app.prompt_tokens += entry.usage.prompt_tokens
            app.completion_tokens += entry.usage.completion_tokens
            app.compute_ms += entry.timings.prefill_ms + entry.timings.decode_ms
            self._changed()

        caller.then(count)

    async def let_through(self, caller: Caller, request_id: str) -> None:
        """Wait while serving is paused, or the caller's app is; raises what the waiting was ended with."""
        while self._everybody.closed or caller.held:
            await self._everybody.let_through(request_id)
            self._changed()
            await caller.let_through(request_id)
            self._changed()

    def cancel(self, request_id: str) -> bool:
        """End a request that waits because serving or its app is paused; whether it did."""
        error = Conflict(
            "cancelled", "The request was cancelled", f"{request_id} was stopped while it waited."
        )
        return any(gate.end_waiting(error, request_id) for gate in self._gates())

    def _gates(self) -> list[Gate]:
        return [self._everybody, *(app.gate for app in self._apps.values())]

    def entries(self) -> dict[str, AppEntry]:
        """Every app by its id, as of now."""
        self._tell()
        return dict(self._told)

    # --- what their owner decides --------------------------------------------------------------------------

    def pause_all(self) -> None:
        """Everybody's requests wait from now on; those that a model has go on. An engine begins without."""
        self._everybody.closed = True
        self._publish(ServingPaused(True))

    def resume_all(self) -> None:
        """Requests wait no more, but those of an app that is paused."""
        self._everybody.open()
        self._publish(ServingPaused(False))

    def pause(self, id: str) -> None:
        """Its requests wait from now on; those that a model has go on. NotFound."""
        self._known(id).gate.closed = True
        self._decided()

    def resume(self, id: str) -> None:
        """Its requests wait no more. NotFound."""
        self._known(id).gate.open()
        self._decided()

    def block(self, id: str) -> None:
        """Its requests are refused from now on. NotFound."""
        app = self._known(id)
        app.blocked = True
        app.gate.end_waiting(app.refusal())
        self._decided()

    def unblock(self, id: str) -> None:
        """It may ask again. NotFound."""
        self._known(id).blocked = False
        self._decided()

    def rank(self, id: str, rank: AppRank) -> None:
        """Whose requests go first. NotFound."""
        self._known(id).rank = rank
        self._decided()

    def _known(self, id: str) -> App:
        app = self._apps.get(id)
        if app is None:
            raise NotFound(
                "app_not_found", "No such app", f"{id[:100]} has not used Spark.", "See `spark apps list`."
            )
        return app

    def _decided(self) -> None:
        self._tell()
        create_task(self._save(), name="remember apps")

    # --- telling and remembering ---------------------------------------------------------------------------

    def _changed(self) -> None:
        """Figures changed: tell them soon, together with others."""
        if self._closed:
            return
        if self._telling is None:
            self._telling = asyncio.get_running_loop().call_later(TOLD_EVERY_S, self._tell)
        if self._file is not None and (self._saving is None or self._saving.done()):
            self._saving = create_task(self._save_later(), name="remember apps")

    def _tell(self) -> None:
        if self._telling is not None:
            self._telling.cancel()
            self._telling = None
        together = sum(app.compute_ms for app in self._apps.values())
        for id, app in self._apps.items():
            entry = app.entry(together)
            if self._told.get(id) != entry:
                self._told[id] = entry
                self._publish(AppChanged(entry))

    async def _save_later(self) -> None:
        await asyncio.sleep(SAVED_EVERY_S)
        await self._save()

    async def _save(self) -> None:
        """Write what is remembered; where that fails, the log says so and nothing else breaks."""
        if self._file is None or not self._apps:
            return
        try:
            async with self._writing:
                saved = [app.saved for app in self._apps.values()]
                await asyncio.to_thread(write_record, self._file, saved)
        except OSError as error:
            log.warning("apps are not remembered: %s", error)
