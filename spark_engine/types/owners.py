"""The programs whose models Spark uses where they lie, and their names for people."""

SPARK = "spark"
OWNER_NAMES = {
    SPARK: "Spark",
    "huggingface": "Hugging Face",
    "ollama": "Ollama",
    "lm-studio": "LM Studio",
    "jan": "Jan",
    "gpt4all": "GPT4All",
    "foundry-local": "Foundry Local",
    "llama-cpp": "llama.cpp",
    "folder": "a folder of yours",
}


def owner_name(owner: str) -> str:
    """An owner's name for people; an unknown one's is its word itself."""
    return OWNER_NAMES.get(owner, owner)
