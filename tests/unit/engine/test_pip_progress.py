"""pip's output as a fraction and a phrase."""

from spark_engine.engine.pip_progress import PipProgress

MB = 1_000_000


def _fed(progress: PipProgress, text: str) -> PipProgress:
    for line in text.splitlines():
        progress.feed(line)
    return progress


def test_downloads_fill_the_bar_by_their_bytes():
    progress = _fed(
        PipProgress(100 * MB, builds=False),
        "  Downloading torch-2.13.0-cp311.whl (80.0 MB)\nProgress 40000000 of 80000000",
    )
    assert progress.step == "downloading torch (80.0 MB)"
    assert progress.fraction == 0.85 * 0.4


def test_a_second_file_counts_on_top_of_the_first():
    files = (
        "  Downloading a-1.whl (50.0 MB)\nProgress 50000000 of 50000000\n  Downloading b-1.whl (50.0 MB)\n"
    )
    text = files + "Progress 25000000 of 50000000"
    assert _fed(PipProgress(100 * MB, builds=False), text).fraction == 0.85 * 0.75


def test_more_than_expected_never_overflows_and_never_falls():
    progress = _fed(
        PipProgress(MB, builds=False), "  Downloading a-1.whl (3.0 MB)\nProgress 3000000 of 3000000"
    )
    assert progress.fraction == 0.85
    assert _fed(progress, "  Downloading b-1.whl (1.0 kB)").fraction == 0.85


def test_installing_comes_last():
    progress = _fed(PipProgress(MB, builds=False), "Installing collected packages: a, b, c")
    assert (progress.fraction, progress.step) == (0.9, "installing 3 packages")


def test_a_build_gets_most_of_the_bar():
    progress = _fed(
        PipProgress(MB, builds=True), "  Downloading x-1.tar.gz (1.0 MB)\n  [70/140] /usr/bin/g++ -O3 x.cpp"
    )
    assert (progress.fraction, progress.step) == (0.1 + 0.9 / 2, "building, 70 of 140")


def test_the_builds_own_tools_do_not_move_the_bar_to_its_end():
    progress = _fed(
        PipProgress(MB, builds=True), "  Installing collected packages: packaging, scikit-build-core"
    )
    assert progress.fraction == 0.0


def test_a_line_that_says_nothing_changes_nothing():
    assert not PipProgress(MB, builds=True).feed("  warning: unused variable")


def test_phases_without_a_measure_are_named():
    progress = PipProgress(MB, builds=True)
    assert progress.feed("Collecting llama-cpp-python==0.3.36")
    assert progress.step == "collecting llama-cpp-python"
    assert progress.feed("  Preparing metadata (pyproject.toml): started")
    assert progress.step == "preparing the build"
