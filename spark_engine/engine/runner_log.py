"""Passes on what runners say on stderr: their log records as what they are, anything else for debugging only."""

import logging

from spark_engine.life.log_lines import parse_head

log = logging.getLogger(__name__)


def pass_on(variant: str, line: str) -> None:
    """Log a line of a runner's stderr under the runner's variant. A record keeps its level; the lines below it, as a
    traceback's, and what native libraries print may hold anything and are kept for debugging."""
    head = parse_head(line)
    level = logging.DEBUG if head is None else logging.getLevelName(head.level.upper())
    text = line if head is None else f"{head.source}: {head.text}"
    logging.getLogger(variant).log(level, "%s", text, extra={"part": "runner"})
