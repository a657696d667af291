"""The real `openai` client, pointed at a Spark under test."""

import openai


def openai_client(address: str, *, max_retries: int = 0) -> openai.AsyncOpenAI:
    """A client to be used with `async with`; what goes wrong is seen at once unless it may retry."""
    return openai.AsyncOpenAI(base_url=f"{address}/v1", api_key="none", max_retries=max_retries)
