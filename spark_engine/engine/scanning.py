"""Reads the whole library without holding up the event loop: finds, inspects in a child process, puts together."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from spark_engine.catalog.library import read_library, to_inspect
from spark_engine.catalog.stores.scan import Surroundings, find_models
from spark_engine.engine.inspections import Inspections
from spark_engine.paths import BaseDir
from spark_engine.types.inspection import Verdict
from spark_engine.types.models import ModelEntry

Models = dict[str, ModelEntry]


async def read_known(base: BaseDir, around: Surroundings, inspections: Inspections) -> Models:
    """The library by what is remembered, in milliseconds; models that were never inspected are not in it yet."""

    def read() -> Models:
        return read_library(base, find_models(base, around), inspections.known_all)

    return await asyncio.to_thread(read)


async def inspect_own(base: BaseDir, inspections: Inspections) -> None:
    """Inspect what lies in Spark's own folder of models, as far as that was not done: nothing is loaded before."""
    wanted = await asyncio.to_thread(
        lambda: [path for path, _ in to_inspect(base) if _lies_in(base.models, path)]
    )
    await inspections.inspect_all(wanted)


def _lies_in(folder: Path, path: str) -> bool:
    return Path(path).is_relative_to(folder)


async def read_inspected(base: BaseDir, around: Surroundings, inspections: Inspections) -> Models:
    """The whole library. What changed or is new is inspected first, about a tenth of a second for a model."""
    found = await asyncio.to_thread(find_models, base, around)
    wanted = await asyncio.to_thread(lambda: list(to_inspect(base, found)))
    told = await _inspected(wanted, inspections)
    return await asyncio.to_thread(read_library, base, found, lambda path, roots: told.get(path))


async def _inspected(
    wanted: Sequence[tuple[str, tuple[str, ...]]], inspections: Inspections
) -> dict[str, Sequence[Verdict]]:
    """The verdicts by path; one child reads all paths whose links may lead to the same folders."""
    together: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for path, roots in wanted:
        together[roots].append(path)
    told: dict[str, Sequence[Verdict]] = {}
    for roots, paths in together.items():
        told |= dict(zip(paths, await inspections.inspect_all(paths, roots), strict=True))
    return told
