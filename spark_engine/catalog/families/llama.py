"""Llama 3, by Meta: turns between header tokens, each ended by `<|eot_id|>`; calls as JSON with `parameters`."""

from spark_engine.catalog.families.family import Family
from spark_engine.types.generation import SamplingOptions

FAMILY = Family(
    name="llama",
    title="Llama",
    words=("llama",),
    architectures=frozenset({"LlamaForCausalLM", "llama"}),
    template="llama-3",
    tool_style="llama",
    stop=("<|eot_id|>", "<|eom_id|>", "<|end_of_text|>"),
    sampling=SamplingOptions(temperature=0.6, top_p=0.9),
)
