"""Mistral: instructions between `[INST]` and `[/INST]`, tool calls after `[TOOL_CALLS]`.

Most GGUF files of the family call themselves `llama`; then its name tells.
"""

from spark_engine.catalog.families.family import Family
from spark_engine.types.generation import SamplingOptions

FAMILY = Family(
    name="mistral",
    title="Mistral",
    words=("mistral", "mixtral", "ministral"),
    architectures=frozenset({"MistralForCausalLM", "MixtralForCausalLM", "mistral"}),
    borrows=frozenset({"llama"}),
    template="mistral",
    tool_style="mistral",
    stop=("</s>",),
    sampling=SamplingOptions(temperature=0.7),
    system_role=False,
)
