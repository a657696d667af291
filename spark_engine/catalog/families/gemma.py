"""Gemma, by Google: turns of `user` and `model`, instructions within the first turn, tools described in words."""

from spark_engine.catalog.families.family import Family
from spark_engine.types.generation import SamplingOptions

FAMILY = Family(
    name="gemma",
    title="Gemma",
    words=("gemma",),
    architectures=frozenset(
        {"GemmaForCausalLM", "Gemma2ForCausalLM", "Gemma3ForCausalLM", "Gemma3ForConditionalGeneration"}
        | {"gemma", "gemma2", "gemma3"}
    ),
    template="gemma",
    tool_style="gemma",
    stop=("<end_of_turn>", "<eos>"),
    sampling=SamplingOptions(temperature=1.0, top_k=64, top_p=0.95),
    system_role=False,
)
