"""Small files of Linux' sysfs, and the names behind PCI numbers."""

from functools import cache
from pathlib import Path

SYS = Path("/sys")
PCI_IDS = (Path("/usr/share/hwdata/pci.ids"), Path("/usr/share/misc/pci.ids"))
VENDORS = {0x1002: "AMD", 0x1022: "AMD", 0x8086: "Intel", 0x10DE: "NVIDIA"}


def text(file: Path) -> str:
    """The file's line; OSError when it cannot be read."""
    return file.read_text(encoding="utf-8", errors="replace").strip()


def number(file: Path) -> int:
    """The file's number, decimal or 0x…; OSError or ValueError when there is none."""
    return int(text(file), 0)


def number_or_none(file: Path) -> int | None:
    """The file's number, None where there is no such file; OSError or ValueError when it is there and unreadable."""
    try:
        return number(file)
    except FileNotFoundError:
        return None


def driver_of(device: Path) -> str:
    """Name and version of the kernel driver a device is bound to; empty when it has none."""
    try:
        name = (device / "driver").resolve(strict=True).name
    except OSError:
        return ""
    version = device / "driver" / "module" / "version"
    return f"{name} {text(version)}" if version.is_file() else name


def device_name(device: Path, vendor: str, what: str, ids: tuple[Path, ...] = PCI_IDS) -> str:
    """What a PCI device is called: by its own file, else by the system's list, else `AMD GPU 744c`."""
    for own in ("product_name", "label"):
        if (device / own).is_file() and (found := text(device / own)):
            return found
    try:
        numbers = number(device / "vendor"), number(device / "device")
    except (OSError, ValueError):
        return f"{vendor} {what}".strip()
    listed = pci_name(*numbers, ids)
    return f"{vendor} {listed}" if listed else f"{vendor} {what} {numbers[1]:04x}".strip()


@cache
def pci_name(vendor: int, device: int, ids: tuple[Path, ...] = PCI_IDS) -> str:
    """The device's name in the system's list of PCI numbers, the market name where it gives one; else empty."""
    for file in ids:
        try:
            lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            continue
        return _listed(lines, f"{vendor:04x}  ", f"\t{device:04x}  ")
    return ""


def _listed(lines: list[str], vendor: str, device: str) -> str:
    """Devices stand indented below their vendor: `\\t744c  Navi 31 [Radeon RX 7900 XTX]`."""
    inside = False
    for line in lines:
        if line[:1] not in ("\t", "#", ""):
            inside = line.startswith(vendor)
        elif inside and line.startswith(device):
            name = line.strip()[6:]
            return name[name.index("[") + 1 : -1] if name.endswith("]") and "[" in name else name
    return ""
