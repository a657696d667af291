"""The requests for embeddings and rankings that a runner works on: a piece of one in each turn, and turns go round."""

import logging
from collections import deque

from spark_engine.errors import SparkError
from spark_engine.protocol.messages import SequenceEvent, SequenceFinished
from spark_engine.runner.embed_job import EmbedJob
from spark_engine.runner.embed_source import TextSource
from spark_engine.runner.outcomes import failure
from spark_engine.types.embeddings import ReadingRequest

log = logging.getLogger(__name__)


class EmbedQueue:
    """Jobs of one source. A job keeps its turn in the middle of a text, so that only one is ever half read."""

    def __init__(self, source: TextSource) -> None:
        self._source = source
        self._jobs: deque[EmbedJob] = deque()
        self.steps = 0

    def __len__(self) -> int:
        return len(self._jobs)

    @property
    def is_idle(self) -> bool:
        """Whether a step would do nothing."""
        return not self._jobs

    @property
    def tokens(self) -> int:
        """Tokens read so far."""
        return self._source.ration.tokens

    def submit(self, request: ReadingRequest) -> None:
        """Queue a request; its texts are looked at when its turn comes."""
        self._jobs.append(EmbedJob(request, self._source))

    def cancel(self, id: str) -> list[SequenceEvent]:
        """End a request now; nothing when there is no such request."""
        job = next((job for job in self._jobs if job.id == id), None)
        if job is None:
            return []
        self._jobs.remove(job)
        job.close()
        return [job.finished("cancelled")]

    def step(self) -> list[SequenceEvent]:
        """One piece of work and what it completed."""
        if not self._jobs:
            return []
        job = self._jobs[0]
        self.steps += 1
        try:
            events = job.step()
        except Exception as error:  # one odd text must not cost the others
            self._jobs.popleft()
            job.close()
            return [failure(job.id, _known(error))]
        if events:
            self._jobs.rotate(-1)
        if events and isinstance(events[-1], SequenceFinished):
            self._jobs.remove(job)
        return events


def _known(error: Exception) -> SparkError:
    """What happened in words for people; what nobody expected is also logged."""
    if isinstance(error, SparkError):
        return error
    log.error("a text could not be read", exc_info=error)
    return SparkError(
        "embedding_failed",
        "The model failed while reading",
        f"{type(error).__name__}: {str(error)[:400]}",
        "Try again; if it happens again, load the model anew or send shorter texts.",
    )
