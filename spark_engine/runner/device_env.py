"""The environment every model library must find before it is imported."""

from collections.abc import MutableMapping

SWITCHES = {
    "ORT_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1",
    "HF_HUB_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
    # Threads that spin while they wait make a step up to sixty times slower when other programs need the cores.
    "OMP_WAIT_POLICY": "PASSIVE",
}


def prepare(environ: MutableMapping[str, str]) -> None:
    """Switch off whatever a model library would send or fetch; what people set themselves stays switched off."""
    environ.update(SWITCHES)
