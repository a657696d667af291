"""The process that reads the hardware: drivers crash and hang, and then only this process does.

`python -m spark_engine.hardware.probe FOLDER` answers each line of JSON on stdin (a `ProbeRequest`) with one on stdout
(a `HardwareReading`); FOLDER is the one whose disk is told. It ends when stdin ends.
"""

import os
import sys

import msgspec

from spark_engine.hardware.readers import readers
from spark_engine.hardware.sampler import Sampler
from spark_engine.types.hardware import ProbeRequest

ROLE = "readings"


def main(folder: str) -> None:
    """Answer until stdin ends."""
    output = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # whatever a driver's library prints must not stand among the answers
    sampler = Sampler(readers(), folder)
    requests = msgspec.json.Decoder(ProbeRequest)
    encoder = msgspec.json.Encoder()
    for line in sys.stdin.buffer:
        roles = {**requests.decode(line).roles, os.getpid(): ROLE}
        output.write(encoder.encode(sampler.read(roles)) + b"\n")


if __name__ == "__main__":
    main(sys.argv[1])
    os._exit(0)  # a thread that waits for a driver must not keep the process
