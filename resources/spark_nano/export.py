"""Writes spark-nano in every shipped format from a training checkpoint: `python export.py --work DIR`."""

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from gguf_file import write_gguf
from quant import fake_int4
from shape import config
from text import TEMPLATE, load_tokenizer
from transformers import Phi3ForCausalLM, PreTrainedTokenizerFast

HERE = Path(__file__).parent
FORMATS = ("onnx-int4", "gguf-q8_0", "safetensors")


def _save_tokenizer(work: Path, target: Path) -> None:
    """The tokenizer with its special tokens and chat template."""
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=load_tokenizer(work / "tokenizer.json"), bos_token="<|endoftext|>",
        eos_token="<|endoftext|>", pad_token="<|endoftext|>", unk_token="<|endoftext|>",
        model_max_length=config().max_position_embeddings, clean_up_tokenization_spaces=False,
    )  # fmt: skip
    tokenizer.save_pretrained(target)
    path = target / "tokenizer_config.json"
    settings: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    settings |= {
        "chat_template": TEMPLATE,
        "tokenizer_class": "PreTrainedTokenizerFast",
        "add_bos_token": False,
    }
    path.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
    (target / "chat_template.jinja").write_text(TEMPLATE, encoding="utf-8")
    special = {f"{kind}_token": "<|endoftext|>" for kind in ("bos", "eos", "pad", "unk")}
    (target / "special_tokens_map.json").write_text(json.dumps(special, indent=2) + "\n", encoding="utf-8")


def _name_rope(path: Path) -> None:
    """Adds the older name of the rope settings, which most readers know."""
    settings = json.loads(path.read_text(encoding="utf-8"))
    rope = settings["rope_parameters"]
    settings["rope_scaling"] = {k: rope[k] for k in ("short_factor", "long_factor")} | {"type": "longrope"}
    settings |= {"rope_theta": rope["rope_theta"], "partial_rotary_factor": rope["partial_rotary_factor"]}
    settings["original_max_position_embeddings"] = 4096
    path.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")


def save_safetensors(work: Path, target: Path) -> None:
    """The trained weights, on the int4 grid they were trained for, so every format says the same."""
    model = Phi3ForCausalLM(config())
    model.load_state_dict(torch.load(work / "checkpoint.pt", weights_only=True)["model"])
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim == 2:
                weight.copy_(fake_int4(weight))
    model.generation_config.update(bos_token_id=0, eos_token_id=[0, 1], pad_token_id=0, do_sample=False)
    model.save_pretrained(target)
    _save_tokenizer(work, target)
    _name_rope(target / "config.json")
    (target / "model.safetensors").chmod(0o644)


def build_onnx(source: Path, target: Path, cache: Path) -> None:
    """The model builder's own int4 file for the CPU."""
    command = [sys.executable, "-m", "onnxruntime_genai.models.builder", "-i", str(source), "-o", str(target)]
    command += ["-p", "int4", "-e", "cpu", "-c", str(cache)]
    command += ["--extra_options", "accuracy_level=4", "block_size=32"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-3000:])


def export(work: Path, target: Path) -> None:
    """All formats into `target`, each swapped in whole."""
    made = work / "export"
    shutil.rmtree(made, ignore_errors=True)
    (made / "gguf-q8_0").mkdir(parents=True)
    save_safetensors(work, made / "safetensors")
    build_onnx(made / "safetensors", made / "onnx-int4", work / "cache")
    write_gguf(made / "safetensors", made / "gguf-q8_0" / "spark-nano-q8_0.gguf")
    target.mkdir(parents=True, exist_ok=True)
    for name in FORMATS:
        new, old = target / f".{name}.new", target / f".{name}.old"
        shutil.rmtree(new, ignore_errors=True)
        shutil.copytree(made / name, new)
        if (target / name).exists():
            (target / name).rename(old)
        new.rename(target / name)
        shutil.rmtree(old, ignore_errors=True)


def main() -> None:
    """Reads the arguments and exports."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="where train.py kept its checkpoint")
    parser.add_argument("--target", type=Path, default=HERE)
    args = parser.parse_args()
    export(args.work, args.target)


if __name__ == "__main__":
    main()
