"""The engine process: lock, port, engine, listeners, endpoint file; then a bounded end."""

import asyncio
import logging
import os
import secrets
import signal
import socket
import sys
import threading
from collections.abc import Callable

from starlette.types import ASGIApp

from spark_engine import __version__, logs
from spark_engine.api.access import Services
from spark_engine.api.app import build_app, guard_for, limits_for
from spark_engine.api.guard import Guard
from spark_engine.api.listener import Listener
from spark_engine.api.lock import EngineLock
from spark_engine.api.ports import LOOPBACK, bind_api_port, bind_owner_socket, bind_port, holder_of
from spark_engine.api.probes import probe_app
from spark_engine.client.endpoint import Endpoint, remove_endpoint, write_endpoint
from spark_engine.config.load import Config
from spark_engine.engine.crash_reports import chosen_settings
from spark_engine.engine.engine import Engine
from spark_engine.engine.interface import InferenceEngine
from spark_engine.life.run_mark import RunMark
from spark_engine.paths import BaseDir
from spark_engine.types.health import Problem

log = logging.getLogger(__name__)
ENGINE_STOP_S, CONNECTIONS_STOP_S = 3.0, 0.5
_PROBES = {"server.health_port": "/health", "server.metrics_port": "/metrics"}


def run_server(config: Config, base: BaseDir, on_ready: Callable[[Endpoint], None] | None = None) -> int:
    """Serve until SIGINT or SIGTERM; returns the exit status.

    `on_ready` is called once the API answers. Raises StartRefused when another engine serves the base
    directory or the port is busy.
    """
    base.create()
    with EngineLock(base.lock_file), bind_api_port(config.integer("server.port")) as sock:
        logs.setup("engine", base.logs, config.text("log.level"))
        try:
            with RunMark(base, "engine", chosen_settings(config)) as mark:
                asyncio.run(EngineServer(config, base, sock).run(on_ready, mark.ending))
        finally:
            logs.close()
    return 0


class EngineServer:
    """An engine with its listeners, from start to stop."""

    def __init__(self, config: Config, base: BaseDir, sock: socket.socket) -> None:
        self._config, self._base, self._sock = config, base, sock
        self._address = f"http://{LOOPBACK}:{config.integer('server.port')}"
        self._token = secrets.token_urlsafe(32)
        self._listeners: list[Listener] = []

    async def run(self, on_ready: Callable[[Endpoint], None] | None, on_stop: Callable[[], None]) -> None:
        """Serve until a signal asks for the end; `on_stop` is called then."""
        stop = asyncio.Event()
        _on_signals(stop)
        engine = Engine(self._config, self._base, self._address)
        try:
            await engine.start()
            endpoint = await self._listen(engine)
            write_endpoint(self._base, endpoint)
            log.info("serving %s as process %d", self._address, endpoint.pid)
            if on_ready is not None:
                on_ready(endpoint)
            await stop.wait()
            log.info("stopping")
            on_stop()
        finally:
            await self._stop(engine)

    async def _listen(self, engine: InferenceEngine) -> Endpoint:
        config = self._config
        app = build_app(Services(engine, config, self._token))
        await self._serve(guard_for(app, config, config.integer("server.port")), self._sock)
        owner_socket = await self._serve_owner(guard_for(app, config, None), engine)
        for setting, path in _PROBES.items():
            await self._serve_probe(engine, setting, path)
        return Endpoint(self._address, self._token, os.getpid(), __version__, owner_socket)

    async def _serve(self, app: ASGIApp, sock: socket.socket) -> None:
        listener = Listener(app, sock, self._config.integer("server.request_timeout_s"))
        await listener.start()
        self._listeners.append(listener)

    async def _serve_owner(self, app: ASGIApp, engine: InferenceEngine) -> str:
        """The owner's socket; its path, or empty where there is none: the token works as well."""
        if sys.platform == "win32":
            return ""
        try:
            sock = bind_owner_socket(self._base.socket)
        except OSError as error:
            log.info("no Unix socket at %s: %s", self._base.socket, error)
            return ""
        await self._serve(app, sock)
        return str(self._base.socket)

    async def _serve_probe(self, engine: InferenceEngine, setting: str, path: str) -> None:
        port = self._config.integer(setting)
        if port == 0:
            return
        try:
            sock = bind_port(port)
        except OSError as error:
            log.warning("%s is not served on its own port %d: %s", path, port, error)
            engine.raise_problem(_busy_probe(setting, port, path))
            return
        await self._serve(Guard(probe_app(engine, path), limits_for(self._config, port)), sock)

    async def _stop(self, engine: InferenceEngine) -> None:
        """First no new work, then the engine (its streams end with an event), then what connections are left."""
        remove_endpoint(self._base)
        for listener in self._listeners:
            listener.close()
        try:
            async with asyncio.timeout(ENGINE_STOP_S):
                await engine.stop()
        except TimeoutError:
            log.warning(
                "the engine did not stop within %g s; its runners end with this process", ENGINE_STOP_S
            )
        await asyncio.gather(*(listener.end(CONNECTIONS_STOP_S) for listener in self._listeners))
        self._base.socket.unlink(missing_ok=True)


def _busy_probe(setting: str, port: int, path: str) -> Problem:
    return Problem(
        id=f"port_{port}_busy",
        severity="warning",
        title=f"Port {port} is busy",
        message=f"{holder_of(port)} listens on it, so {path} is served on the API's port only.",
        remedy=f"End it, or set {setting} to another port (0 switches it off).",
        part="api",
    )


def _on_signals(stop: asyncio.Event) -> None:
    """Set `stop` at the first SIGINT, SIGTERM or end of the terminal; a second one ends the process at once."""
    if threading.current_thread() is not threading.main_thread():
        return
    loop = asyncio.get_running_loop()
    signals = [signal.SIGINT, signal.SIGTERM]
    if sys.platform == "win32":
        signals.append(signal.SIGBREAK)
    elif signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup wants to outlive its terminal
        signals.append(signal.SIGHUP)

    def ask(number: int, frame: object) -> None:
        for known in signals:
            signal.signal(known, signal.SIG_DFL)
        loop.call_soon_threadsafe(stop.set)

    for known in signals:
        signal.signal(known, ask)
