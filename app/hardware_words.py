"""Readings of the hardware as people say them: shares, frequencies, temperatures, traffic, and what is not known."""

from spark_engine.types.hardware import AcceleratorReading, Core, MemoryReading, OwnShare
from spark_engine.types.quantities import size

_FIELDS = {
    "load": "load",
    "memory_used_bytes": "memory in use",
    "memory_total_bytes": "memory",
    "own_memory_bytes": "Spark's part of the memory",
    "temperature_c": "temperature",
    "power_w": "power",
}


def percent(share: float) -> str:
    """`34 %`; below one per cent a digit more, so that little is not nothing."""
    return f"{share * 100:.1f} %" if 0 < share < 0.01 else f"{share * 100:.0f} %"


def frequency(mhz: float) -> str:
    """`2.6 GHz`, `900 MHz`."""
    return f"{mhz / 1000:.1f} GHz" if mhz >= 1000 else f"{mhz:.0f} MHz"


def traffic(bytes_per_second: float) -> str:
    """`12 MB/s`."""
    return f"{size(bytes_per_second)}/s"


def core_words(at: int, core: Core) -> str:
    """`core 3: 45 %, 2.6 GHz`."""
    return f"core {at + 1}: {percent(core.load)}" + (f", {frequency(core.mhz)}" if core.mhz else "")


def own_words(own: OwnShare) -> str:
    """Which of Spark's processes take what, a line each, for whoever looks closer."""
    lines = (f"{one.role}: {percent(one.cpu)}, {size(one.memory_bytes)}" for one in own.processes)
    return "\n".join(lines)


def swap_words(memory: MemoryReading) -> str:
    """How much of the swap is used; empty where there is none."""
    if not memory.swap_total_bytes:
        return "No swap"
    return f"Swap: {size(memory.swap_used_bytes)} of {size(memory.swap_total_bytes)}"


def device_kind(device: AcceleratorReading) -> str:
    """`GPU, driver 555.42.02`."""
    kind = {"gpu": "GPU", "npu": "NPU"}[device.kind]
    return f"{kind}, driver {device.driver}" if device.driver else kind


def device_facts(device: AcceleratorReading) -> str:
    """`62 °C · 140 W of 300 W · 1.9 GHz`, as far as it is known."""
    facts = []
    if device.temperature_c is not None:
        facts.append(f"{device.temperature_c:.0f} °C")
    if device.power_w is not None:
        limit = f" of {device.power_limit_w:.0f} W" if device.power_limit_w else ""
        facts.append(f"{device.power_w:.0f} W{limit}")
    if device.mhz:
        facts.append(frequency(device.mhz))
    return " · ".join(facts)


def device_memory(device: AcceleratorReading) -> str:
    """`Memory: 3.1 GB of 8.0 GB, Spark 1.2 GB`; empty when it is not known."""
    if device.memory_used_bytes is None:
        return ""
    whole = f" of {size(device.memory_total_bytes)}" if device.memory_total_bytes else " of main memory"
    own = f", Spark {size(device.own_memory_bytes)}" if device.own_memory_bytes is not None else ""
    return f"Memory: {size(device.memory_used_bytes)}{whole}{own}"


def missing_words(device: AcceleratorReading) -> str:
    """What is not known of a device and why, a line a reason; what follows from its build is no lack."""
    reasons: dict[str, list[str]] = {}
    for field, reason in device.missing.items():
        if not (device.unified and field == "memory_total_bytes"):
            reasons.setdefault(reason, []).append(_FIELDS.get(field, field))
    return "\n".join(f"Not known: {', '.join(fields)}. {why}." for why, fields in reasons.items())
