"""Prints what a repository of the hub offers: `python -m spark_engine.catalog.hub org/name[:variant]`.

One line of JSON on stdout: `offer.Offered`, or `failures.Failed` and exit status 1. Nothing is downloaded.
"""

import argparse
import sys
from pathlib import Path

import msgspec

from spark_engine.catalog.hub.failures import failed
from spark_engine.catalog.hub.offer import Answer, offer, open_hub
from spark_engine.catalog.hub.patience import Patience
from spark_engine.errors import SparkError

HURRIED = Patience(connect_s=8.0, stall_s=15.0, tries=3, longest_ask_s=10.0)
"""Somebody waits for the answer."""


def main(argv: list[str] | None = None) -> int:
    """Ask and print; the exit status is 0 for an offer."""
    parser = argparse.ArgumentParser(prog="python -m spark_engine.catalog.hub", description=__doc__)
    parser.add_argument("ref", help="org/name or org/name:variant")
    parser.add_argument("--endpoint", default="", help="address of the hub or a mirror")
    parser.add_argument("--revision", default="main", help="branch, tag or commit")
    parser.add_argument("--state", type=Path, help="folder with the token, where there is no keyring")
    parser.add_argument("--offline", action="store_true", help="ask nobody")
    arguments = parser.parse_args(argv)
    answer: Answer
    try:
        hub = open_hub(arguments.endpoint, arguments.state, stay_offline=arguments.offline, patience=HURRIED)
        answer = offer(hub, arguments.ref, arguments.revision)
    except SparkError as error:
        answer = failed(error)
    sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
    return 0 if not hasattr(answer, "code") else 1


if __name__ == "__main__":
    sys.exit(main())
