"""Writers' schemas that the mapping of their records does not fit: some hold their partitions, others cost a field."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from structlog.testing import capture_logs

from consumer.avro_json import from_json
from consumer.config import Config
from consumer.records import Assignment, HoldCause, SchemaRef
from consumer.registry_answers import SchemaFound
from consumer.schemas import Encoder
from tests.unit.mapping.foreign import MAPPING, NAME, RECORD, SCHEMA, schema_without, write_mapping
from tests.unit.stages.builders import assignment_of
from tests.unit.test_pipeline import CONFIG, SCHEMA_ID, Rig
from tests.unit.test_whereabouts import front_of


class ForeignRig(Rig):
    """A topic of somebody else's orders, and what their writer's schema lacks."""

    def __init__(self, directory: Path, *lacking: str, mapping: str = MAPPING) -> None:
        file = write_mapping(directory, mapping)
        super().__init__(Config.model_validate({**CONFIG.model_dump(), "topics": {"orders": {"mapping": str(file)}}}))
        self._schema = schema_without(*lacking)
        self._lacking = lacking
        self.inbox.put(SchemaFound(SchemaRef(SCHEMA_ID), self._schema))

    def give_order(self, assignment: Assignment, offset: int) -> None:
        placed = datetime.fromtimestamp(self.clock.wall_s() - 60, UTC).isoformat()
        values = RECORD | {"placed": placed, "number": offset}
        fields = from_json(self._schema, {name: value for name, value in values.items() if name not in self._lacking})
        self.give_bytes(assignment, offset, Encoder(self._schema, schema_id=SCHEMA_ID).encode(fields))


def test_without_a_vital_field_the_partition_is_held_and_nothing_is_settled(tmp_path: Path) -> None:
    rig, orders, others = ForeignRig(tmp_path, "goods"), assignment_of(0), assignment_of(1)
    rig.assign(orders, others, knows_schema=False)
    with capture_logs() as lines:
        for offset in range(3):
            rig.give_order(orders, offset)
        rig.turn(3)

    assert rig.source.paused_now == {orders}
    assert rig.source.last_commit(orders) == 0
    assert (rig.letters.sent, rig.world.requests) == ([], [])
    assert rig.pipeline.snapshot.holds == {HoldCause.SCHEMA_INCOMPATIBLE: 1}
    (said,) = [line for line in lines if line["event"] == "schema_incompatible"]
    assert (said["topic"], said["record"], said["log_level"]) == ("orders", NAME, "error")
    assert said["problems"] == [
        "custom_data.value: goods: the schema has no such field; it has number, placed, mail, country, optin, currency"
    ]
    assert front_of(rig)["because"] == "schema_incompatible"


def test_when_the_partition_leaves_the_next_owner_reads_its_records_again(tmp_path: Path) -> None:
    rig, orders = ForeignRig(tmp_path, "goods"), assignment_of(0)
    rig.assign(orders, knows_schema=False)
    for offset in range(3):
        rig.give_order(orders, offset)
    rig.turn()

    rig.pipeline.revoked([orders])

    assert rig.source.last_commit(orders) == 0
    assert rig.pipeline.snapshot.holds == {}
    assert rig.ledger["total"]["abandoned"] == 3


def test_without_another_field_events_go_on_and_it_is_told_once(tmp_path: Path) -> None:
    rig = ForeignRig(tmp_path, mapping=MAPPING.replace("  em: mail", "  em: mail\n  ph: phone"))
    orders = assignment_of(0)
    rig.assign(orders, knows_schema=False)
    with capture_logs() as lines:
        for offset in range(3):
            rig.give_order(orders, offset)
        rig.turn(3)

    assert [len(batch.events) for batch in rig.world.requests] == [3]
    (said,) = [line for line in lines if line["event"] == "schema_lacks_field"]
    assert (said["topic"], said["record"], said["log_level"]) == ("orders", NAME, "error")
    assert rig.pipeline.snapshot.tallies.lacks == {"orders": 1}


def test_a_record_of_another_schema_is_not_held_by_it(tmp_path: Path) -> None:
    rig, orders = ForeignRig(tmp_path, "goods"), assignment_of(0)
    rig.assign(orders, knows_schema=False)
    rig.inbox.put(SchemaFound(SchemaRef(8), SCHEMA))
    rig.give_order(orders, 0)
    whole: dict[str, Any] = RECORD | {"placed": datetime.fromtimestamp(rig.clock.wall_s() - 60, UTC).isoformat()}
    rig.give_bytes(orders, 1, Encoder(SCHEMA, schema_id=8).encode(from_json(SCHEMA, whole)))
    rig.turn(3)

    (batch,) = rig.world.requests
    rig.answer(batch)
    rig.turn()

    assert [event.record.offset for event in batch.events] == [1]
    assert rig.source.last_commit(orders) == 0
    assert rig.ledger["total"]["accepted"] == 1
