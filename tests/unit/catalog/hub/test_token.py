"""The hub's token: in the keyring, or in a file of the owner's own that says so; never with the wrong host."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import keyring
import keyring.backend
import pytest
from keyring.backends import fail
from keyring.errors import PasswordDeleteError

from spark_engine.catalog.hub.token import FILE, TokenStore
from spark_engine.errors import InvalidRequest


class Memory(keyring.backend.KeyringBackend):
    priority = 1

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.kept.pop((service, username), None) is None:
            raise PasswordDeleteError("none")


@pytest.fixture(params=["keyring", "file"])
def kept_in(request: pytest.FixtureRequest) -> Iterator[str]:
    before = keyring.get_keyring()
    keyring.set_keyring(Memory() if request.param == "keyring" else fail.Keyring())
    yield request.param
    keyring.set_keyring(before)


def test_a_token_is_kept_read_and_forgotten(tmp_path: Path, kept_in: str):
    store = TokenStore(tmp_path / "state")
    assert store.read("hub.test") is None and store.where("hub.test") is None
    assert store.store("hub.test", " hf_one \n") == kept_in
    assert store.read("hub.test") == "hf_one" and store.where("hub.test") == kept_in
    assert store.read("mirror.test") is None
    assert store.store("hub.test", "hf_two") == kept_in
    assert TokenStore(tmp_path / "state").read("hub.test") == "hf_two"
    assert store.delete("hub.test") and not store.delete("hub.test")
    assert store.read("hub.test") is None
    assert not (tmp_path / "state" / FILE).exists()


def test_the_file_is_its_owners_alone_and_there_only_without_a_keyring(tmp_path: Path, kept_in: str):
    TokenStore(tmp_path).store("hub.test", "hf_one")
    file = tmp_path / FILE
    assert file.exists() == (kept_in == "file")
    if os.name == "posix" and file.exists():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [f.name for f in tmp_path.iterdir()] == ([FILE] if kept_in == "file" else [])


def test_a_keyring_that_comes_later_takes_over(tmp_path: Path):
    before = keyring.get_keyring()
    try:
        keyring.set_keyring(fail.Keyring())
        TokenStore(tmp_path).store("hub.test", "hf_one")
        keyring.set_keyring(Memory())
        assert TokenStore(tmp_path).read("hub.test") == "hf_one"
        assert TokenStore(tmp_path).store("hub.test", "hf_two") == "keyring"
        assert not (tmp_path / FILE).exists()
    finally:
        keyring.set_keyring(before)


@pytest.mark.parametrize("token", ["", " ", "a b", "hf_x\r\nX-Evil: 1", "\u00e9", "x" * 513])
def test_what_is_no_token_is_refused(tmp_path: Path, token: str, kept_in: str):
    with pytest.raises(InvalidRequest) as error:
        TokenStore(tmp_path).store("hub.test", token)
    assert error.value.param == "token"


def test_a_damaged_file_is_no_token(tmp_path: Path, kept_in: str):
    (tmp_path / FILE).write_text("{")
    assert TokenStore(tmp_path).read("hub.test") is None
