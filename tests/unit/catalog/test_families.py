"""Families of models: recognised by what files say of themselves, or by the names people give them."""

import pytest

from spark_engine.catalog.families import FAMILIES, family_named, family_of
from spark_engine.runner import tool_styles


@pytest.mark.parametrize(
    "architecture, name, family",
    [
        ("Phi3ForCausalLM", "", "phi"),
        ("phi3", "Phi 4 Mini Instruct", "phi"),
        ("", "microsoft/Phi-4-mini-instruct-onnx", "phi"),
        ("LlamaForCausalLM", "", "llama"),
        ("llama", "", "llama"),
        ("llama", "Llama-3.2-1B-Instruct", "llama"),
        ("llama", "SmolLM2-360M-Instruct", "smollm"),
        ("llama", "Mistral-7B-Instruct-v0.3", "mistral"),
        ("MistralForCausalLM", "", "mistral"),
        ("qwen3", "my own", "qwen"),
        ("Qwen2ForCausalLM", "", "qwen"),
        ("gemma3", "", "gemma"),
        ("", "gemma-3-4b-it-Q4_K_M.gguf", "gemma"),
        ("BertModel", "", "bert"),
        ("BertForSequenceClassification", "ms-marco-MiniLM-L6-v2", "bert"),
        ("", "bge-small-en-v1.5", "bert"),
        ("", "", "universal"),
        ("falcon", "falcon-7b", "universal"),
        ("", "sapphire", "universal"),
        ("", "graphi-2", "universal"),
        ("", "trained-at-1e5", "universal"),
    ],
)
def test_a_family_is_recognised(architecture: str, name: str, family: str) -> None:
    assert family_of(architecture, name).name == family


@pytest.mark.parametrize(
    "architecture, name",
    [
        ("llama", "Hermes-3-Llama-3.2-3B"),
        ("qwen2", "DeepSeek-R1-Distill-Qwen-1.5B"),
        ("llama", "dolphin-2.9-llama3"),
        ("LlamaForCausalLM", "Llama-2-7b-chat-hf"),
    ],
)
def test_a_model_of_another_form_of_conversation_is_not_taken_for_its_architectures(
    architecture: str, name: str
) -> None:
    assert family_of(architecture, name).name == "universal"


def test_an_architecture_says_more_than_a_name() -> None:
    assert family_of("gemma3", "phi-and-gemma").name == "gemma"
    assert family_of("qwen3", "better-than-llama").name == "qwen"


def test_a_family_is_found_by_its_name() -> None:
    assert family_named("Phi") is FAMILIES["phi"]
    assert family_named("something").name == family_named("").name == "universal"


def test_what_families_say_is_consistent() -> None:
    built = [a for family in FAMILIES.values() for a in family.architectures]
    assert len(set(built)) == len(built)
    for family in FAMILIES.values():
        assert family.borrows <= set(built) - family.architectures
        assert all(family_of(a).name == family.name for a in family.architectures)


def test_tool_styles_are_those_the_runner_knows() -> None:
    special = {
        "phi": ("<|tool_call|>", "<|/tool_call|>"),
        "mistral": ("[TOOL_CALLS]",),
        "qwen": ("<tool_call>",),
        "llama": ("<|python_tag|>",),
        "gemma": (),
    }
    for name, tokens in special.items():
        style = tool_styles.style_of(tokens, "", knows_tools=False)
        assert style.name == FAMILIES[name].tool_style
