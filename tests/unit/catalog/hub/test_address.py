"""Addresses of the hub: how they are read, and who may be reached at them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_engine.catalog.hub.address import Address, endpoint, furthest, objection, parse_address, reach
from spark_engine.catalog.hub.client import next_hop
from spark_engine.errors import InvalidRequest, SparkError

HUB, MIRROR = parse_address("https://hub.test"), parse_address("http://10.0.0.5:8080/hf")
PUBLIC, PRIVATE, LOOPBACK = frozenset({"public"}), frozenset({"private"}), frozenset({"loopback"})


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("https://huggingface.co", Address("https", "huggingface.co", 443, "/")),
        ("HTTPS://Hub.Test.:8443/a/b?x=1#top", Address("https", "hub.test", 8443, "/a/b?x=1")),
        ("http://[::1]:80/", Address("http", "::1", 80, "/")),
    ],
)
def test_addresses_are_read(text: str, address: Address):
    assert parse_address(text) == address


@pytest.mark.parametrize(
    "text",
    ["", "hub.test", "ftp://hub.test", "https://", "https://a:b@hub.test", "https://a@hub.test", "http://h\r\nx/",
     "https://h\\@evil/", "https://h:99999/", "https://h:x/", "https://h /"],
)  # fmt: skip
def test_what_is_no_address_is_refused(text: str):
    with pytest.raises(ValueError, match=r".*"):
        parse_address(text)


def test_the_setting_goes_before_the_environment():
    environ = {"HF_ENDPOINT": "https://mirror.test/"}
    assert endpoint("https://mine.test/hf/", environ).target == "/hf"
    assert endpoint("", environ).host == "mirror.test"
    assert str(endpoint("", {})) == "https://huggingface.co/"
    with pytest.raises(InvalidRequest) as error:
        endpoint("nonsense", {})
    assert error.value.param == "hub.endpoint"


@pytest.mark.parametrize(
    ("ip", "expected"),
    [
        ("8.8.8.8", "public"), ("2606:4700::1111", "public"), ("64:ff9b::808:808", "public"),
        ("10.1.2.3", "private"), ("192.168.0.1", "private"), ("172.16.0.1", "private"), ("100.64.0.1", "private"),
        ("fd00::1", "private"), ("::ffff:10.0.0.1", "private"), ("64:ff9b::a00:1", "private"),
        ("2002:a00:1::", "private"), ("127.0.0.1", "loopback"), ("127.9.9.9", "loopback"), ("::1", "loopback"),
        ("::ffff:127.0.0.1", "loopback"), ("64:ff9b::7f00:1", "loopback"), ("0.0.0.0", "never"), ("::", "never"),
        ("169.254.169.254", "never"), ("fe80::1%eth0", "never"), ("::ffff:169.254.169.254", "never"),
        ("224.0.0.1", "never"), ("255.255.255.255", "never"), ("240.0.0.1", "never"),
    ],
)  # fmt: skip
def test_who_is_reached(ip: str, expected: str):
    assert reach(ip) == expected


def test_a_public_hub_leads_to_public_encrypted_hosts_only():
    cdn, plain = parse_address("https://cdn.test/x"), parse_address("http://cdn.test/x")
    assert not objection(cdn, PUBLIC, PUBLIC)
    for reached in (PRIVATE, LOOPBACK, frozenset({"never"}), PUBLIC | PRIVATE, PUBLIC | {"never"}):
        assert objection(cdn, reached, PUBLIC)
    assert "encrypted" in objection(plain, PUBLIC, PUBLIC)


def test_a_mirror_leads_to_its_own_network_and_to_public_hosts():
    beside = parse_address("http://10.0.0.6/x")
    assert not objection(MIRROR, PRIVATE, None)
    assert not objection(beside, PRIVATE, PRIVATE)
    assert not objection(HUB, PUBLIC, PRIVATE)
    assert objection(beside, LOOPBACK, PRIVATE)
    assert objection(beside, PRIVATE, LOOPBACK)
    assert objection(beside, frozenset({"never"}), PRIVATE)


def test_a_hub_without_encryption_must_be_near():
    assert objection(parse_address("http://hub.test"), PUBLIC, None)
    assert objection(parse_address("http://hub.test"), frozenset(), None)
    assert not objection(parse_address("http://localhost"), LOOPBACK, None)
    assert objection(parse_address("http://0.0.0.0"), furthest(["0.0.0.0"]), None)


@given(st.ip_addresses())
def test_every_address_has_one_reach(ip: object):
    assert reach(str(ip)) in ("public", "private", "loopback", "never")


@given(st.text())
def test_reading_never_fails_otherwise(text: str):
    try:
        address = parse_address(text)
    except ValueError:
        return
    assert address.scheme in ("http", "https") and address.host and address.target.startswith("/")
    assert not any(c.isspace() for c in address.target)


def test_a_redirect_leads_on_but_never_to_an_open_line():
    here = parse_address("https://hub.test/a/b?c")
    assert str(next_hop(here, "/x?y=1")) == "https://hub.test/x?y=1"
    assert str(next_hop(here, "https://cdn.test/z")) == "https://cdn.test/z"
    assert str(next_hop(parse_address("http://10.0.0.1/"), "https://cdn.test/z")) == "https://cdn.test/z"
    for location in (
        "http://hub.test/",
        "http://cdn.test/z",
        "javascript:1",
        "//user@cdn.test/",
        "https://h:x/",
    ):
        with pytest.raises(SparkError):
            next_hop(here, location)
