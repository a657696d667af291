"""Trees of files as Linux' sysfs and procfs have them, recorded from machines with such devices, written for a test."""

from pathlib import Path

AMD_BUS, INTEL_BUS, NPU_BUS = "0000:03:00.0", "0000:00:02.0", "0000:00:0b.0"
AMD_FDINFO = """pos:\t0
flags:\t02100002
drm-driver:\tamdgpu
drm-client-id:\t{client}
drm-pdev:\t{bus}
pasid:\t32771
drm-memory-vram:\t{kib} KiB
drm-memory-gtt: \t9216 KiB
drm-memory-cpu: \t0 KiB
drm-engine-gfx:\t1234567 ns
"""
I915_FDINFO = """pos:\t0
flags:\t0100002
drm-driver:\ti915
drm-client-id:\t{client}
drm-pdev:\t{bus}
drm-total-system0:\t4096 KiB
drm-resident-system0:\t{kib} KiB
drm-engine-render:\t{render} ns
drm-engine-copy:\t0 ns
drm-engine-capacity-video:\t2
drm-engine-video:\t{video} ns
"""
XE_FDINFO = """drm-driver:\txe
drm-client-id:\t{client}
drm-pdev:\t{bus}
drm-resident-vram0:\t{kib} KiB
drm-resident-gtt:\t100 KiB
drm-cycles-rcs:\t{cycles}
drm-total-cycles-rcs:\t{total}
"""


def write(folder: Path, files: dict[str, str]) -> Path:
    """Files with one line each."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text + "\n")
    return folder


def device(sys: Path, bus: str, driver: str, files: dict[str, str]) -> Path:
    """A PCI device bound to a driver."""
    module = write(sys / "module" / driver, {"version": "6.8.5"} if driver == "amdgpu" else {})
    place = write(sys / "devices" / "pci0000:00" / bus, files)
    folder = sys / "bus" / "pci" / "drivers" / driver
    folder.mkdir(parents=True)
    module.mkdir(parents=True, exist_ok=True)
    (folder / "module").symlink_to(module)
    (place / "driver").symlink_to(folder)
    return place


def card(sys: Path, at: int, place: Path) -> None:
    """The device as DRM's card number `at`, with a connector beside it."""
    own = place / "drm" / f"card{at}"
    own.mkdir(parents=True)
    (own / "device").symlink_to(place)
    (sys / "class" / "drm").mkdir(parents=True, exist_ok=True)
    (sys / "class" / "drm" / f"card{at}").symlink_to(own)
    (sys / "class" / "drm" / f"card{at}-DP-1").mkdir()
    (sys / "class" / "drm" / "version").write_text("drm 1.1.0 20060810\n")


def amd(sys: Path, **changed: str) -> Path:
    """A Radeon RX 7900 XTX with 24 GB, a third of them used."""
    files = {
        "vendor": "0x1002",
        "device": "0x744c",
        "gpu_busy_percent": "37",
        "mem_info_vram_used": "8589934592",
        "mem_info_vram_total": "25753026560",
        "hwmon/hwmon3/temp1_input": "61000",
        "hwmon/hwmon3/power1_average": "142000000",
        "hwmon/hwmon3/power1_cap": "339000000",
    }
    place = device(sys, AMD_BUS, "amdgpu", files | changed)
    card(sys, 1, place)
    return place


def intel(sys: Path, *, discrete: bool = False) -> Path:
    """An integrated GPU, or an Arc card with 16 GB and a counter of energy."""
    files = {"vendor": "0x8086", "device": "0x56a0" if discrete else "0xa7a0"}
    if discrete:
        files |= {"lmem_total_bytes": "17179869184", "hwmon/hwmon4/energy1_input": "5000000"}
    place = device(sys, INTEL_BUS, "i915", files)
    card(sys, 0, place)
    write(place / "drm" / "card0", {"gt_act_freq_mhz": "1300"})
    return place


def npu(sys: Path, **changed: str) -> Path:
    """The NPU of a Core Ultra."""
    files = {
        "vendor": "0x8086",
        "device": "0x7d1d",
        "npu_busy_time_us": "1000000",
        "npu_memory_utilization": "314572800",
        "npu_current_frequency_mhz": "1400",
    }
    place = device(sys, NPU_BUS, "intel_vpu", files | changed)
    own = sys / "class" / "accel" / "accel0"
    own.mkdir(parents=True)
    (own / "device").symlink_to(place)
    return place


def opening(proc: Path, pid: int, number: int, text: str, target: str = "/dev/dri/renderD128") -> Path:
    """A process' opening of a card, with what its fdinfo says."""
    for folder in ("fd", "fdinfo"):
        (proc / str(pid) / folder).mkdir(parents=True, exist_ok=True)
    (proc / str(pid) / "fd" / str(number)).symlink_to(target)
    file = proc / str(pid) / "fdinfo" / str(number)
    file.write_text(text)
    return file
