"""Fuzzes the parsers of model files, guided by the lines they reach: what reaches new ones is kept and changed further.

    python tests/fuzz/inspect_headers.py [--seconds 60] [--seed 0] [--only gguf]

Prints every surprise (a verdict `unreadable`, an exception, a slow file) with the bytes that led there, and ends with 1
if there was any. Needs nothing but Python, whose `sys.settrace` counts the lines.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[2]))

from spark_engine.catalog import inspect as program
from spark_engine.catalog.formats.limits import limit_process
from tests.support import model_files as files

WATCHED = str(Path(program.__file__).parent)
MOST_SECONDS = 5.0
SURPRISES = ("unreadable", "no_access", "too_slow", "too_large")  # what is changed here stays small
TOKENS = (
    b"GGUF", b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07", b"\x80\x02", b"R", b"Q", b"t",
    b"(", b"b", b"}", b"ctorch\nFloatStorage\n", b"ccollections\nOrderedDict\n", b"../x", b"/x", b"data",
    b'{"', b'"}', b"[[", b"null", b"true", b"1e999", b"-1", b"\\ud800", b'"dtype"', b'"shape"', b'"data_offsets"',
    b'"__metadata__"', b'"auto_map"', b'"text_config"', b'"vision_config"', b'"rope_scaling"', b'"filename"',
    b"location", b"offset", b"length", b"general.alignment", b"split.count", b"split.no", b"llama.block_count",
    b"llama.pooling_type", b"tokenizer.chat_template", b"ep_cache_context", b"MatMulNBits", b"GatherBlockQuantized",
    b"\x08\x08", b"\x3a", b"\x2a", b"\x6a", b"\x7a",
)  # fmt: skip
NUMBERS = (0, 1, 2, 3, 7, 8, 9, 31, 32, 33, 63, 64, 127, 128, 255, 256, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1,
           2**40, 2**62, 2**63 - 1, 2**63, 2**64 - 1)  # fmt: skip


class Target(NamedTuple):
    """How a sound folder is written, which of its files changes, what its content may begin as, and what is put round
    the content once it was changed: lengths and archives would hardly ever fit by chance."""

    write: Callable[[Path], object]
    file: str
    begin: list[bytes]
    wrap: Callable[[bytes], bytes] = bytes


def targets() -> dict[str, Target]:
    """What is fuzzed."""
    tensor, reference = files.onnx_tensor(raw=bytes(32)), {"location": "data", "offset": "0", "length": "32"}
    packed = files.field(5, files.field(1, "bits") + files.field(3, 4))
    branch = files.field(5, files.field(1, "then") + files.field(6, files.field(5, tensor)))
    nodes = [files.onnx_node("MatMulNBits", packed), files.onnx_node("If", branch)]
    model = files.onnx(files.onnx_tensor(external=reference), tensor, nodes=nodes)
    split = {"split.no": (files.U32, 0), "split.count": (files.U32, 2), "split.tensors.count": (files.I32, 2)}
    quantized = files.gguf(tensors=[files.tensor("a", (256, 2), 12)], data=288)

    def beside(folder: Path) -> None:
        files.write_beside(folder)
        (folder / "model.safetensors").write_bytes(files.safetensors())

    def genai(folder: Path) -> None:
        files.write_genai(folder, model)
        (folder / "data").write_bytes(bytes(32))

    config = b'{"model_type":"llama","text_config":{"hidden_size":64,"rope_scaling":{"type":"yarn"}},"vocab_size":9}'
    said = b'{"__metadata__":{"a":"b"},"w":{"dtype":"F32","shape":[4,2],"data_offsets":[0,32]}}'
    bare = files.gguf(files.METADATA | split)
    return {
        "gguf": Target(lambda folder: None, "m.gguf", [files.gguf(), bare, quantized]),
        "safetensors": Target(files.write_beside, "model.safetensors", [files.safetensors()]),
        "header": Target(
            files.write_beside, "model.safetensors", [said], lambda data: files.safetensors(raw=data)
        ),
        "onnx": Target(genai, "model.onnx", [model]),
        "graph": Target(
            genai,
            "model.onnx",
            [model[5:-6]],
            lambda data: files.field(1, 8) + files.field(7, data) + model[-6:],
        ),
        "archive": Target(files.write_beside, "pytorch_model.bin", [files.checkpoint()]),
        "pickle": Target(
            files.write_beside,
            "pytorch_model.bin",
            [files.described()],
            lambda data: files.checkpoint(data_pkl=data),
        ),
        "config": Target(
            beside, "config.json", [config, b'{"quantization_config":{"quant_method":"gptq","bits":4}}']
        ),
        "tokenizer": Target(
            beside, "tokenizer_config.json", [b'{"chat_template":[{"name":"default","template":"x"}]}']
        ),
        "genai": Target(genai, "genai_config.json", [json.dumps(files.GENAI).encode()]),
        "index": Target(
            beside, "model.safetensors.index.json", [b'{"weight_map":{"w":"model.safetensors"}}']
        ),
    }


class Lines:
    """Counts the lines of the parsers that ran."""

    def __init__(self) -> None:
        self.seen: set[tuple[CodeType, int]] = set()
        self._now: set[tuple[CodeType, int]] = set()

    def new(self) -> bool:
        """Whether the last run reached lines that none before did."""
        fresh = self._now - self.seen
        self.seen |= fresh
        return bool(fresh)

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Count what runs inside."""
        self._now = set()
        sys.settrace(self._call)
        try:
            yield
        finally:
            sys.settrace(None)

    def _call(self, frame: FrameType, event: str, argument: Any) -> Any:
        if not frame.f_code.co_filename.startswith(WATCHED):
            return None
        now, code = self._now, frame.f_code

        def line(frame: FrameType, event: str, argument: Any) -> Any:
            if event == "line":
                now.add((code, frame.f_lineno))
            return line

        return line


