"""Model cards: what may stand in one, what is refused with its field named, and which files a variant is made of."""

from collections.abc import Callable
from pathlib import Path

import pytest

from spark_engine.catalog.cards import Card, CardVariant, read_card, read_cards

CARD = """
id = "mine"
name = "Mine"
family = "phi"
licence = "MIT"
summary = "A model."
parameters = 7
context = 2048
[sampling]
temperature = 0.5
[[variants]]
id = "onnx"
format = "onnx"
quantization = "int4"
size_bytes = 5
repository = "me/mine"
folder = "cpu/int4"
[[variants]]
id = "gguf"
format = "gguf"
quantization = "Q8_0"
file = "mine.gguf"
"""


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def write(text: str = CARD, name: str = "mine.toml", folder: str = "cards") -> Path:
        file = tmp_path / folder / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    return write


def test_a_card_may_say_no_more_than_it_always_had_to(write: Callable[..., Path]) -> None:
    card = read_card(write())
    assert (card.kind, card.thinking, card.abilities, card.kv_bytes_per_token) == (
        "generator",
        "never",
        (),
        0,
    )
    assert (card.variants[0].gated, card.variants[0].revision, card.variants[0].sha256) == (False, "", {})


def test_a_card_tells_all_that_a_prediction_and_a_choice_need(write: Callable[..., Path]) -> None:
    facts = """
    layers = 32
    kv_heads = 8
    head_dim = 128
    template = "phi-4"
    tool_style = "phi"
    stop = ["<|end|>"]
    thinking = "optional"
    abilities = ["chat", "tools"]
    languages = ["en", "de"]
    quality = [{ name = "MMLU", value = 67.3, source = "its page" }]
    """
    more = 'revision = "abc"\nfiles = ["*.bin"]\ngated = true\nmade_for = "cpu"\nsha256 = { "a.bin" = "%s" }'
    text = CARD.replace("[sampling]", facts + "[sampling]").replace('folder = "cpu/int4"', more % ("0f" * 32))
    card = read_card(write(text))
    assert card.kv_bytes_per_token == 128 * 1024
    assert (card.tool_style, card.stop, card.abilities) == ("phi", ("<|end|>",), ("chat", "tools"))
    assert (card.thinking, card.languages, card.quality[0].value) == ("optional", ("en", "de"), 67.3)
    variant = card.variants[0]
    assert (variant.revision, variant.gated, variant.made_for) == ("abc", True, "cpu")
    assert variant.sha256 == {"a.bin": "0f" * 32}


@pytest.mark.parametrize(
    "there, instead, told",
    [
        ('licence = "MIT"', 'licence = "MIT"\ncolour = "red"', "unknown field `colour`"),
        ("temperature", "temprature", "unknown field `temprature` - at `$.sampling`"),
        ("size_bytes = 5", "size = 5", "unknown field `size` - at `$.variants[0]`"),
        ("size_bytes = 5", "size_bytes = -5", ">= 0 - at `$.variants[0].size_bytes`"),
        ("parameters = 7", 'parameters = "7B"', "at `$.parameters`"),
        ("context = 2048", "context = 0", "at `$.context`"),
        ("context = 2048", 'context = 2048\nabilities = ["flying"]', "at `$.abilities[0]`"),
        ("context = 2048", 'context = 2048\nlanguages = ["English"]', "at `$.languages[0]`"),
        ("context = 2048", "context = 2048\nquality = [{ name = 'x', value = 1 }]", "at `$.quality[0]`"),
        ("context = 2048", "context = 2048\nlayers = -1", "at `$.layers`"),
        ('format = "onnx"', 'format = "tar"', "at `$.variants[0].format`"),
        ('"me/mine"', '"https://example.org/me"', "`repository`: not `owner/name` - at `$.variants[0]`"),
        ('"me/mine"', '"me/mi..ne"', "`repository`: not `owner/name` - at `$.variants[0]`"),
        ('"me/mine"', '"me/../mine"', "`repository`: not `owner/name` - at `$.variants[0]`"),
        ('"cpu/int4"', '"../int4"', "`folder`: not a plain relative path - at `$.variants[0]`"),
        ('"cpu/int4"', '"/int4"', "`folder`: not a plain relative path - at `$.variants[0]`"),
        ('"mine.gguf"', "'C:\\mine.gguf'", "`file`: not a plain relative path - at `$.variants[1]`"),
        ('"mine.gguf"', "'D:/mine.gguf'", "`file`: not a plain relative path - at `$.variants[1]`"),
        ('"mine.gguf"', '"mine.gguf"\nfiles = ["../*"]', "`files`: not a plain relative pattern"),
        ('"mine.gguf"', '"mine.gguf"\nrevision = "a b"', "`revision`: not a commit or branch"),
        (
            '"mine.gguf"',
            '"mine.gguf"\nsha256 = { "a" = "12" }',
            "`sha256`: not 64 lower-case hexadecimal digits",
        ),
        ('id = "gguf"', 'id = "onnx"', "`variants`: two have the same `id`"),
        ('id = "gguf"', 'id = "Not A Slug"', "not a model id: 'mine:Not A Slug'"),
        ('name = "Mine"\n', "", "missing required field `name`"),
        ('name = "Mine"', "name = ", "line 3"),
        ('name = "Mine"', "name = " + "[" * 5000, ""),
    ],
)
def test_a_wrong_card_is_refused_with_its_file_and_the_field(
    write: Callable[..., Path], there: str, instead: str, told: str
) -> None:
    assert there in CARD
    with pytest.raises(ValueError, match=r"^mine\.toml: ") as refused:
        read_card(write(CARD.replace(there, instead, 1)))
    assert told in str(refused.value)


