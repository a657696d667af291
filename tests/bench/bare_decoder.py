"""A decoder in a loop and nothing else: what decoding costs without scheduler, pipe or HTTP.

Reads lines `prompt_tokens new_tokens` on stdin and answers each with JSON: prefill_ms, decode_ms. Started by
the other benchmarks, which interleave it with what they compare it to.
"""

import json
import sys
import time

from spark_engine.backends.base import Decoder, SlotInput
from spark_engine.backends.registry import find
from spark_engine.protocol.messages import LoadPlan


def main() -> None:
    """Load the ONNX folder given as argument, then answer lines until end of file."""
    plan = LoadPlan("bench:bare", "onnx", sys.argv[1], threads=int(sys.argv[2]) if len(sys.argv) > 2 else 0)
    decoder = find(plan.format).decoder()
    for _ in decoder.load(plan):
        pass
    print(json.dumps({"ready": decoder.device}), flush=True)
    for line in sys.stdin:
        prompt_tokens, new_tokens = map(int, line.split())
        print(json.dumps(run(decoder, prompt_tokens, new_tokens)), flush=True)


def run(decoder: Decoder, prompt_tokens: int, new_tokens: int) -> dict[str, float]:
    """One greedy generation in slot 0."""
    began = time.perf_counter()
    prompt = [100 + n % 300 for n in range(prompt_tokens)]
    token = _greedy(decoder, SlotInput(0, 0, prompt, True))
    first = time.perf_counter()
    for position in range(prompt_tokens, prompt_tokens + new_tokens - 1):
        token = _greedy(decoder, SlotInput(0, position, [token], True))
    last = time.perf_counter()
    decoder.free(0)
    return {"prefill_ms": (first - began) * 1000, "decode_ms": (last - first) * 1000}


def _greedy(decoder: Decoder, work: SlotInput) -> int:
    logits = decoder.forward([work])[0]
    assert logits is not None
    return int(logits.argmax())


if __name__ == "__main__":
    main()
