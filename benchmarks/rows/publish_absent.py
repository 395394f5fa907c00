"""What one ``publish`` costs the producer where no daemon runs."""

from __future__ import annotations

import time

import mtv
from benchmarks.bench import Bench
from benchmarks.measures import Amount, Measured, Target
from benchmarks.producer import frames
from benchmarks.row import Row
from benchmarks.rows import feeds


def measure(bench: Bench) -> Measured:
    """Publish after the feed has learnt that there is no daemon."""
    if not bench.with_ours:
        return Measured()
    (frame, *_) = frames(feeds.SMALL_YX if bench.small else feeds.FULL_YX, masked=False)
    with mtv.Feed("feed", endpoint=f"ipc://{bench.directory}/nobody.sock") as feed:
        feed.publish(**frame)
        while feed.error is None:
            time.sleep(0.01)
        count = bench.amount(2_000, 20)
        secs = feeds.timed(lambda: feed.publish(**frame), count)
    return Measured(amount=Amount(1e6 * secs, "us"))


ROW = Row("publish_absent", "publish of 2048x4176 float32 where no daemon runs", Target(most=Amount(50, "us")), measure)
