"""A model that never comes to an end by itself: spark-nano without the token that ends an answer, as a repository."""

import json
from pathlib import Path

from spark_engine.paths import resources
from tests.support.hub_files import Repository
from tests.support.hub_mirror import PHI_CPU, PHI_ONNX, HubMirror

LAST = 1023
"""A token id that means nothing."""


def add_rambler(hub: HubMirror, context: int = 8192) -> Repository:
    """Offer it in the place of Phi-4-mini for the CPU. An answer ends with the context, in tokens."""
    nano = resources() / "spark_nano" / "onnx-int4"
    files: dict[str, Path | bytes] = {f"{PHI_CPU}/{f.name}": f for f in sorted(nano.iterdir()) if f.is_file()}
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        files[f"{PHI_CPU}/{name}"] = (nano / name).read_bytes().replace(b"<|end|>", b"<|off|>")
    settings = json.loads((nano / "genai_config.json").read_text())
    settings["model"] |= {"eos_token_id": LAST, "context_length": context}
    files[f"{PHI_CPU}/genai_config.json"] = json.dumps(settings).encode()
    return hub.add(PHI_ONNX, {"LICENSE": b"MIT\n", **files})
