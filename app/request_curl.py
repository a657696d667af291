"""A request as a shell command to try again: with what was asked of the model, but without the prompt."""

import json
import shlex
from typing import Any

import msgspec

from spark_engine.types.requests import RequestEntry

PROMPT = "PUT YOUR PROMPT HERE"


def curl_command(entry: RequestEntry, address: str) -> str:
    """One command; `address` is the API's base without `/v1`."""
    path, body = _asked(entry)
    said = shlex.quote(json.dumps({"model": entry.model, **body}, ensure_ascii=False))
    return f"curl {shlex.quote(f'{address}/v1/{path}')} -H 'Content-Type: application/json' -d {said}\n"


def _asked(entry: RequestEntry) -> tuple[str, dict[str, Any]]:
    match entry.kind:
        case "embedding":
            return "embeddings", {"input": PROMPT}
        case "ranking":
            return "rerank", {"query": PROMPT, "documents": ["FIRST DOCUMENT", "SECOND DOCUMENT"]}
        case _:
            asked: dict[str, Any] = msgspec.to_builtins(entry.sampling)
            asked.pop("logit_bias", None)
            if (alternatives := asked.pop("logprobs", None)) is not None:
                asked |= {"logprobs": True, "top_logprobs": alternatives}
            if entry.max_tokens is not None:
                asked["max_tokens"] = entry.max_tokens
            return "chat/completions", {"messages": [{"role": "user", "content": PROMPT}], **asked}
