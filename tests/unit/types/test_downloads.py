"""Where a download stands, in the words that window and command line share."""

import pytest

from spark_engine.types.downloads import (
    DownloadEntry,
    DownloadFailed,
    DownloadStatus,
    Fetched,
    Fetching,
    Paused,
    Preparing,
    progress_words,
)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (Preparing("asking the hub"), "asking the hub · 1.2 of 4.9 GB"),
        (Fetching(35e6, 120.0), "1.2 of 4.9 GB · 35 MB/s · about 2 min left"),
        (Fetching(35e6, 120.0, "waiting for the network"), "1.2 of 4.9 GB · waiting for the network"),
        (Fetching(), "1.2 of 4.9 GB"),
        (Paused(), "paused · 1.2 of 4.9 GB"),
        (DownloadFailed("x", "No space left", "M"), "1.2 of 4.9 GB kept"),
        (Fetched(3.0), "4.9 GB"),
    ],
)
def test_where_it_stands(status: DownloadStatus, words: str) -> None:
    entry = DownloadEntry("a:b", "org/phi", status, bytes_total=4_900_000_000, bytes_done=1_200_000_000)
    assert progress_words(entry) == words


def test_before_anything_is_known() -> None:
    assert progress_words(DownloadEntry("a:b", "org/phi", Preparing("asking the hub"))) == "asking the hub"
    assert (
        progress_words(DownloadEntry("a:b", "o/p", DownloadFailed("x", "T", "M")))
        == "nothing was fetched yet"
    )
