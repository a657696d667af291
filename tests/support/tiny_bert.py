"""Writes a tiny BERT with random weights, to embed or to score pairs, as real models are published."""

import json
from pathlib import Path
from typing import Any, Literal

from tests.support.tiny_bert_onnx import write_onnx

Kind = Literal["embedder", "reranker"]
WORDS = "the a cat dog sat on mat rug runs fast model loads spark local what is where how hot cold tea rain".split()
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
LONGEST = 48


def reference(kind: Kind = "embedder", seed: int = 0) -> Any:
    """transformers' model, ready to run. Large weights, so that texts differ much."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification, BertModel

    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(SPECIAL) + len(WORDS),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=64,
        initializer_range=0.5,
        num_labels=1,
    )
    made = BertForSequenceClassification(config) if kind == "reranker" else BertModel(config)
    return made.eval()


def write_bert(
    folder: Path,
    model_format: Literal["onnx", "safetensors"],
    kind: Kind = "embedder",
    *,
    pooling: str = "mean_tokens",
    seed: int = 0,
) -> Path:
    """The model in `folder`; `pooling` as sentence-transformers names it, empty to leave its files out."""
    folder.mkdir(parents=True, exist_ok=True)
    model = reference(kind, seed)
    _write_tokenizer(folder)
    if model_format == "onnx":
        model.config.architectures = [type(model).__name__]
        model.config.save_pretrained(folder)
        write_onnx(model, folder / "onnx" / "model.onnx")
    else:
        model.save_pretrained(folder)
    if kind == "embedder" and pooling:
        _write_modules(folder, pooling)
    return folder


def _write_tokenizer(folder: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    ids = {word: id for id, word in enumerate((*SPECIAL, *WORDS))}
    tokenizer = Tokenizer(models.WordLevel(ids, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.add_special_tokens(list(SPECIAL))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", ids["[CLS]"]), ("[SEP]", ids["[SEP]"])],
    )
    # Published tokenizers often cut and fill up; Spark must do neither.
    tokenizer.enable_truncation(8)
    tokenizer.enable_padding(length=8)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"model_max_length": 512}))


def _write_modules(folder: Path, pooling: str) -> None:
    kinds = ("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")
    modules = [
        {"idx": place, "name": str(place), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for place, (path, kind) in enumerate(kinds)
    ]
    modes = {f"pooling_mode_{mode}": mode == pooling for mode in ("cls_token", "mean_tokens", "max_tokens")}
    (folder / "1_Pooling").mkdir(exist_ok=True)
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"word_embedding_dimension": 32, **modes}))
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": LONGEST}))
