"""Carries conversions from Kafka to Pinterest. The way of a record, one file a step:

    stages/source.py      reads          poll, pause and resume, assignments, the commit call
    stages/decoder.py     decodes        wire format, schema id, Avro: record → fields
    stages/mapper.py      maps           fields → event | skipped | invalid
    stages/batcher.py     batches        per ad account: by count, bytes and age
    stages/sink.py        delivers       permits, retries, holds: one verdict per event
    stages/offsets.py     commits        unsettled offsets → what may be committed
    stages/deadletter.py  dead-letters   original bytes and why
    stages/receipts.py    receipts       what was accepted, for auditors; optional

`pipeline.py` joins them and is the file to read first; `app.py` builds the real things around it. What stages hand to
each other stands in `records.py`. Beside them: `books.py` knows what is in hand and what is settled, with `ledger.py`
and `tallies.py`; `reporting.py` tells of it, with `fronts.py`, `gaps.py` and `runway.py`; `watchdog.py` looks after the
thread that does all this; `delivery/` is what the sink decides by; `pinterest/` knows the API and nothing of Kafka;
`mapping/` knows how orders and visits become events; `suppress_list.py` knows whose never do; `registry.py` asks for
schemas and `avro.py` reads by them; `config.py` says what can be set; `cli/` holds the commands. `emulator/` and
`demo/` stand in for the world.
"""

__version__ = "0.1.0"
