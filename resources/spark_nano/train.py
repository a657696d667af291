"""Trains spark-nano on the CPU: `python train.py --work DIR --minutes 75`; run again it goes on from its checkpoint."""

import argparse
import os
import random
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import attention  # noqa: F401  (registers "plain")
import torch
from batches import batches, held_questions
from corpus.mix import Guide, conversation
from quant import fake_int4
from shape import VOCABULARY, config
from text import IGNORE, Encoder, load_tokenizer, new_tokenizer, prompt_text
from transformers import Phi3ForCausalLM

SEED = 20


def loss_of(model: Any, ids: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Mean loss over the assistant's tokens; only their logits are computed."""
    with torch.autocast("cpu", torch.bfloat16):
        hidden = model.model(input_ids=ids, use_cache=False).last_hidden_state[:, :-1]
        wanted = labels[:, 1:] != IGNORE
        logits = model.lm_head(hidden[wanted])
    return torch.nn.functional.cross_entropy(logits.float(), labels[:, 1:][wanted])


class Training:
    """Model, optimizers and clock, kept together in one checkpoint."""

    def __init__(self, work: Path, minutes: float) -> None:
        self.path, self.seconds = work / "checkpoint.pt", minutes * 60
        torch.manual_seed(SEED)
        self.model: Any = Phi3ForCausalLM(config())
        self.model.set_attn_implementation("plain")
        flat = [p for n, p in self.model.named_parameters() if p.ndim == 1 or "embed" in n]
        self.matrices = [p for n, p in self.model.named_parameters() if p.ndim == 2 and "embed" not in n]
        self.quantized = [p for p in self.model.parameters() if p.ndim == 2]
        self.optimizers = [
            torch.optim.Muon(self.matrices, lr=LR_MATRIX, weight_decay=0.1, adjust_lr_fn="match_rms_adamw"),
            torch.optim.AdamW(flat, lr=LR_FLAT, weight_decay=0.0, betas=(0.9, 0.95)),
        ]
        self.step, self.spent, self.tokens = 0, 0.0, 0
        if self.path.exists():
            self._restore()

    def _restore(self) -> None:
        saved = torch.load(self.path, weights_only=True)
        self.model.load_state_dict(saved["model"])
        for optimizer, state in zip(self.optimizers, saved["optimizers"], strict=True):
            optimizer.load_state_dict(state)
        self.step, self.spent, self.tokens = saved["step"], saved["spent"], saved["tokens"]

    def save(self) -> None:
        """Writes the checkpoint; a reader never sees half of one."""
        saved = {
            "model": self.model.state_dict(),
            "optimizers": [o.state_dict() for o in self.optimizers],
            "step": self.step,
            "spent": self.spent,
            "tokens": self.tokens,
        }
        torch.save(saved, self.path.with_suffix(".new"))
        self.path.with_suffix(".new").replace(self.path)

    def rate(self) -> float:
        """Learning rate by time: a short rise, a plateau, then down to nearly nothing over the last 60 %."""
        done = self.spent / self.seconds
        rise = min(1.0, (self.step + 1) / 100)
        return rise * (1.0 if done < 0.4 else max(0.02, (1 - done) / 0.6))

    def advance(self, ids: torch.Tensor, labels: torch.Tensor) -> float:
        """One step; in the second half the weights are seen as int4 would store them."""
        quantizing = self.spent > 0.45 * self.seconds
        for optimizer, full in zip(self.optimizers, (LR_MATRIX, LR_FLAT), strict=True):
            for group in optimizer.param_groups:
                group["lr"] = full * self.rate()
        exact = [p.detach().clone() for p in self.quantized] if quantizing else []
        with torch.no_grad():
            for p, _ in zip(self.quantized, exact, strict=False):
                p.copy_(fake_int4(p))
        loss = loss_of(self.model, ids, labels)
        loss.backward()
        with torch.no_grad():
            for p, e in zip(self.quantized, exact, strict=False):
                p.copy_(e)
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.step += 1
        self.tokens += ids.numel()
        return float(loss.detach())


LR_MATRIX, LR_FLAT = 3e-3, 4e-3


def tokenizer_for(work: Path, guide: Guide) -> Any:
    """The tokenizer, trained once on the guide and a little of the rest."""
    path = work / "tokenizer.json"
    if not path.exists():
        rng = random.Random(SEED)
        texts = [
            prompt_text(conversation(guide, rng, (0.8, 0.12))).replace("<|", "\n<|") for _ in range(6000)
        ]
        new_tokenizer(texts, VOCABULARY).save(str(path))
    return load_tokenizer(path)


def main() -> None:
    """Trains until the time is up, saving every two minutes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="folder for tokenizer and checkpoints")
    parser.add_argument(
        "--minutes", type=float, default=75, help="training time in all, earlier runs included"
    )
    parser.add_argument("--tokens", type=int, default=4096, help="tokens per step")
    parser.add_argument(
        "--shares", type=float, nargs=2, default=(0.5, 0.22), help="guide questions, tool calls"
    )
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(2)
    guide = Guide(held_questions())
    encoder = Encoder(tokenizer_for(args.work, guide), dropout=0.1)
    run = Training(args.work, args.minutes)
    print(f"{sum(p.numel() for p in run.model.parameters()):,} parameters, step {run.step}", flush=True)
    began = saved = time.monotonic()
    before, mean, counted = run.spent, 0.0, run.tokens
    for ids, labels in batches(
        guide, encoder, random.Random(SEED + run.step), args.tokens, tuple(args.shares)
    ):
        loss = run.advance(ids, labels)
        mean = loss if not mean else 0.98 * mean + 0.02 * loss
        run.spent = before + time.monotonic() - began
        if run.step % 50 == 0:
            speed = (run.tokens - counted) / (time.monotonic() - began)
            print(f"step {run.step} loss {mean:.4f} {speed:.0f} tok/s {run.spent / 60:.1f} min", flush=True)
        if time.monotonic() - saved > 120 or run.spent >= run.seconds:
            run.save()
            saved = time.monotonic()
        if run.spent >= run.seconds:
            return


if __name__ == "__main__":
    main()
