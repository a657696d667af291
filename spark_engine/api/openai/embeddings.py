"""The calls that only read texts: embeddings in OpenAI's shape, rankings in that of Cohere, Jina and vLLM."""

import asyncio
import base64
import struct
from collections.abc import Callable, Sequence
from typing import cast

import msgspec
from fastapi import APIRouter, Request
from msgspec import UNSET
from starlette.responses import Response

from spark_engine.api.access import INFERENCE, EngineAccess, client_of
from spark_engine.api.disconnect import WhileConnected
from spark_engine.api.openai.embeddings_replies import (
    EmbeddingList,
    EmbeddingObject,
    ReadingUsage,
    RerankDocument,
    RerankReply,
    RerankResult,
)
from spark_engine.api.openai.embeddings_schema import EmbeddingsRequest, RerankRequest
from spark_engine.api.openapi import replies
from spark_engine.api.strict_json import StrictJsonRoute
from spark_engine.types import embeddings as types
from spark_engine.types.chat import TextPrompt, TokensPrompt
from spark_engine.types.ids import fresh_id

router = APIRouter(
    prefix="/v1",
    tags=["OpenAI"],
    dependencies=INFERENCE,
    route_class=StrictJsonRoute,
    default_response_class=Response,
)
_encode = msgspec.json.encode


@router.post("/embeddings", responses=replies(EmbeddingList, "The vectors."))
async def embeddings(body: EmbeddingsRequest, request: Request, engine: EngineAccess) -> Response:
    """Turn texts into vectors of length 1, with any model; `auto` prefers models made for it."""
    inputs = tuple(map(_input, _inputs(body)))
    wanted = types.EmbeddingRequest(
        fresh_id("embd"), body.model, inputs, body.dimensions, client_of(request), body.deadline_s
    )
    async with WhileConnected(request.receive):
        found = await engine.embed(wanted)
    told = _base64 if body.encoding_format == "base64" else _floats
    data = await _objects(found.vectors, told)
    usage = ReadingUsage(found.prompt_tokens, found.prompt_tokens)
    return _json(EmbeddingList(data, found.served.model, usage, found.timings, found.served))


@router.post("/rerank", responses=replies(RerankReply, "The documents, best first."))
async def rerank(body: RerankRequest, request: Request, engine: EngineAccess) -> Response:
    """Put documents in the order in which they answer a query: by a cross-encoder, else by their vectors."""
    texts = tuple(given if isinstance(given, str) else given.text for given in body.documents)
    wanted = types.RerankRequest(
        fresh_id("rerank"), body.model, body.query, texts, client_of(request), body.deadline_s
    )
    async with WhileConnected(request.receive):
        found = await engine.rerank(wanted)
    best = sorted(range(len(texts)), key=lambda index: found.scores[index], reverse=True)[: body.top_n]
    shows = body.return_documents is not False
    results = tuple(
        RerankResult(index, found.scores[index], RerankDocument(texts[index]) if shows else UNSET)
        for index in best
    )
    usage = ReadingUsage(found.prompt_tokens, found.prompt_tokens)
    return _json(RerankReply(wanted.id, found.served.model, results, usage, found.timings, found.served))


def _inputs(body: EmbeddingsRequest) -> Sequence[str | list[int]]:
    """The inputs one by one, however they were sent."""
    given = body.input
    if isinstance(given, str):
        return [given]
    tokens = [item for item in given if isinstance(item, int)]
    return [tokens] if tokens else [item for item in given if not isinstance(item, int)]


def _input(given: str | list[int]) -> TextPrompt | TokensPrompt:
    return TextPrompt(given) if isinstance(given, str) else TokensPrompt(tuple(given))


async def _objects(
    vectors: Sequence[bytes], told: Callable[[bytes], tuple[float, ...] | str]
) -> tuple[EmbeddingObject, ...]:
    """The vectors as JSON that is ready to be put into a reply. Many long ones take a while: others get their turn."""
    objects = []
    for index, vector in enumerate(vectors):
        objects.append(msgspec.Raw(_encode(EmbeddingObject(index, told(vector)))))
        await asyncio.sleep(0)
    return cast(tuple[EmbeddingObject, ...], tuple(objects))


def _floats(vector: bytes) -> tuple[float, ...]:
    return struct.unpack(f"<{len(vector) // 4}f", vector)


def _base64(vector: bytes) -> str:
    return base64.b64encode(vector).decode()


def _json(reply: EmbeddingList | RerankReply) -> Response:
    return Response(_encode(reply), media_type="application/json")
