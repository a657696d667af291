"""What models of one family have in common, one module per family: found by name, or recognised by what files say."""

from spark_engine.catalog.families import bert, gemma, llama, mistral, phi, qwen, smollm, universal
from spark_engine.catalog.families.family import Family

__all__ = ["FAMILIES", "Family", "family_named", "family_of"]

_KNOWN = (phi, qwen, gemma, mistral, smollm, llama, bert)

FAMILIES: dict[str, Family] = {module.FAMILY.name: module.FAMILY for module in (*_KNOWN, universal)}


def family_named(name: str) -> Family:
    """The family of this name, as cards give it; the universal one when there is none."""
    return FAMILIES.get(name.lower(), universal.FAMILY)


def family_of(architecture: str, name: str = "") -> Family:
    """The family of a model by its architecture (`Phi3ForCausalLM`, or GGUF's `phi3`) and its name; empty where
    they are not known.

    A model that was tuned to another form of conversation is none of its architecture's family.
    """
    if universal.is_retuned(name):
        return universal.FAMILY
    families = [module.FAMILY for module in _KNOWN]
    named = (f for f in families if f.may_have(architecture) and f.is_named_in(name))
    built = (f for f in families if architecture in f.architectures)
    return next(named, None) or next(built, universal.FAMILY)
