"""SmolLM, by Hugging Face: Llama's architecture, conversations in ChatML."""

from spark_engine.catalog.families.family import Family
from spark_engine.types.generation import SamplingOptions

FAMILY = Family(
    name="smollm",
    title="SmolLM",
    words=("smollm", "smollm2"),
    borrows=frozenset({"LlamaForCausalLM", "llama"}),
    template="chatml",
    stop=("<|im_end|>", "<|endoftext|>"),
    sampling=SamplingOptions(temperature=0.2, top_p=0.9),
)
