"""Names of models: what is left of a file's name, as an id, and how two names are compared."""

import pytest

from spark_engine.catalog.names import is_generic, name_keys, plain_name, slug, unused


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("bartowski/microsoft_Phi-4-mini-instruct-GGUF", "microsoft_Phi-4-mini-instruct"),
        ("Phi-4-mini.Q4_K_M", "Phi-4-mini"),
        ("Llama-3.2-3B-Instruct-IQ4_XS-GGUF", "Llama-3.2-3B-Instruct"),
        ("phi4-mini:latest", "phi4-mini"),
        ("llama3.2:3b", "llama3.2:3b"),
        ("C:\\models\\x", "x"),
        ("a\x00b\x1b[31m", "a b [31m"),
        ("q4_k_m", "q4_k_m"),
        ("模型-GGUF", "模型"),
        ("x" * 500, "x" * 80),
        ("", ""),
    ],
)
def test_a_name_without_maker_format_and_quantization(name: str, plain: str) -> None:
    assert plain_name(name) == plain


@pytest.mark.parametrize(
    ("name", "id"),
    [
        ("Phi 4 Mini", "phi-4-mini"),
        ("llama3.2:3b", "llama3.2-3b"),
        ("模型", "model"),
        ("../..", "model"),
        ("-.-", "model"),
    ],
)
def test_a_name_as_an_id(name: str, id: str) -> None:
    assert slug(name) == id
    assert len(slug(name * 100)) <= 64


def test_names_of_one_model_have_a_key_in_common() -> None:
    assert name_keys("Spark nano") & name_keys("x/spark-nano-GGUF")
    assert name_keys("Phi-4-mini-instruct-Q4_K_M") & name_keys("microsoft_Phi-4-mini-instruct-GGUF")
    assert not name_keys("Llama-3.2-3B") & name_keys("Llama-3.2-3B-Instruct")
    assert not name_keys("!") & name_keys("?")


def test_a_taken_name_gets_its_owners_then_a_number() -> None:
    assert unused("a", set(), "jan") == "a"
    assert unused("a", {"a"}, "jan") == "a-jan"
    assert unused("a", {"a", "a-jan", "a-jan-2"}, "jan") == "a-jan-3"


def test_names_that_say_nothing() -> None:
    assert is_generic("model.gguf") and is_generic("org/Model") and not is_generic("phi")