def changed(data: bytes, others: list[bytes], dice: random.Random) -> bytes:
    """One of the ways in which files go wrong, or are made to."""
    made = bytearray(data)
    for _ in range(dice.choice((1, 1, 1, 2, 3, 6))):
        place = dice.randrange(len(made) + 1)
        match dice.randrange(8):
            case 0 if made:
                made[min(place, len(made) - 1)] ^= 1 << dice.randrange(8)
            case 1:
                size = dice.choice((1, 2, 4, 8))
                made[place : place + size] = (dice.choice(NUMBERS) % 2 ** (8 * size)).to_bytes(size, "little")
            case 2:
                made[place:place] = dice.choice(TOKENS)
            case 3:
                token = dice.choice(TOKENS)
                made[place : place + len(token)] = token
            case 4:
                del made[place : place + dice.choice((1, 2, 8, 40))]
            case 5:
                made[place:place] = made[place : place + dice.choice((1, 8, 30, 100))]
            case 6:
                other = dice.choice(others)
                start = dice.randrange(len(other) + 1)
                made[place:place] = other[start : start + dice.choice((4, 16, 64))]
            case _:
                made[place:place] = str(dice.choice(NUMBERS)).encode()
    return bytes(made[: 64 * 1024])


def fuzz(
    name: str, target: tuple[Callable[[Path], object], str, list[bytes]], seconds: float, seed: int
) -> int:
    """Fuzz one target; how many surprises there were."""
    write, file, begin, wrap = target
    dice, lines, kept = random.Random(seed), Lines(), list(begin)
    surprises: set[str] = set()
    runs, until = 0, time.monotonic() + seconds
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as place:
        folder = Path(place)
        write(folder)
        while time.monotonic() < until or runs < len(begin):
            data = begin[runs] if runs < len(begin) else changed(dice.choice(kept[-40:] + begin), kept, dice)
            (folder / file).write_bytes(wrap(data))
            runs += 1
            said = look(folder, lines)
            if said and said not in surprises:
                surprises.add(said)
                print(f"{name}: {said}: {data!r}", flush=True)
            if lines.new():
                kept.append(data)
    print(
        f"{name}: {runs} files, {len(lines.seen)} lines, {len(kept)} kept, {len(surprises)} surprises",
        flush=True,
    )
    return len(surprises)


def look(folder: Path, lines: Lines) -> str:
    """What is surprising about the verdict; empty if nothing is."""
    begin = time.monotonic()
    try:
        with lines.watched():
            verdicts = program.inspect_all(folder)
    except Exception as error:
        return f"raised {error!r}"
    took = time.monotonic() - begin
    strange = [
        v.reason for v in verdicts if getattr(v, "code", "") in ("unreadable", "no_access", "too_slow")
    ]
    if strange:
        return strange[0]
    try:
        [program.msgspec.json.encode(verdict) for verdict in verdicts]
    except Exception as error:
        return f"verdict cannot be told: {error!r}"
    return f"took {took:.1f} s" if took > MOST_SECONDS else ""


def main() -> int:
    """Fuzz every target for its share of the time."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="")
    given = parser.parse_args()
    chosen = {name: target for name, target in targets().items() if given.only in ("", name)}
    limit_process()
    found = sum(
        fuzz(name, target, given.seconds / len(chosen), given.seed) for name, target in chosen.items()
    )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
