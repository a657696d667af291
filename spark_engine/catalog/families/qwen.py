"""Qwen, by Alibaba: ChatML; from Qwen3 on with thoughts before the answer."""

from spark_engine.catalog.families.family import Family
from spark_engine.types.generation import SamplingOptions

FAMILY = Family(
    name="qwen",
    title="Qwen",
    words=("qwen", "qwq"),
    architectures=frozenset(
        {"Qwen2ForCausalLM", "Qwen2MoeForCausalLM", "Qwen3ForCausalLM", "Qwen3MoeForCausalLM"}
        | {"qwen2", "qwen2moe", "qwen3", "qwen3moe"}
    ),
    template="chatml",
    tool_style="hermes",
    stop=("<|im_end|>", "<|endoftext|>"),
    thinking=("<think>", "</think>"),
    sampling=SamplingOptions(temperature=0.7, top_p=0.8, top_k=20),
)