def test_a_card_that_is_no_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "odd.toml"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match=r"odd\.toml: "):
        read_card(file)


def test_a_users_card_replaces_the_shipped_one(write: Callable[..., Path], tmp_path: Path) -> None:
    write(folder="shipped")
    write(CARD.replace('"Mine"', '"Shipped too"').replace('id = "mine"', 'id = "other"'), "o.toml", "shipped")
    write(CARD.replace('"Mine"', '"My own"'), "anything.toml", "own")
    cards = read_cards([tmp_path / "shipped", tmp_path / "own", tmp_path / "none"])
    assert {id: card.name for id, card in cards.items()} == {"mine": "My own", "other": "Shipped too"}


def test_a_wrong_card_is_skipped_and_logged_and_the_shipped_one_stays(
    write: Callable[..., Path], tmp_path: Path, expect_log: Callable[[str], None]
) -> None:
    expect_log(r"model card skipped: slip\.toml: .*`\$\.variants\[0\]\.size_bytes`")
    write(folder="shipped")
    write(CARD.replace("size_bytes = 5", "size_bytes = 'big'"), "slip.toml", "own")
    cards = read_cards([tmp_path / "shipped", tmp_path / "own"])
    assert cards["mine"].variants[0].size_bytes == 5


@pytest.mark.parametrize(
    "variant, wanted, unwanted",
    [
        (
            CardVariant("v", "onnx", "int4", folder="cpu/int4"),
            [
                "cpu/int4/model.onnx",
                "cpu/int4/model.onnx.data",
                "cpu/int4/genai_config.json",
                "cpu/int4/merges.txt",
            ],
            [
                "gpu/int4/model.onnx",
                "cpu/int4/sub/model.onnx",
                "config.json",
                "cpu/int4/modeling_phi3.py",
                "cpu",
            ],
        ),
        (
            CardVariant("v", "gguf", "Q8_0", file="m-Q8_0.gguf"),
            ["m-Q8_0.gguf"],
            ["m-Q4_0.gguf", "sub/m-Q8_0.gguf", "config.json"],
        ),
        (
            CardVariant("v", "safetensors", "bfloat16"),
            [
                "model-00001-of-00002.safetensors",
                "model.safetensors.index.json",
                "tokenizer.model",
                "config.json",
            ],
            ["original/model.safetensors", "pytorch_model.bin", "modeling.py", "README.md"],
        ),
        (
            CardVariant("v", "onnx", "float32", files=("onnx/model.onnx", "*.json", "1_Pooling/config.json")),
            ["onnx/model.onnx", "config.json", "1_Pooling/config.json"],
            ["onnx/model_O4.onnx", "onnx/config.json", "model.safetensors"],
        ),
    ],
)
def test_a_variant_wants_its_own_files_only(
    variant: CardVariant, wanted: list[str], unwanted: list[str]
) -> None:
    assert [path for path in [*wanted, *unwanted] if variant.wants(path)] == wanted


def test_a_path_on_this_machine_may_be_anywhere(write: Callable[..., Path]) -> None:
    card = read_card(write(CARD.replace('folder = "cpu/int4"', 'path = "/srv/models/mine"')))
    assert isinstance(card, Card) and card.variants[0].path == "/srv/models/mine"
