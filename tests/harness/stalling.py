"""The consumer whose control thread comes to a standstill at the first record: `python -m tests.harness.stalling run`.

As in earnest the watchdog waits a minute, which no test wants to; here it waits a second.
"""

from __future__ import annotations

import threading
from functools import partial

from consumer import app
from consumer.cli import main
from consumer.stages.decoder import Decoder
from consumer.watchdog import Watchdog


def stand_still(*_: object) -> None:
    threading.Event().wait()


if __name__ == "__main__":
    setattr(Decoder, "decode", stand_still)  # noqa: B010
    setattr(app, "Watchdog", partial(Watchdog, turn_within_s=1.0))  # noqa: B010
    main()
