"""What every test stands on: its own base directory, free ports, Qt without a screen, guarded logs."""

import importlib.metadata
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest

from spark_engine.backends import device_env
from spark_engine.paths import BaseDir

pytest_plugins = ["tests.support.logfail"]

_ENVIRONMENT = {
    "QT_QPA_PLATFORM": "offscreen",
    "NO_COLOR": "1",
    "SPARK_MODELS_OTHER_APPS": "false",  # what lies on this machine is nobody's business
}
_COMPONENT_LIBRARY = {
    "gguf": "llama-cpp-python",
    "torch": "torch",
    "genai": "onnxruntime-genai",
    "convert": "onnx",
}


def pytest_configure(config: pytest.Config) -> None:
    """Set the environment of this process and its children before any library reads it."""
    # PYTHONUNBUFFERED would hide output that nobody flushes.
    for name in [n for n in os.environ if n.startswith("SPARK_") or n == "PYTHONUNBUFFERED"]:
        del os.environ[name]
    os.environ.update(_ENVIRONMENT)
    device_env.prepare(os.environ)
    _hear_signals()
    # Shared cores make single examples slow without anything being wrong.
    hypothesis.settings.register_profile("spark", deadline=None)
    hypothesis.settings.load_profile("spark")


def _hear_signals() -> None:
    """Take back what `nohup` or a shell's `&` set: children would ignore the interrupts that tests send."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs a backend component that is not installed here."""
    for marker in item.iter_markers("component"):
        name = marker.args[0]
        try:
            importlib.metadata.version(_COMPONENT_LIBRARY[name])
        except importlib.metadata.PackageNotFoundError:
            pytest.skip(f"the backend component {name} is not installed (spark backends install {name})")


@pytest.fixture(autouse=True)
def _private_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing a test starts can touch the user's own base directory."""
    monkeypatch.setenv("SPARK_HOME", str(tmp_path_factory.getbasetemp() / "home"))


@pytest.fixture
def base(tmp_path: Path) -> BaseDir:
    """A base directory of this test's own, made."""
    made = BaseDir(tmp_path / "spark")
    made.create()
    return made


@pytest.fixture
def free_ports() -> Callable[[], int]:
    """A function that gives a loopback port nobody listens on, another one each time."""
    given: set[int] = set()

    def free_port() -> int:
        while True:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port: int = probe.getsockname()[1]
            if port not in given:
                given.add(port)
                return port

    return free_port


@pytest.fixture
def free_port(free_ports: Callable[[], int]) -> int:
    """One loopback port nobody listens on."""
    return free_ports()
