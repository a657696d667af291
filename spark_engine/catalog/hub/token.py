"""The user's token for the hub: kept by the system's keyring, or, where there is none, in a file of the owner's own."""

import logging
from pathlib import Path
from typing import Literal

import keyring
import msgspec
from keyring.errors import KeyringError, PasswordDeleteError

from spark_engine.errors import InvalidRequest
from spark_engine.records import write_whole

log = logging.getLogger(__name__)
SERVICE = "Spark model hub"
FILE = "hub-tokens.json"
Kept = Literal["keyring", "file"]
"""Where a token is: with the system's keyring, or in a file that only its owner can read."""


class TokenStore:
    """Tokens by the hub's host. `state` is the folder for the file that stands in for a missing keyring.

    A keyring may ask its user to unlock it: call from a thread that may wait.
    """

    def __init__(self, state: Path) -> None:
        self._file = state / FILE

    def read(self, host: str) -> str | None:
        """The token for this host, or None."""
        return self._from_keyring(host) or self._from_file().get(host)

    def where(self, host: str) -> Kept | None:
        """Where the token for this host is kept; None: there is none."""
        if self._from_keyring(host):
            return "keyring"
        return "file" if host in self._from_file() else None

    def store(self, host: str, token: str) -> Kept:
        """Keep a token; says where, so that the user can be told. InvalidRequest when it is not one."""
        token = token.strip()
        if not token or len(token) > 512 or not token.isascii() or not token.isprintable() or " " in token:
            raise InvalidRequest(
                "hub_token_wrong", "This is not a token", "A token is one word of letters and digits, as in hf_….",
                "Copy it from the hub's settings.", param="token",
            )  # fmt: skip
        try:
            keyring.set_password(SERVICE, host, token)
        except (KeyringError, RuntimeError, OSError) as error:
            log.info("no keyring keeps the hub's token: %s", type(error).__name__)
            self._write({**self._from_file(), host: token})
            return "file"
        self._write({h: t for h, t in self._from_file().items() if h != host})
        return "keyring"

    def delete(self, host: str) -> bool:
        """Forget the token for this host everywhere; whether there was one."""
        had = self._deleted_from_keyring(host)
        kept = self._from_file()
        if host in kept:
            self._write({h: t for h, t in kept.items() if h != host})
            return True
        return had

    def _deleted_from_keyring(self, host: str) -> bool:
        try:
            keyring.delete_password(SERVICE, host)
        except PasswordDeleteError:
            return False
        except (KeyringError, RuntimeError, OSError):
            return False
        return True

    def _from_keyring(self, host: str) -> str | None:
        try:
            return keyring.get_password(SERVICE, host)
        except (KeyringError, RuntimeError, OSError) as error:
            log.info("no keyring to read the hub's token from: %s", type(error).__name__)
            return None

    def _from_file(self) -> dict[str, str]:
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=dict[str, str])
        except (OSError, msgspec.MsgspecError):
            return {}

    def _write(self, tokens: dict[str, str]) -> None:
        """The file whole or not at all, mode 0600; none when it would be empty."""
        if not tokens:
            self._file.unlink(missing_ok=True)
            return
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(self._file, msgspec.json.encode(tokens))
