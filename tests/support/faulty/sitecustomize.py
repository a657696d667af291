"""Makes runner processes that find this folder in PYTHONPATH go wrong on devices named `fault:…`; for tests alone.

`fault:perturbed`, `fault:hot`, `fault:nan`, `fault:crash`, `fault:hang`, `fault:slow`, `fault:deaf` (hangs while it
loads), `fault:dead` (dies while it loads), `fault:refuse`; `fault:fine` changes nothing but its name. `fault:later`
works until the file that SPARK_TEST_FAULT names is there, then dies at every load and step.
"""

import importlib.abc
import importlib.machinery
import importlib.util
import os
import sys
import time
from types import ModuleType
from typing import Any

TARGET = "spark_engine.backends.registry"
PREFIX = "fault:"
CRASH_AT, SLOW_S, FOREVER_S = 4, 0.02, 600.0


class _Finder(importlib.abc.MetaPathFinder):
    """Lets the registry be imported as it is, then changes it."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name != TARGET:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        assert spec is not None and spec.loader is not None
        execute = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            execute(module)
            _change(module)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def _change(registry: Any) -> None:
    find = registry.find

    def find_faulty(model_format: str, device: str = "cpu") -> Any:
        if not device.startswith(PREFIX):
            return find(model_format, device)
        sound = find(model_format, "cpu")
        return sound._replace(decoder=lambda plan: Faulty(sound.decoder(plan), device.removeprefix(PREFIX)))

    registry.find = find_faulty


class Faulty:
    """A sound decoder with one fault."""

    def __init__(self, sound: Any, fault: str) -> None:
        self._sound, self._fault, self._steps = sound, fault, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sound, name)

    @property
    def device(self) -> str:
        return f"Faulty ({self._fault})"

    def load(self, plan: Any) -> Any:
        from msgspec.structs import replace

        from spark_engine.errors import Unavailable

        if self._fault == "dead":
            _die("cannot load")
        self._die_if_broken()
        if self._fault == "deaf":
            time.sleep(FOREVER_S)
        if self._fault == "refuse":
            raise Unavailable(
                "device_unavailable", "This device cannot be used", "It is a test.", "Choose another."
            )
        yield from self._sound.load(replace(plan, device="cpu"))

    def forward(self, batch: Any) -> Any:
        import numpy as np

        self._steps += 1
        if self._fault == "crash" and self._steps > CRASH_AT:
            _die("a fault in the driver")
        self._die_if_broken()
        if self._fault == "hang" and self._steps > CRASH_AT:
            time.sleep(FOREVER_S)
        if self._fault == "slow":
            time.sleep(SLOW_S)
        rows = self._sound.forward(batch)
        if self._fault == "perturbed":
            noise = np.random.default_rng(self._steps)
            rows = [r if r is None else r + noise.normal(0, 1.0, r.shape).astype(np.float32) for r in rows]
        if self._fault == "hot":
            rows = [r if r is None else r * np.float32(0.7) for r in rows]
        if self._fault == "nan":
            rows = [r if r is None else np.full_like(r, np.nan) for r in rows]
        return rows

    def _die_if_broken(self) -> None:
        if self._fault == "later" and os.path.exists(os.environ["SPARK_TEST_FAULT"]):
            _die("it has come")


def _die(last_words: str) -> None:
    os.write(2, f"{last_words}\n".encode())
    os.abort()


sys.meta_path.insert(0, _Finder())
