"""The real engine in this process, with one model card of a test's own, behind real HTTP."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from spark_engine.config.schema import SettingValue
from spark_engine.engine.engine import Engine
from spark_engine.paths import BaseDir
from tests.support.scripted_engine import Api, config_with, serving


@asynccontextmanager
async def serving_card(base: BaseDir, card: str, **values: SettingValue) -> AsyncIterator[Api]:
    """Serve the card's model, which is loaded when it is asked for; `values` are settings."""
    (base.root / "model_cards").mkdir()
    (base.root / "model_cards" / "echo.toml").write_text(card)
    config = config_with(models_preload=False, **values)
    engine = Engine(config, base, "http://127.0.0.1:0")
    await engine.start()
    async with serving(engine, config) as api:
        yield api
