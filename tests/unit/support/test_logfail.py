"""The guard on logs itself: it fails for an unannounced record and for an announced one that never comes."""

import logging

from tests.support.logfail import LogGuard


def _guard_that_saw(level: int, message: str) -> LogGuard:
    guard = LogGuard()
    logger = logging.Logger("product")
    logger.addHandler(guard)
    logger.log(level, message)
    return guard


def test_an_unannounced_warning_is_named():
    assert _guard_that_saw(logging.WARNING, "disk is full").verdict() == [
        "unannounced log record: product: WARNING: disk is full"
    ]


def test_information_needs_no_announcement():
    assert _guard_that_saw(logging.INFO, "started").verdict() == []


def test_an_announced_record_is_fine():
    guard = _guard_that_saw(logging.ERROR, "runner died")
    guard.announce("ERROR: runner died$")
    assert guard.verdict() == []


def test_an_announced_record_must_come():
    guard = LogGuard()
    guard.announce("runner died")
    assert guard.verdict() == ["announced log record never came: runner died"]
