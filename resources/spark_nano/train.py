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
import torch.distributed as dist
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

    def advance(self, ids: torch.Tensor, labels: torch.Tensor, spent: float) -> float:
        """One step; in the second half the weights are seen as int4 would store them. Gives the mean loss."""
        exact = [p.detach().clone() for p in self.quantized] if self.spent > 0.45 * self.seconds else []
        with torch.no_grad():
            for p, _ in zip(self.quantized, exact, strict=False):
                p.copy_(fake_int4(p))
        loss = loss_of(self.model, ids, labels)
        loss.backward()
        with torch.no_grad():
            for p, e in zip(self.quantized, exact, strict=False):
                p.copy_(e)
        mean, self.spent = self._share_gradients(float(loss.detach()), spent)
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer, full in zip(self.optimizers, (LR_MATRIX, LR_FLAT), strict=True):
            for group in optimizer.param_groups:
                group["lr"] = full * self.rate()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.step += 1
        self.tokens += ids.numel() * dist.get_world_size()
        return mean

    def _share_gradients(self, loss: float, spent: float) -> tuple[float, float]:
        """Mean of all workers' gradients and losses, and their clock, so that all go on alike."""
        gradients = [p.grad for p in self.model.parameters()]
        flat = torch.cat([*(g.flatten() for g in gradients), torch.tensor([loss, spent])])
        dist.all_reduce(flat)
        flat /= dist.get_world_size()
        at = 0
        for gradient in gradients:
            gradient.copy_(flat[at : at + gradient.numel()].view_as(gradient))
            at += gradient.numel()
        return float(flat[-2]), float(flat[-1])


LR_MATRIX, LR_FLAT = 5e-3, 4e-3


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


def work(rank: int, args: argparse.Namespace) -> None:
    """One worker: a thread of its own, its own data, gradients shared at every step."""
    torch.set_num_threads(1)
    meeting = f"file://{(args.work / 'meeting').resolve()}"
    dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=args.workers)
    guide = Guide(held_questions())
    encoder = Encoder(load_tokenizer(args.work / "tokenizer.json"), dropout=0.1)
    run = Training(args.work, args.minutes)
    began = saved = time.monotonic()
    before, mean, counted = run.spent, 0.0, run.tokens
    rng = random.Random(f"{SEED} {run.step} {rank}")
    for ids, labels in batches(guide, encoder, rng, args.tokens, tuple(args.shares)):
        loss = run.advance(ids, labels, before + time.monotonic() - began)
        mean = loss if not mean else 0.98 * mean + 0.02 * loss
        done = run.spent >= run.seconds
        if rank == 0 and run.step % 50 == 0:
            speed = (run.tokens - counted) / (time.monotonic() - began)
            print(f"step {run.step} loss {mean:.4f} {speed:.0f} tok/s {run.spent / 60:.1f} min", flush=True)
        if rank == 0 and (done or time.monotonic() - saved > 120):
            run.save()
            saved = time.monotonic()
        if done:
            return


def main() -> None:
    """Trains until the time is up, saving every two minutes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="folder for tokenizer and checkpoints")
    parser.add_argument("--minutes", type=float, default=75, help="training time, earlier runs included")
    parser.add_argument("--tokens", type=int, default=2048, help="tokens per step and worker")
    parser.add_argument("--workers", type=int, default=2, help="processes of one thread each")
    parser.add_argument("--shares", type=float, nargs=2, default=(0.32, 0.18), help="guide, tool calls")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    (args.work / "meeting").unlink(missing_ok=True)
    tokenizer_for(args.work, Guide(held_questions()))
    torch.multiprocessing.spawn(work, (args,), nprocs=args.workers)


if __name__ == "__main__":
    main()
