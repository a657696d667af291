"""Components as the engine offers them, with the real ONNX Runtime tested by the real self-test."""

import asyncio

import psutil
import pytest

from spark_engine.engine import component_steps
from spark_engine.engine import components as module
from spark_engine.engine.component_list import COMPONENTS, Installation
from spark_engine.engine.component_steps import ComponentSteps
from spark_engine.engine.components import Components
from spark_engine.errors import Conflict, NotFound
from spark_engine.paths import BaseDir
from spark_engine.types.components import Broken, ComponentEntry, Installed, Installing, Missing, Verified
from spark_engine.types.state import ComponentChanged


class Changes(asyncio.Queue[ComponentEntry]):
    """What was published, to be waited for."""

    def publish(self, changed: ComponentChanged) -> None:
        self.put_nowait(changed.component)

    async def settled(self) -> ComponentEntry:
        async with asyncio.timeout(60):
            while isinstance((entry := await self.get()).status, Installing):
                pass
        return entry


async def test_what_is_installed_is_verified_by_a_model_and_remembered(base: BaseDir):
    changes = Changes()
    components = Components(base, changes.publish)
    assert isinstance(components.entries()["onnx"].status, Installed)
    components.install("onnx")
    assert isinstance(components.entries()["onnx"].status, Installing)
    status = (await changes.settled()).status
    assert isinstance(status, Verified)
    assert Components(base, changes.publish).entries()["onnx"].status == status
    await components.close()


async def test_another_installation_is_not_called_verified(base: BaseDir, monkeypatch: pytest.MonkeyPatch):
    changes = Changes()
    components = Components(base, changes.publish)
    components.install("onnx")
    await changes.settled()
    await components.close()
    known = module.installation

    def replaced(component: module.Component):
        found = known(component)
        return found and Installation(found.version, "another")

    monkeypatch.setattr(module, "installation", replaced)
    assert isinstance(Components(base, changes.publish).entries()["onnx"].status, Installed)


async def test_a_self_test_that_hangs_is_ended_and_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(component_steps, "SELF_TEST_S", 0.05)
    status = await ComponentSteps(COMPONENTS[0], lambda fraction, step: None).self_test(0.0)
    assert isinstance(status, Broken)
    assert status.code == "self_test_failed"
    assert "did not end in time" in status.message
    assert not psutil.Process().children(recursive=True)


async def test_cancelling_ends_the_children_and_tells_what_is_there(base: BaseDir):
    changes = Changes()
    components = Components(base, changes.publish)
    components.install("onnx")
    async with asyncio.timeout(10):
        while not psutil.Process().children():
            await asyncio.sleep(0.01)
    components.cancel("onnx")
    assert isinstance((await changes.settled()).status, Installed)
    assert not psutil.Process().children(recursive=True)
    await components.close()


async def test_closing_ends_what_runs(base: BaseDir):
    changes = Changes()
    components = Components(base, changes.publish)
    components.install("onnx")
    await asyncio.sleep(0.2)
    await components.close()
    assert not psutil.Process().children(recursive=True)


async def test_commands_that_make_no_sense_are_refused(base: BaseDir, monkeypatch: pytest.MonkeyPatch):
    components = Components(base, lambda changed: None)
    with pytest.raises(NotFound):
        components.install("tensorflow")
    with pytest.raises(Conflict, match="stays"):
        components.remove("onnx")
    with pytest.raises(Conflict, match="nothing to cancel"):
        components.cancel("onnx")
    components.install("onnx")
    with pytest.raises(Conflict, match="being changed"):
        components.install("onnx")
    await components.close()
    monkeypatch.setattr(module, "installation", lambda component: None)
    missing = Components(base, lambda changed: None)
    assert isinstance(missing.entries()["torch"].status, Missing)
    with pytest.raises(Conflict, match="not installed"):
        missing.remove("torch")


async def test_a_packaged_program_says_that_it_cannot_change_components(
    base: BaseDir, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("sys.frozen", True, raising=False)
    with pytest.raises(Conflict, match="cannot be changed here"):
        Components(base, lambda changed: None).install("gguf")
