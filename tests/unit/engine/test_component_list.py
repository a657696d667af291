"""The components' pins come from the project's own metadata, and removing one leaves what others need."""

import tomllib
from pathlib import Path

import pytest

from spark_engine.engine import component_list
from spark_engine.engine.component_list import COMPONENTS, all_pins, installation, is_pinned, pins, plain

ONNX = COMPONENTS[0]
ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("component", COMPONENTS, ids=lambda c: c.id)
def test_pins_are_those_of_the_projects_file(component: component_list.Component):
    written = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "optional-dependencies"
    ]
    known = {line.partition(";")[0].strip() for line in written[component.id]}
    found = {plain(r) for r in pins(component.id)}
    assert found
    assert found <= known
    assert any(r.name in component.libraries for r in pins(component.id))


def test_every_pin_is_exact():
    assert all(str(r.specifier).startswith("==") for r in all_pins())


def test_what_is_always_needed_belongs_to_no_extra():
    names = {r.name for r in pins()}
    assert "msgspec" in names
    assert not names & {r.name for c in COMPONENTS for r in pins(c.id)}


def test_the_installed_runtime_has_a_version_and_a_fingerprint():
    found = installation(ONNX)
    assert found is not None
    assert found.version in {str(r.specifier)[2:] for r in pins("onnx")}
    assert len(found.fingerprint) == 16
    assert is_pinned(ONNX)


def test_a_component_with_a_library_missing_is_not_installed(monkeypatch: pytest.MonkeyPatch):
    known = component_list._distribution
    monkeypatch.setattr(
        component_list, "_distribution", lambda name: None if name == "tokenizers" else known(name)
    )
    assert installation(ONNX) is None
    assert not is_pinned(ONNX)


def test_removing_leaves_what_spark_and_others_need():
    doomed = set(component_list.removable(ONNX))
    genai = next(c for c in COMPONENTS if c.id == "genai")
    assert ("onnxruntime" in doomed) is (installation(genai) is None)
    assert not doomed & {"msgspec", "httpx", "fastapi", "pydantic", "pip", "setuptools", "spark-local"}
