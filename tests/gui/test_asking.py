"""What is asked again and again: only the newest answer counts, whatever becomes of the others."""

import asyncio
from typing import Any

import pytest
from PySide6.QtCore import QObject

from app.asking import Inquiry
from spark_engine.errors import NotFound, SparkError
from tests.gui.conftest import until


@pytest.fixture
def inquiry(qapp: Any) -> Any:
    parent = QObject()
    made = Inquiry(parent)
    made.told = []  # type: ignore[attr-defined]
    made.answered.connect(made.told.append)  # type: ignore[attr-defined]
    made.refused.connect(lambda error: made.told.append(error.code))  # type: ignore[attr-defined]
    made.keep = parent  # type: ignore[attr-defined]
    return made


async def stubborn() -> str:
    """An answer that comes although nobody waits for it any more."""
    try:
        await asyncio.sleep(10)
    except asyncio.CancelledError:
        return "late"
    return "never"


async def test_only_the_newest_answer_counts(inquiry: Any) -> None:
    async def new() -> str:
        await asyncio.sleep(0.02)
        return "new"

    inquiry.ask(stubborn)
    await asyncio.sleep(0.01)
    inquiry.ask(new)
    assert inquiry.is_open
    await until(lambda: inquiry.told)
    await asyncio.sleep(0.02)
    assert inquiry.told == ["new"]
    assert not inquiry.is_open


async def test_what_was_dropped_is_told_to_nobody(inquiry: Any) -> None:
    inquiry.ask(stubborn)
    await asyncio.sleep(0.01)
    inquiry.drop()
    await asyncio.sleep(0.02)
    assert inquiry.told == []
    assert not inquiry.is_open


async def test_a_refusal_is_told_as_one(inquiry: Any) -> None:
    async def refused() -> SparkError:
        raise NotFound("gone", "T", "M")

    inquiry.ask(refused)
    await until(lambda: inquiry.told == ["gone"])
