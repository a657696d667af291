"""Rules every source file keeps: it says in its first line what it is for, and it stays readable in one go."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PRODUCT = ("app", "installer", "spark_engine")
SOURCES = sorted(f for folder in (*PRODUCT, "tests", "resources") for f in (ROOT / folder).rglob("*.py"))
MOST_LINES = 600


def test_the_sources_were_found():
    assert len(SOURCES) > 50


@pytest.mark.parametrize("file", SOURCES, ids=lambda f: str(f.relative_to(ROOT)))
def test_a_file_says_what_it_is_for_and_is_not_too_long(file: Path):
    text = file.read_text(encoding="utf-8")
    first = (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0]
    assert len(first.split()) >= 3, "the first line says what the file is for"
    assert text.startswith(('"""', 'r"""')), "the docstring is the first line"
    assert text.count("\n") <= MOST_LINES


def test_most_files_are_short():
    lengths = sorted(
        f.read_text(encoding="utf-8").count("\n") for folder in PRODUCT for f in (ROOT / folder).rglob("*.py")
    )
    assert lengths[int(len(lengths) * 0.9)] <= 400


@pytest.mark.parametrize("file", sorted((ROOT / "installer").rglob("bootstrap.py")), ids=lambda f: f.name)
def test_the_installer_parses_on_an_old_python(file: Path):
    ast.parse(file.read_text(encoding="utf-8"), feature_version=(3, 6))
