"""What stands around a replay: a topic that remembers it, and, however it ends, how far it went."""

from __future__ import annotations

import sys
from collections.abc import Collection
from datetime import UTC, datetime

from consumer.cli.dlq_plan import LeftOut, Tally
from consumer.cli.dlq_replay import Replay, Stop
from consumer.cli.dlq_summary import counted
from consumer.cli.dlq_topics import LetterTopics
from consumer.cli.dlq_writing import ReplayWriter
from consumer.config import Config
from consumer.errors import ConfigError


def prepare(settings: Config, topics: LetterTopics, *, is_for_real: bool, may_create: bool) -> datetime | None:
    """See to it that the replay topic is there, if something is to be written, and remembers long enough.

    Returns:
        Since when it remembers, if not since ever.
    """
    if topics.has_replay_topic:
        return topics.remembered_from(datetime.now(UTC))
    if is_for_real and may_create:
        topics.create_replay_topic()
    elif is_for_real:
        problem = f"{settings.replay_topic} does not exist: create it with the retention of the dead-letter topics"
        raise ConfigError([f"{problem}, not compacted; or add --create-topic"])
    return None


def write(replay: Replay, writer: ReplayWriter, stop: Stop, *, resume: Collection[tuple[str, int, int]]) -> Tally:
    """Write what was planned, and tell how far it went, whatever happens.

    Args:
        replay: The run.
        writer: To write with.
        stop: Ends it early.
        resume: Topic, partition and first offset of the letters, where nothing remembers what was written.
    """
    is_complete = False
    try:
        tally = replay.write(writer, stop)
        is_complete = not stop.is_asked
    finally:
        print(f"{counted(writer.written)} replayed and acknowledged")
        if writer.too_large:
            print(f"left out: {writer.too_large:,} {LeftOut.TOO_LARGE.value}")
        if not is_complete:
            print(f"conversions: not finished; {_how_to_go_on(replay, resume)}", file=sys.stderr)
    return tally


def _how_to_go_on(replay: Replay, resume: Collection[tuple[str, int, int]]) -> str:
    if not resume:
        return "run the same command again to go on"
    lines = [
        f"conversions:   --dead-letter-topic {topic} --partition {partition} "
        f"--from-offset {replay.progress.next_offset(topic, partition, start)}"
        for topic, partition, start in resume
    ]
    return "\n".join(
        ["nothing remembers what was written, so go on with one run for each of these, options else as before:", *lines]
    )
