"""How engine and runner talk: framed msgpack over the runner's stdin and stdout."""

PROTOCOL_VERSION = 2
