"""The environment every model library must find before it is imported."""

from collections.abc import MutableMapping

SWITCHES = {
    "ORT_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1",
    "HF_HUB_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
}
WAITING = {
    # OpenMP's threads wait for each other several times in every layer. Falling asleep at once makes the steps of a
    # small model ten times longer (0.5 ms to 5 ms); spinning for long, as is usual, takes cores from others.
    "GOMP_SPINCOUNT": "10000",  # GNU: a tenth of a millisecond
    "KMP_BLOCKTIME": "1",  # Intel and LLVM: milliseconds
}


def prepare(environ: MutableMapping[str, str]) -> None:
    """Switch off whatever a model library would send or fetch, and say how threads wait unless people did so."""
    environ.update(SWITCHES)
    for name, value in WAITING.items():
        environ.setdefault(name, value)
