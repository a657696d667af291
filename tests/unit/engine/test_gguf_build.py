"""Which builds of llama.cpp are tried on which processor, and how their wheels are kept apart."""

from pathlib import Path

import pytest

from spark_engine.engine.gguf_build import Flavour, flavours, has_compiler, kept_wheel, wheel_folder

AVX2 = frozenset({"sse4_2", "avx", "avx2", "fma", "f16c", "bmi2"})
AVX512 = AVX2 | {
    "avx512f",
    "avx512cd",
    "avx512vl",
    "avx512dq",
    "avx512bw",
    "avx512_vnni",
    "amx_tile",
    "amx_int8",
}


def _names(machine: str, features: frozenset[str]) -> list[str]:
    return [f.name for f in flavours(machine, features)]


def test_the_fastest_is_tried_first_and_the_safest_last():
    assert _names("x86_64", AVX512) == ["avx512", "avx2", "baseline"]


def test_a_processor_without_avx512_starts_lower():
    assert _names("x86_64", AVX2) == ["avx2", "baseline"]


def test_an_old_or_silent_processor_has_one_build():
    assert _names("x86_64", frozenset()) == ["baseline"]


def test_half_an_avx512_is_none():
    assert _names("x86_64", AVX2 | {"avx512f"}) == ["avx2", "baseline"]


@pytest.mark.parametrize("flavour", flavours("x86_64", AVX512))
def test_no_build_leaves_anything_to_the_compiler(flavour: Flavour):
    assert "-DGGML_NATIVE=OFF" in flavour.options
    assert {f"-DGGML_AMX_{kind}=OFF" for kind in ("TILE", "INT8", "BF16")} <= set(flavour.options)


def test_instruction_sets_the_processor_lacks_are_off():
    best = flavours("x86_64", AVX512)[0].options
    assert "-DGGML_AVX512_VNNI=ON" in best
    assert "-DGGML_AVX512_BF16=OFF" in best


def test_arm_names_what_it_has():
    best, last = flavours("arm64", frozenset({"asimd", "asimddp", "asimdhp"}))
    assert "-DGGML_CPU_ARM_ARCH=armv8.2-a+dotprod+fp16" in best.options
    assert last.name == "baseline"


def test_an_unknown_processor_gets_a_plain_build():
    assert _names("riscv64", frozenset()) == ["baseline"]


def test_wheels_of_different_builds_lie_apart(tmp_path: Path):
    fast, safe = flavours("x86_64", AVX2)
    pin = "llama-cpp-python==1.0"
    assert wheel_folder(tmp_path, pin, fast) != wheel_folder(tmp_path, pin, safe)
    assert wheel_folder(tmp_path, pin, fast) == wheel_folder(tmp_path, pin, fast)


def test_a_kept_wheel_is_found_and_a_partial_one_is_not(tmp_path: Path):
    (tmp_path / ".x.whl.part").touch()
    assert kept_wheel(tmp_path) is None
    (tmp_path / "x.whl").touch()
    assert kept_wheel(tmp_path) == tmp_path / "x.whl"


def test_without_programs_there_is_no_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in ("CC", "CXX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.platform", "linux")
    assert not has_compiler()
    for name in ("cc", "c++"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    assert has_compiler()
