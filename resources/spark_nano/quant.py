"""Rounds weights to int4 in blocks of 32, just as onnxruntime's MatMulNBits stores them."""

import torch

BLOCK = 32


def fake_int4(weight: torch.Tensor) -> torch.Tensor:
    """The weight after symmetric int4: a scale per 32 inputs, taken from the largest value with its sign."""
    blocks = weight.detach().reshape(weight.shape[0], -1, BLOCK)
    largest = blocks.gather(2, blocks.abs().argmax(2, keepdim=True))
    scale = largest / -8
    inverse = torch.where(scale == 0, torch.zeros_like(scale), 1 / scale)
    return ((blocks * inverse).round().clamp(-8, 7) * scale).reshape(weight.shape)
