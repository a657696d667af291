"""What the operating systems tell about the processor becomes one set of names."""

from spark_engine.hardware.cpu_features import (
    cpu_features,
    machine,
    parse_cpuinfo,
    parse_sysctl,
    with_implied,
)


def test_only_what_every_processor_has_counts():
    text = "processor\t: 0\nflags\t\t: fpu avx avx2\n\nprocessor\t: 1\nflags\t\t: fpu avx\n"
    assert parse_cpuinfo(text) == {"fpu", "avx"}


def test_arm_linux_calls_them_features():
    assert parse_cpuinfo("Features\t: fp asimd asimddp\n") == {"fp", "asimd", "asimddp"}


def test_a_silent_system_has_none():
    assert parse_cpuinfo("model name: something\n") == frozenset()


def test_apple_silicon_is_told_in_linux_names():
    text = "hw.optional.arm.FEAT_DotProd: 1\nhw.optional.arm.FEAT_FP16: 1\nhw.optional.arm.FEAT_I8MM: 0\n"
    assert parse_sysctl(text) == {"asimddp", "asimdhp"}


def test_intel_macs_imply_what_avx2_comes_with():
    text = "hw.optional.avx1_0: 1\nhw.optional.avx2_0: 1\nhw.optional.avx512f: 0\n"
    assert parse_sysctl(text) == {"avx", "avx2", "fma", "f16c", "bmi2"}


def test_nothing_is_implied_without_its_cause():
    assert with_implied({"avx"}) == {"avx"}


def test_this_machine_is_read():
    assert machine()
    assert cpu_features(), "a supported system tells its processor's instruction sets"
