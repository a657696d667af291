"""Random weights in Phi-3's shapes, as a transformers model."""

import json
from pathlib import Path
from typing import Any

from spark_engine.bench.synthesis.shape import SHAPES, hf_config, rope_factors
from spark_engine.bench.synthesis.vocabulary import PLAIN

SILENCED = 1e-3


def flat_model(size: str) -> Any:
    """A model in bfloat16 whose weights are all alike: as fast as any other of its shape, and made in no time."""
    import torch
    from transformers import Phi3Config, Phi3ForCausalLM

    with torch.device("meta"):
        model = Phi3ForCausalLM(Phi3Config(**hf_config(SHAPES[size])))
    model = model.to(torch.bfloat16).to_empty(device="cpu")
    model.tie_weights()
    with torch.no_grad():
        for weight in model.parameters():
            weight.fill_(_spread(size) if weight.ndim == 2 else 1.0)
    _fill_buffers(model)
    return model


def random_model(size: str) -> Any:
    """A model with normally distributed weights in bfloat16.

    Ids that are no words are silenced: with the embedding as output, small rows give small logits.
    """
    import torch

    torch.manual_seed(0)
    model = flat_model(size)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim == 2:
                weight.normal_(0.0, _spread(size))
        model.get_input_embeddings().weight[:PLAIN] *= SILENCED
    return model


def _spread(size: str) -> float:
    """So large that layers change what passes through them: then answers do not repeat themselves."""
    return float((1.2 / SHAPES[size].hidden) ** 0.5)


def save_random_model(size: str, folder: Path) -> None:
    """The model as a SafeTensors folder, its settings in the words that every reader of them knows."""
    random_model(size).save_pretrained(folder)
    file = folder / "config.json"
    settings = json.loads(file.read_text(encoding="utf-8"))
    settings |= {
        key: value for key, value in hf_config(SHAPES[size]).items() if key.startswith(("rope", "partial"))
    }
    settings["rope_scaling"] = {"type": "longrope", **rope_factors(SHAPES[size])}
    settings["original_max_position_embeddings"] = SHAPES[size].original_context
    file.write_text(json.dumps(settings, indent=1), encoding="utf-8")


def _fill_buffers(model: Any) -> None:
    """What is no weight has no value yet either: the rotary frequencies are computed from the settings."""
    rotary = model.model.rotary_emb
    model.model.rotary_emb = type(rotary)(config=model.config)
