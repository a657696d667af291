"""Which readers of GPUs and NPUs a platform has; each is imported where it is used."""

import sys

from spark_engine.hardware.accelerators import Reader


def readers(platform: str = sys.platform) -> list[Reader]:
    """The readers in the order in which their devices are shown."""
    from spark_engine.hardware.nvidia import NvidiaReader

    match platform:
        case "linux":
            from spark_engine.hardware.amd import AmdReader
            from spark_engine.hardware.intel import IntelReader
            from spark_engine.hardware.npu import NpuReader

            return [NvidiaReader(), AmdReader(), IntelReader(), NpuReader()]
        case "win32":
            from spark_engine.hardware.windows import WindowsReader

            return [NvidiaReader(), WindowsReader()]
        case "darwin":
            from spark_engine.hardware.apple import AppleReader

            return [AppleReader()]
        case _:
            return [NvidiaReader()]
