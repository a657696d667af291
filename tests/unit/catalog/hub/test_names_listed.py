"""Names in a repository's list: none leads out of the folder it is put into, no two become the same file."""

from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_engine.catalog.hub.address import parse_address
from spark_engine.catalog.hub.listing import leads_out, next_page, unfit_names
from spark_engine.errors import SparkError

PARTS = st.sampled_from(
    ["..", ".", "", "a", "A", "\u00e9", "nul", "b.json", "\\", "c:", "~", " ", "x\x00", "a" * 300]
)
PATHS = st.one_of(st.text(max_size=40), st.lists(PARTS, max_size=5).map("/".join))


@given(PATHS)
def test_a_name_that_is_taken_stays_inside(path: str):
    root = Path("/base/models/x")
    if leads_out(path) or unfit_names([path]):
        return
    assert not PurePosixPath(path).is_absolute() and ".." not in PurePosixPath(path).parts
    assert (root / path).resolve().is_relative_to(root)
    windows = PureWindowsPath(path)
    assert not windows.drive and not windows.root and ".." not in windows.parts


@given(st.lists(PATHS, max_size=6))
def test_names_that_are_taken_together_are_different_files_everywhere(paths: list[str]):
    if unfit_names(paths):
        return
    folded = [p.casefold() for p in paths]
    assert len(set(folded)) == len(paths)
    assert not any(one != other and other.startswith(f"{one}/") for one in folded for other in folded)


@pytest.mark.parametrize(
    "paths",
    [
        ["a.json", "A.json"], ["a", "a/b"], ["a/b", "A/c"], ["x", "x"], ["con"], ["aux.json"], ["a "], ["a."], ["a|b"],
        ["a//b"], ["./a"], ["a/.."], ["\u202egpj.exe"], ["a\nb"], ["stra\u00dfe", "strasse"],
    ],
)  # fmt: skip
def test_names_no_two_systems_agree_on_are_refused(paths: list[str]):
    assert unfit_names(paths)


def test_ordinary_names_are_taken():
    assert not unfit_names(
        ["model.onnx", "model.onnx.data", "1_Pooling/config.json", "1_Dense/config.json", "a b.txt"]
    )


def test_the_list_goes_on_where_its_header_says():
    here = parse_address("https://hub.test/api/models/a/b/tree/c?recursive=true")
    assert str(next_page(here, '<https://hub.test/x?cursor=2>; rel="next"')) == "https://hub.test/x?cursor=2"
    assert str(next_page(here, '</y>; rel="prev", </x?c=2>; rel=next')) == "https://hub.test/x?c=2"
    assert next_page(here, "") is None
    assert next_page(here, '<https://hub.test/x>; rel="prev"') is None
    with pytest.raises(SparkError):
        next_page(here, '<gopher://hub.test/x>; rel="next"')
