"""transformers' own `generate`, as a static batch padded on the left."""

import os
from typing import Any

from spark_engine.bench.contestants.child import Streams, Timelines, clock, serve

os.environ |= {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "TOKENIZERS_PARALLELISM": "false"}
PAD = 0


class Generate:
    """A model in the kind of numbers it is stored in."""

    def __init__(self, model: Any, threads: int) -> None:
        import torch

        self._torch, self._model = torch, model
        torch.set_num_threads(threads)

    def measure(self, streams: Streams) -> Timelines:
        """Greedy; a row that has its tokens stops, the batch goes on for the others."""
        torch, longest = self._torch, max(len(s["prompt"]) for s in streams)
        prompts = [[PAD] * (longest - len(s["prompt"])) + s["prompt"] for s in streams]
        mask = [[0] * (longest - len(s["prompt"])) + [1] * len(s["prompt"]) for s in streams]
        steps = _Steps(torch, [s["tokens"] for s in streams])
        with torch.inference_mode():
            self._model.generate(
                torch.tensor(prompts),
                attention_mask=torch.tensor(mask),
                max_new_tokens=max(s["tokens"] for s in streams),
                do_sample=False,
                eos_token_id=None,
                pad_token_id=PAD,
                stopping_criteria=[steps],
            )
        return [{"arrived": 0.0, "times": steps.times[:n], "tokens": n} for n in steps.wanted]


class _Steps:
    """Asked after every step whether to stop: notes the time, and says which rows have their tokens."""

    def __init__(self, torch: Any, wanted: list[int]) -> None:
        self.wanted, self.times = wanted, list[float]()
        self._torch, self._now = torch, clock()

    def __call__(self, ids: Any, scores: Any, **_: Any) -> Any:
        self.times.append(self._now())
        return self._torch.tensor([len(self.times) >= wanted for wanted in self.wanted])


def open_model(order: dict[str, Any]) -> Generate:
    """Load the ordered folder; or make a model of the ordered shape, as fast as one with trained weights."""
    import torch
    from transformers import AutoModelForCausalLM, logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    if order.get("shape"):
        from spark_engine.bench.synthesis.weights import flat_model

        model = flat_model(order["shape"])
    else:
        model = AutoModelForCausalLM.from_pretrained(order["plan"]["path"], dtype="auto")
    return Generate(model.eval(), order["plan"]["threads"] or torch.get_num_threads())


if __name__ == "__main__":
    serve(open_model)
