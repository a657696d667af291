"""The same float32 weights in every format, written once for all tests of this folder, and what transformers says."""

import importlib.util
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.parity.reference import Expected, expected_answers, open_reference, prompts_for
from tests.parity.switching import Truth, write_switching
from tests.support import float32
from tests.support.decoders import safetensors_folder, write_pytorch

Written = Callable[[str], str]
Say = Callable[[str], None]
_SAID = pytest.StashKey[list[str]]()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Show what was counted, also when all is well."""
    if lines := config.stash.get(_SAID, []):
        terminalreporter.section("the same float32 weights, compared with transformers")
        for line in lines:
            terminalreporter.write_line(line)


@pytest.fixture
def say(request: pytest.FixtureRequest) -> Say:
    """A function that adds a line to the summary at the end."""
    return request.config.stash.setdefault(_SAID, []).append


def _writer(source: Path, folder: Path) -> Written:
    """A function that gives the path of `source` in a format, written when it is first asked for."""
    paths = {"safetensors": source}

    def written(name: str) -> str:
        kind = "onnx" if name == "genai" else name
        if kind not in paths:
            paths[kind] = _write(kind, source, folder / kind)
        return str(paths[kind])

    return written


def _write(kind: str, source: Path, target: Path) -> Path:
    match kind:
        case "onnx":
            missing = [m for m in float32.BUILDER_MODULES if importlib.util.find_spec(m) is None]
            if missing:
                pytest.skip(f"the model builder needs {', '.join(missing)}")
            return float32.write_onnx(source, target)
        case "gguf":
            return float32.write_gguf(source, target.with_suffix(".gguf"))
        case _:
            return write_pytorch(target, source, f"pytorch_model{Path(kind).suffix or '.bin'}")


@pytest.fixture(scope="session")
def nano(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """spark-nano."""
    return _writer(safetensors_folder(), tmp_path_factory.mktemp("nano-float32"))


@pytest.fixture(scope="session")
def switching_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model that switches its rotary factors, as SafeTensors."""
    return write_switching(tmp_path_factory.mktemp("switching"), safetensors_folder())


@pytest.fixture(scope="session")
def switching(switching_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Written:
    """The model that switches its rotary factors."""
    return _writer(switching_folder, tmp_path_factory.mktemp("switching-float32"))


@pytest.fixture(scope="session")
def truth(switching_folder: Path) -> Truth:
    """What the switching model should say."""
    return Truth(switching_folder)


@pytest.fixture(scope="session")
def expected() -> list[Expected]:
    """What transformers' own `generate` answers with spark-nano to every prompt."""
    folder = safetensors_folder()
    return expected_answers(open_reference(folder), prompts_for(folder))
