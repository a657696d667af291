"""What llama.cpp has to know of each family: its name, how tensors are laid out, and its own settings."""

from collections.abc import Callable
from typing import Any, NamedTuple

from spark_engine.backends.convert.failures import unsupported
from spark_engine.backends.convert.settings import Settings
from spark_engine.catalog.convert.families import GGUF_FAMILIES, NAMES

_SILU, _GELU = ("silu",), ("gelu_pytorch_tanh", "gelu")


class Family(NamedTuple):
    """One architecture of GGUF.

    `pairs_heads`: llama.cpp rotates neighbouring numbers of a head, transformers its two halves: the rows of queries
    and keys change places. `norm_shift`: what transformers adds to the weights of a norm when it computes. `slides`:
    llama.cpp keeps to the sliding window. `check` raises Unavailable for what llama.cpp would compute otherwise.
    """

    activations: tuple[str, ...] = _SILU
    pairs_heads: bool = False
    norm_shift: float = 0.0
    slides: bool = False
    knows_long: bool = False
    check: Callable[[Settings], None] = lambda settings: None
    write: Callable[[Any, Settings], None] = lambda writer, settings: None


def family_of(config: dict[str, Any]) -> tuple[str, Family]:
    """GGUF's name of the architecture, and what is to be known of it. Unavailable for an unknown family."""
    names = config.get("architectures") or []
    arch = GGUF_FAMILIES.get(str(names[0])) if names else None
    if arch is None:
        named = str(names[0])[:80] if names else "model without a family"
        raise unsupported(f"it is a {named}; known families: {NAMES}")
    family = _FAMILIES[arch]
    settings = Settings(config)
    activation = str(config.get("hidden_activation") or config.get("hidden_act") or family.activations[0])
    if activation not in family.activations:
        raise unsupported(
            f"llama.cpp computes {arch} models with another activation than {activation[:40]!r}"
        )
    family.check(settings)
    return arch, family


def write_sizes(writer: Any, settings: Settings, family: Family) -> None:
    """The metadata that every family has, and its own. The context is what llama.cpp computes exactly."""
    longest, window = settings.number("max_position_embeddings"), settings.window
    writer.add_context_length(longest if family.slides or not window else min(longest, window))
    writer.add_embedding_length(settings.number("hidden_size"))
    writer.add_feed_forward_length(settings.number("intermediate_size"))
    writer.add_block_count(settings.layers)
    writer.add_head_count(settings.heads)
    writer.add_head_count_kv(settings.kv_heads)
    writer.add_key_length(settings.head_size)
    writer.add_value_length(settings.head_size)
    writer.add_layer_norm_rms_eps(settings.fraction("rms_norm_eps"))
    writer.add_vocab_size(settings.number("vocab_size"))
    family.write(writer, settings)


def _write_phi3(writer: Any, settings: Settings) -> None:
    writer.add_sliding_window(0)  # llama.cpp takes a missing one for Phi-3's


def _check_gemma(settings: Settings, whole: int) -> None:
    """llama.cpp scales queries by the head's size, in the largest model (`whole` layers) by the hidden size's share."""
    default = (
        settings.number("hidden_size") // settings.heads if settings.layers == whole else settings.head_size
    )
    if settings.fraction("query_pre_attn_scalar", default) != default:
        raise unsupported("its queries are scaled in a way that GGUF cannot say")


def _check_pattern(settings: Settings, every: int) -> None:
    """llama.cpp knows only one order of layers with and without a sliding window."""
    kinds = settings.given.get("layer_types")
    expected = [
        "full_attention" if (layer + 1) % every == 0 else "sliding_attention"
        for layer in range(settings.layers)
    ]
    if kinds is not None and kinds != expected:
        raise unsupported("its layers with a sliding window come in an order that llama.cpp does not know")


def _check_gemma2(settings: Settings) -> None:
    _check_gemma(settings, 46)
    _check_pattern(settings, 2)


def _write_gemma2(writer: Any, settings: Settings) -> None:
    writer.add_attn_logit_softcapping(settings.fraction("attn_logit_softcapping"))
    writer.add_final_logit_softcapping(settings.fraction("final_logit_softcapping"))
    writer.add_sliding_window(settings.number("sliding_window"))


def _check_gemma3(settings: Settings) -> None:
    _check_gemma(settings, 62)
    _check_pattern(settings, 6)
    if settings.given.get("attn_logit_softcapping"):
        raise unsupported("its attention is capped, which llama.cpp does not do for this family")
    if settings.given.get("use_bidirectional_attention"):
        raise unsupported("it reads in both directions")
    local = settings.rope("sliding_attention").get("rope_theta")
    nested = isinstance(settings.given.get("rope_parameters"), dict)
    if float(local if nested and local else settings.fraction("rope_local_base_freq", 10000.0)) != 10000.0:
        raise unsupported("its sliding layers rotate positions in a way that GGUF cannot say")


def _write_gemma3(writer: Any, settings: Settings) -> None:
    writer.add_sliding_window(settings.number("sliding_window"))
    if settings.given.get("final_logit_softcapping"):
        writer.add_final_logit_softcapping(settings.fraction("final_logit_softcapping"))


def _check_smollm3(settings: Settings) -> None:
    """llama.cpp rotates no positions in every fourth layer."""
    rotated = settings.given.get("no_rope_layers")
    if rotated is not None and rotated != [int((layer + 1) % 4 != 0) for layer in range(settings.layers)]:
        raise unsupported(
            "its layers without rotated positions come in an order that llama.cpp does not know"
        )


_FAMILIES = {
    "llama": Family(pairs_heads=True),
    "phi3": Family(knows_long=True, write=_write_phi3),
    "qwen2": Family(),
    "qwen3": Family(),
    "gemma": Family(activations=_GELU, norm_shift=1.0),
    "gemma2": Family(_GELU, norm_shift=1.0, slides=True, check=_check_gemma2, write=_write_gemma2),
    "gemma3": Family(_GELU, norm_shift=1.0, slides=True, check=_check_gemma3, write=_write_gemma3),
    "smollm3": Family(pairs_heads=True, check=_check_smollm3),
}
