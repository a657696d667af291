"""Phi, by Microsoft: conversations between role tokens, each turn ended by `<|end|>`."""

from spark_engine.catalog.families.family import Family
from spark_engine.types.generation import SamplingOptions

FAMILY = Family(
    name="phi",
    title="Phi",
    words=("phi",),
    architectures=frozenset(
        {"Phi3ForCausalLM", "PhiForCausalLM", "PhiMoEForCausalLM", "phi2", "phi3", "phimoe"}
    ),
    template="phi",
    tool_style="phi",
    stop=("<|end|>", "<|endoftext|>"),
    sampling=SamplingOptions(temperature=0.0),
)
