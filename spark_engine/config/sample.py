"""Writes a `spark.toml` with every setting commented out at its default."""

from itertools import groupby

import msgspec

from spark_engine.config.schema import SETTINGS, Setting


def sample_toml() -> str:
    """The text of a complete settings file, every line commented out."""
    sections = groupby(SETTINGS, key=lambda s: s.key.partition(".")[0])
    return "\n".join(f"[{name}]\n" + "\n".join(map(_lines, entries)) + "\n" for name, entries in sections)


def _lines(known: Setting) -> str:
    unit = f" ({known.unit})" if known.unit else ""
    value = msgspec.json.encode(known.default).decode()
    return f"# {known.sentence}{unit}\n# {known.key.partition('.')[2]} = {value}"
