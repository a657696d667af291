"""The health of a real engine: told on the event stream, followed through a crash, looked at in gentle rounds."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil
import pytest

from spark_engine.engine import health_watch
from spark_engine.engine.health_signs import read_folders
from spark_engine.paths import BaseDir
from spark_engine.types.ecosystem import Reachable, SwitchedOff
from spark_engine.types.health import HealthReport, Problem
from spark_engine.types.models import Ready
from spark_engine.types.state import HealthChanged, find_variant
from tests.integration.test_ecosystem import OFF, listening
from tests.support.real_engine import serving_card
from tests.support.scripted_engine import Api
from tests.support.served import ECHO_CARD

ECHO = "echo:plain"


async def until(api: Api, holds: Callable[[HealthReport], object]) -> HealthReport:
    """The health, as watchers have it, of which this is true."""
    for _ in range(500):
        if holds(api.engine.state.health):
            return api.engine.state.health
        await asyncio.sleep(0.02)
    raise AssertionError(api.engine.state.health)


def parts(report: HealthReport) -> dict[str, str]:
    return {part.id: part.state for part in report.parts}


async def test_every_part_has_a_row_and_a_crash_is_seen(
    base: BaseDir, expect_log: Callable[[str], None]
) -> None:
    expect_log(f"runner of {ECHO} died: signal 9")
    async with serving_card(base, ECHO_CARD, models_default=ECHO, **OFF) as api:
        report = await until(api, lambda h: h.ready)
        assert list(parts(report)) == [
            "api", "queue", "runner", "library", "downloads", "hardware", "store", "events",
        ]  # fmt: skip
        api.engine.load(ECHO)
        loading = await until(api, lambda h: f"runner:{ECHO}" in parts(h))
        assert loading.ready == (parts(loading)[f"runner:{ECHO}"] == "ok")
        await until(api, lambda h: parts(h).get(f"runner:{ECHO}") == "ok")
        variant = find_variant(api.engine.state, ECHO)
        assert variant is not None and isinstance(variant.status, Ready)
        psutil.Process(variant.status.pid).kill()
        for _ in range(500):
            told = api.engine.health()
            if told.problems:
                break
            await asyncio.sleep(0.005)
        (problem,) = told.problems
        assert (problem.id, problem.part, told.ready) == ("model_restarting", f"runner:{ECHO}", False)
        assert parts(told)[f"runner:{ECHO}"] == "warning"
        again = await until(api, lambda h: h.ready and parts(h).get(f"runner:{ECHO}") == "ok")
        assert again.problems == ()


async def test_it_is_told_on_the_stream_and_only_when_it_changed(base: BaseDir) -> None:
    async with serving_card(base, ECHO_CARD, **OFF) as api:
        watcher, reports = api.engine.watch(), list[HealthReport]()

        async def follow() -> None:
            async for event in watcher:
                if isinstance(event, HealthChanged):
                    reports.append(event.report)

        following = asyncio.ensure_future(follow())
        await until(api, lambda h: {p.id: p.facts for p in h.parts}.get("events") == "1 watcher")
        await api.engine.check_health()
        await asyncio.sleep(0.7)
        before = len(reports)
        assert before > 0
        await api.engine.check_health()
        await asyncio.sleep(0.7)
        assert len(reports) == before
        watcher.close()
        await following


async def test_the_probe_says_no_more_than_before(base: BaseDir) -> None:
    async with serving_card(base, ECHO_CARD, models_default=ECHO, **OFF) as api:
        async with httpx.AsyncClient(base_url=api.address) as http:
            open_to_all = await http.get("/health")
            assert (open_to_all.status_code, open_to_all.json()) == (200, {"ready": True, "problems": []})
            assert (await http.post("/spark/v1/health/check")).status_code == 403
            whole = (await http.post("/spark/v1/health/check", headers=api.owner)).json()
            assert len(whole["parts"]) == 8 and len(whole["ecosystem"]) == 7


async def test_looking_is_gentle(base: BaseDir, free_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked rarely while nobody watches, at once when somebody comes, then more often."""
    monkeypatch.setattr(health_watch, "FIRST_S", 0.1)
    monkeypatch.setattr(health_watch, "UNWATCHED_S", 60.0)
    monkeypatch.setattr(health_watch, "WATCHED_S", 0.2)
    heads: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        writer.close()

    async with (
        listening(answer, free_port),
        serving_card(base, ECHO_CARD, **OFF | {"ecosystem_forge": str(free_port)}) as api,
    ):
        await asyncio.sleep(1.0)
        assert len(heads) == 1
        watcher = api.engine.watch()
        await asyncio.sleep(0.1)
        assert len(heads) == 2
        await asyncio.sleep(1.0)
        assert 4 <= len(heads) <= 8
        watcher.close()
        await asyncio.sleep(0.3)
        seen = len(heads)
        await asyncio.sleep(0.8)
        assert len(heads) == seen
    assert {head.splitlines()[0] for head in heads} == {b"GET /health HTTP/1.1"}


async def test_an_address_may_change_while_spark_runs(base: BaseDir) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        writer.close()

    async with listening(answer) as port, serving_card(base, ECHO_CARD, **OFF) as api:
        forge = next(m for m in (await api.engine.check_health()).ecosystem if m.id == "forge")
        assert forge.status == SwitchedOff()
        await api.engine.settings.change({"ecosystem.forge": str(port)})
        await until(
            api, lambda h: any(isinstance(m.status, Reachable) and m.id == "forge" for m in h.ecosystem)
        )


async def test_what_is_raised_above_the_engine_is_told(base: BaseDir) -> None:
    async with serving_card(base, ECHO_CARD, **OFF) as api:
        problem = Problem("port_1_busy", "warning", "T", "M", part="api")
        api.engine.raise_problem(problem)
        report = await until(api, lambda h: h.problems)
        assert (report.problems[0].id, parts(report)["api"]) == ("port_1_busy", "warning")


def test_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free, unwritable = read_folders(tmp_path, tmp_path / "none")
    assert free is not None and free > 0 and unwritable == ""
    monkeypatch.setattr("os.access", lambda path, mode: str(path) != str(tmp_path / "state"))
    (tmp_path / "state").mkdir()
    assert read_folders(tmp_path, tmp_path / "state")[1] == str(tmp_path / "state")
    assert read_folders(tmp_path / "gone") == (None, str(tmp_path / "gone"))
