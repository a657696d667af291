"""Installs backend components and prints how it goes: `python -m spark_engine.engine.component_install`."""

import argparse
import asyncio
import sys

from spark_engine.engine.component_list import COMPONENTS
from spark_engine.engine.components import Components
from spark_engine.errors import SparkError
from spark_engine.paths import base_dir
from spark_engine.types.components import Broken, ComponentEntry, Installing, Verified

LEAST_ADVANCE = 0.04


def main() -> int:
    """Install what the arguments name; 0 when a model ran with each."""
    parser = argparse.ArgumentParser(description="Installs backend components and tests them with a model.")
    parser.add_argument("components", nargs="+", choices=[c.id for c in COMPONENTS])
    parser.add_argument("--base-dir", help="where Spark keeps what it writes")
    parser.add_argument("--cuda", action="store_true", help="allow PyTorch's CUDA build")
    chosen = parser.parse_args()
    try:
        return asyncio.run(_install(chosen.components, chosen.base_dir, chosen.cuda))
    except KeyboardInterrupt:
        return 130


async def _install(ids: list[str], root: str | None, cuda: bool) -> int:
    changes: asyncio.Queue[ComponentEntry] = asyncio.Queue()
    base = base_dir(root)
    base.create()
    components = Components(base, lambda changed: changes.put_nowait(changed.component))
    failed = 0
    try:
        for id in ids:
            components.install(id, cuda=cuda)
            failed += not await _watched(changes)
    except SparkError as error:
        print(f"{error.title}: {error.message} {error.remedy}", file=sys.stderr)
        failed += 1
    finally:
        await components.close()
    return 1 if failed else 0


async def _watched(changes: "asyncio.Queue[ComponentEntry]") -> bool:
    """Print the changes of one component until it stands still; whether it works."""
    shown = -1.0
    kinds: set[str] = set()
    while True:
        entry = await changes.get()
        if not isinstance(entry.status, Installing):
            return _print_outcome(entry)
        fraction, step = entry.status.fraction, entry.status.step
        kind = step.split()[0]
        if kind not in kinds or fraction - shown >= LEAST_ADVANCE:
            shown = fraction
            kinds.add(kind)
            print(f"  {entry.name}: {fraction:4.0%} {step}", flush=True)


def _print_outcome(entry: ComponentEntry) -> bool:
    match entry.status:
        case Verified(version, build):
            print(f"  {entry.name} {version} works ({build}).", flush=True)
            return True
        case Broken(_, title, message, remedy, evidence):
            print(f"  {entry.name}: {title}. {message} {remedy}", flush=True)
            if evidence:
                print("    | " + evidence.replace("\n", "\n    | "), flush=True)
            return False
        case status:
            print(f"  {entry.name}: {type(status).__name__.lower()}", flush=True)
            return False


if __name__ == "__main__":
    sys.exit(main())
