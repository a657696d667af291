"""Which way an installation takes: flavour after flavour for llama.cpp, and where it stops."""

from pathlib import Path

import pytest
from packaging.requirements import Requirement

from spark_engine.engine import component_steps, gguf_build
from spark_engine.engine.component_list import COMPONENTS, Component
from spark_engine.engine.component_steps import ComponentSteps
from spark_engine.engine.leashed_process import Ended
from spark_engine.types.components import Broken, Verified

GGUF = next(c for c in COMPONENTS if c.id == "gguf")
FLAVOURS = [gguf_build.Flavour(name, (f"-D{name}",)) for name in ("fast", "middle", "safe")]
CRASH = Broken("self_test_failed", "It crashed", "It ended by SIGSEGV.")
NO_COMPILER = Broken("no_compiler", "No compiler", "None was found.")
WORKS = Verified("0.3.36", "AVX2")


class ScriptedSteps(ComponentSteps):
    """Builds and self-tests end as the script says, flavour by flavour; everything between them is real."""

    def __init__(self, script: dict[str, Verified | Broken], wheels: Path) -> None:
        self.steps: list[str] = []
        super().__init__(GGUF, lambda fraction, step: self.steps.append(step), wheels=wheels)
        self._script = script
        self.built: list[str] = []
        self.installed = ""

    async def _build_wheel(self, pin: str, flavour: gguf_build.Flavour, folder: Path) -> Path | Broken:
        self.built.append(flavour.name)
        outcome = self._script[flavour.name]
        if isinstance(outcome, Broken) and outcome.code == "no_compiler":
            return outcome
        folder.mkdir(parents=True)
        (folder / f"{flavour.name}.whl").touch()
        return folder / f"{flavour.name}.whl"

    async def _pip_install(self, arguments: list[str], start: float, end: float) -> Ended:
        self.installed = Path(arguments[0]).stem
        return Ended(0, "")

    async def self_test(self, start: float) -> Verified | Broken:
        return self._script[self.installed]


@pytest.fixture(autouse=True)
def _bare_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(component_steps, "is_pinned", lambda component: False)
    monkeypatch.setattr(gguf_build, "flavours", lambda machine, features: FLAVOURS)


async def test_the_fastest_build_that_works_is_taken(tmp_path: Path):
    steps = ScriptedSteps({"fast": WORKS}, tmp_path)
    assert await steps.install() == WORKS
    assert steps.installed == "fast"


async def test_a_crashing_build_gives_way_to_a_safer_one(tmp_path: Path):
    steps = ScriptedSteps({"fast": CRASH, "middle": WORKS}, tmp_path)
    assert await steps.install() == WORKS
    assert steps.installed == "middle"
    assert "the fast build failed; trying middle" in steps.steps


async def test_a_build_that_crashed_is_not_kept(tmp_path: Path):
    await ScriptedSteps({"fast": CRASH, "middle": WORKS}, tmp_path).install()
    assert [wheel.name for wheel in tmp_path.rglob("*.whl")] == ["middle.whl"]


async def test_a_kept_wheel_is_not_built_again(tmp_path: Path):
    await ScriptedSteps({"fast": WORKS}, tmp_path).install()
    again = ScriptedSteps({"fast": WORKS}, tmp_path)
    assert isinstance(await again.install(), Verified)
    assert again.built == []


async def test_when_no_build_works_the_last_failure_is_told(tmp_path: Path):
    steps = ScriptedSteps(dict.fromkeys(("fast", "middle", "safe"), CRASH), tmp_path)
    assert await steps.install() == CRASH
    assert steps.built == ["fast", "middle", "safe"]


async def test_without_a_compiler_no_other_flavour_is_tried(tmp_path: Path):
    steps = ScriptedSteps({"fast": NO_COMPILER}, tmp_path)
    assert await steps.install() == NO_COMPILER
    assert steps.built == ["fast"]


async def test_a_full_disk_is_told_before_anything_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 1_000_000})())
    steps = ScriptedSteps({}, tmp_path)
    outcome = await steps.install()
    assert isinstance(outcome, Broken)
    assert outcome.code == "no_disk_space"
    assert steps.built == []


async def test_a_library_nobody_offers_is_told_by_the_real_pip(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    unknown = Component("none", "Nothing", (), ("spark-no-such-library",), True, 1, 1)
    monkeypatch.setattr(component_steps, "pins", lambda extra: [Requirement("spark-no-such-library==1.0")])
    for name, value in {
        "PIP_NO_INDEX": "1",
        "PIP_CONFIG_FILE": "/dev/null",
        "PIP_FIND_LINKS": str(tmp_path),
    }.items():
        monkeypatch.setenv(name, value)
    outcome = await ComponentSteps(unknown, lambda fraction, step: None).install()
    assert isinstance(outcome, Broken)
    assert outcome.code == "no_wheel"
    assert "spark-no-such-library==1.0" in outcome.message
