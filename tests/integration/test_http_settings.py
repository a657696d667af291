"""Settings over real HTTP on a real engine: what they are, saved in one step, in effect at once where that can be."""

import logging
from collections.abc import AsyncIterator, Iterator

import pytest

from spark_engine.client.endpoint import Endpoint
from spark_engine.client.http import SparkClient
from spark_engine.config.load import load_config
from spark_engine.engine.engine import Engine
from spark_engine.errors import Conflict, InvalidRequest
from spark_engine.paths import BaseDir
from tests.support.scripted_engine import Api, serving
from tests.support.served import ECHO_CARD


@pytest.fixture(autouse=True)
def _level() -> Iterator[None]:
    root = logging.getLogger()
    level = root.level
    yield
    root.setLevel(level)


@pytest.fixture
async def api(base: BaseDir) -> AsyncIterator[Api]:
    base.settings_file.write_text("# mine\n[models]\npreload = false  # no hurry\n")
    (base.root / "model_cards").mkdir()
    (base.root / "model_cards" / "echo.toml").write_text(ECHO_CARD)
    config = load_config(base.settings_file, {"SPARK_SERVER_MAX_BODY_MB": "5"}, {"server.port": 9009})
    engine = Engine(config, base, "http://127.0.0.1:0")
    await engine.start()
    async with serving(engine, config) as served:
        yield served


@pytest.fixture
async def client(api: Api) -> AsyncIterator[SparkClient]:
    async with SparkClient(Endpoint(api.address, api.token, 1, "0")) as made:
        yield made


async def test_every_setting_says_what_it_is_and_where_it_comes_from(client: SparkClient) -> None:
    found = await client.settings()
    assert list(found)[:2] == ["server.port", "server.health_port"]
    assert {
        key: (found[key].value, found[key].origin) for key in list(found) if found[key].origin != "default"
    } == {
        "server.port": (9009, "argument"),
        "server.max_body_mb": (5, "environment"),
        "models.preload": (False, "file"),
    }
    assert "SPARK_SERVER_MAX_BODY_MB" in found["server.max_body_mb"].where
    assert found["server.port"].is_locked
    assert found["models.preload"].saved is False
    assert (found["log.level"].group, found["log.level"].setting.choices[0]) == ("Logs", "debug")


async def test_a_change_is_saved_told_and_in_effect(client: SparkClient, api: Api, base: BaseDir) -> None:
    before = api.engine.state.settings_changes
    found = await client.change_settings({"log.level": "debug", "models.keep_alive_s": 60})
    assert logging.getLogger().level == logging.DEBUG
    assert (found["log.level"].value, found["log.level"].origin) == ("debug", "file")
    assert not any(entry.waits_for_restart for entry in found.values())
    text = base.settings_file.read_text()
    assert text.startswith("# mine\n[models]\npreload = false  # no hurry\nkeep_alive_s = 60\n")
    assert api.engine.state.settings_changes == before + 1
    options = await client.options("echo:plain")
    assert options.default.keep_alive_s == 60
    found = await client.change_settings({"log.level": None})
    assert (found["log.level"].value, found["log.level"].origin) == ("info", "default")
    assert logging.getLogger().level == logging.INFO


async def test_what_needs_a_restart_waits_for_it_and_can_be_taken_back(client: SparkClient) -> None:
    found = await client.change_settings({"server.health_port": 7000, "models.default": "echo:slow"})
    assert (found["server.health_port"].value, found["server.health_port"].saved) == (8911, 7000)
    assert [key for key, entry in found.items() if entry.waits_for_restart] == ["server.health_port"]
    assert (await client.state()).default_model == "echo:slow"
    found = await client.change_settings({"server.health_port": 8911})
    assert not any(entry.waits_for_restart for entry in found.values())


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"log.level": "debug", "models.slots": 0}, "models.slots"),
        ({"log.level": "debug", "models.preload": "perhaps"}, "models.preload"),
        ({"log.level": "debug", "nothing.such": 1}, "nothing.such"),
    ],
)
async def test_all_or_nothing_and_the_key_is_named(
    client: SparkClient, base: BaseDir, changes: dict[str, int | str], key: str
) -> None:
    before = base.settings_file.read_text()
    with pytest.raises(InvalidRequest) as refused:
        await client.change_settings(changes)
    assert refused.value.param == key
    assert base.settings_file.read_text() == before
    assert (await client.settings())["log.level"].value == "info"


@pytest.mark.parametrize("key", ["server.port", "server.max_body_mb"])
async def test_what_is_set_elsewhere_is_locked(client: SparkClient, key: str) -> None:
    with pytest.raises(Conflict) as refused:
        await client.change_settings({key: 7})
    assert (refused.value.code, refused.value.param) == ("setting_locked", key)


async def test_a_file_that_somebody_broke_is_not_written_over(client: SparkClient, base: BaseDir) -> None:
    base.settings_file.write_text("[models\n")
    assert (await client.settings())["models.preload"].value is False
    with pytest.raises(Conflict) as refused:
        await client.change_settings({"log.level": "debug"})
    assert refused.value.code == "settings_unreadable"
    assert base.settings_file.read_text() == "[models\n"
