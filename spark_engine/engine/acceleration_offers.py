"""What each way to run models comes to on this machine: found, installed, what is missing, and a key for its trials."""

import hashlib
import sys
from collections.abc import Iterable

from msgspec import Struct

from spark_engine.engine import gguf_build
from spark_engine.engine.acceleration_machine import Machine
from spark_engine.engine.acceleration_ways import BackendWays, Way
from spark_engine.engine.component_list import pins, plain
from spark_engine.engine.seats import Seat
from spark_engine.types.acceleration import CPU_CHOICE, AccelerationChoice
from spark_engine.types.components import Broken, Verified
from spark_engine.types.hardware import AcceleratorReading

_UNREAD = "The hardware has not been read yet."


class Offer(Struct, frozen=True):
    """A choice as this machine has it, where it would compute, and a key that changes with its libraries, its driver
    and its hardware: a trial counts as long as the key stays."""

    choice: AccelerationChoice
    seat: Seat
    key: str


def offers(backend: BackendWays, machine: Machine) -> list[Offer]:
    """Every choice of a backend. Pure."""
    plain, *others = (_offer(way, machine) for way in backend.ways)
    flavours = _flavours(machine) if backend.id == "gguf" else []
    return [plain, *_fewer_threads(plain, machine), *flavours, *others]


def _fewer_threads(plain: Offer, machine: Machine) -> list[Offer]:
    """Half of the cores and one: for machines that do something else too, and small models."""
    counts = sorted({machine.cores // 2, 1} - {0, machine.cores}, reverse=True)
    return [_with_threads(plain, count, machine) for count in counts]


def _with_threads(plain: Offer, count: int, machine: Machine) -> Offer:
    base = plain.choice
    words = f"{count} thread{'s' if count > 1 else ''}"
    choice = AccelerationChoice(
        f"{CPU_CHOICE}-{count}", f"CPU, {words}", "cpu", _processor(machine, count), base.found, base.installed,
        base.library, why=base.why, command=base.command,
    )  # fmt: skip
    return Offer(choice, Seat(choice.id, plain.seat.device, count), plain.key)


def _offer(way: Way, machine: Machine) -> Offer:
    devices = _devices(way, machine)
    missing = "" if way.kind == "cpu" else _not_found(way, machine, devices)
    library, lacks, command = _library(way, machine)
    driver = ", ".join(sorted({d.driver for d in devices if d.driver}))
    named = ", ".join(d.name for d in devices)
    choice = AccelerationChoice(
        way.id,
        way.name,
        way.kind,
        _processor(machine, machine.cores) if way.kind == "cpu" else named,
        found=not missing,
        installed=not (missing or way.unsupported or lacks),
        library=library,
        driver=driver,
        why=missing or way.unsupported or lacks,
        command="" if missing or way.unsupported else command,
    )
    return Offer(choice, Seat(way.id, way.device or "cpu"), _key(way, machine, driver, named))


def _devices(way: Way, machine: Machine) -> list[AcceleratorReading]:
    """The accelerators that it could use."""
    if way.kind == "cpu" or (way.platforms and machine.platform not in way.platforms):
        return []
    kinds = ("gpu", "npu") if way.kind == "npu" else ("gpu",)
    return [
        d
        for d in machine.accelerators or ()
        if d.kind in kinds and (not way.vendors or d.vendor in way.vendors)
    ]


def _not_found(way: Way, machine: Machine, devices: list[AcceleratorReading]) -> str:
    """Why the machine does not have what it takes; empty when it has."""
    if way.platforms and machine.platform not in way.platforms:
        return f"It needs {way.needs}."
    if machine.accelerators is None:
        return _UNREAD
    return "" if devices else f"It needs {way.needs}; there is none here."


def _library(way: Way, machine: Machine) -> tuple[str, str, str]:
    """The library with its version, what is missing of it, and the command that brings it."""
    entry = machine.components.get(way.component)
    found = machine.installed.get(way.component)
    install = f"spark backends install {way.component}"
    name = entry.name if entry else way.component
    if found is None:
        return "", f"{name} is not installed.", install
    status = entry.status if entry else None
    build = f" ({status.build})" if isinstance(status, Verified) and status.build else ""
    library = f"{name} {found.version}{build}"
    if isinstance(status, Broken):
        return library, f"{name} does not work: {status.title}.", install
    if way.distribution and way.distribution not in machine.distributions:
        return library, *_without(way)
    if way.kind == "cpu" and machine.kernels:
        library += _WITH_KERNELS.get(way.component, "")
    own = machine.distributions.get(way.distribution, "")
    return f"{library}, {way.distribution} {own}" if own else library, "", ""


_WITH_KERNELS = {"onnx": " with Spark's own kernels", "gguf": "; Q4_0 files: Spark's own kernels"}


def _without(way: Way) -> tuple[str, str]:
    lacks = f"The Python package {way.distribution} is not installed."
    return lacks, f"{sys.executable} -m pip install {way.get}" if way.get else ""


def _flavours(machine: Machine) -> list[Offer]:
    """Other builds of llama.cpp for this processor than the one that is installed: only one can be."""
    entry = machine.components.get("gguf")
    if entry is None or not isinstance(entry.status, Verified) or machine.platform == "win32":
        return []
    all = gguf_build.flavours(machine.architecture, machine.features)
    others = [flavour for flavour in all if flavour.name.lower() != entry.status.build.lower()]
    return [_flavour(flavour, entry.status.build, machine) for flavour in others]


def _flavour(flavour: gguf_build.Flavour, built: str, machine: Machine) -> Offer:
    (pin,) = map(plain, pins("gguf"))
    pip = "-m pip install --force-reinstall --no-deps --no-cache-dir --no-binary"
    level = flavour.name.upper() if "avx" in flavour.name else flavour.name
    choice = AccelerationChoice(
        f"cpu-{flavour.name.lower()}",
        f"CPU, built for {level}",
        "cpu",
        machine.processor,
        found=True,
        installed=False,
        why=f"llama.cpp is built for {built} here; one build is installed at a time.",
        command=f'CMAKE_ARGS="{" ".join(flavour.options)}" {sys.executable} {pip} {pin.partition("==")[0]} {pin}',
    )
    return Offer(choice, Seat(choice.id), "")


def _processor(machine: Machine, threads: int) -> str:
    words = f"{threads} thread{'s' if threads > 1 else ''}"
    return ", ".join(filter(None, (machine.processor, machine.level, words)))


def _key(way: Way, machine: Machine, driver: str, named: str) -> str:
    """A digest; everything runs on the processor too, and onnxruntime-genai on onnxruntime."""
    libraries = [i.fingerprint for c, i in machine.installed.items() if c in {way.component, *_below(way)}]
    own = machine.kernels if way.component == "onnx" else ""
    parts = (*libraries, machine.distributions.get(way.distribution, ""), driver, named, own)
    said = "\n".join((way.id, way.device, machine.processor, machine.level, *parts))
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def _below(way: Way) -> Iterable[str]:
    return ("onnx",) if way.component == "genai" else ()
