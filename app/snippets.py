"""Ready examples for connecting another program to Spark's API."""


def curl_snippet(address: str) -> str:
    """One shell command; `address` ends in `/v1`."""
    body = '{"model": "auto", "messages": [{"role": "user", "content": "Hello"}]}'
    return f"curl {address}/chat/completions -H 'Content-Type: application/json' -d '{body}'\n"


def python_snippet(address: str) -> str:
    """A script for the `openai` package; `address` ends in `/v1`."""
    return f"""from openai import OpenAI

client = OpenAI(base_url="{address}", api_key="not-needed")
answer = client.chat.completions.create(
    model="auto",
    messages=[{{"role": "user", "content": "Hello"}}],
)
print(answer.choices[0].message.content)
"""


def javascript_snippet(address: str) -> str:
    """A module for a browser or Node, without any package; `address` ends in `/v1`."""
    return f"""const reply = await fetch("{address}/chat/completions", {{
  method: "POST",
  headers: {{ "Content-Type": "application/json" }},
  body: JSON.stringify({{
    model: "auto",
    messages: [{{ role: "user", content: "Hello" }}],
  }}),
}});
console.log((await reply.json()).choices[0].message.content);
"""
