"""What a record says and its event does not tell: its grand total, and whether the browser's tag has its id as well."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from consumer.config import Config
from consumer.mapping.catalogue import Catalogue
from consumer.mapping.compiler import Compiled
from consumer.mapping.expressions import Counted, Expression
from consumer.mapping.language import MappingFile
from consumer.mapping.paths import Field, Path
from consumer.mapping.targets import TARGETS, Takes
from consumer.records import Decoded, RecordSchema
from consumer.schemas import mapping_file
from consumer.stages.mapper import Mapper

OF_BUNDLED_ORDERS = "totals.grand_total"

_OF_BUNDLED_ORDERS = Path((Field("totals"), Field("grand_total")), is_optional=True)
_SHARED_ID, _AMOUNT, _CURRENCY = "event_id.shared", "custom_data.value", "custom_data.currency"


@dataclass(frozen=True, slots=True)
class Facts:
    """Of a record that becomes an event."""

    has_shared_id: bool = False
    """Is its event's id one that the tag sends as well?"""
    grand_total: Decimal | None = None
    """What the record itself says that it comes to; None if it does not, or nobody said where."""


NO_FACTS = Facts()


class FactsReader:
    """Asks the mapping of each record for the one, and a path for the other, read as the mapping reads amounts.

    Args:
        settings: With the topic.
        topic: Of the records.
        mapper: Of the same configuration.
        grand_total: Path of the grand total; without one that of bundled orders is known, and no other.
    """

    def __init__(self, settings: Config, topic: str, mapper: Mapper, grand_total: Path | None) -> None:
        self._topic = topic
        self._mapper = mapper
        self._catalogue = Catalogue(settings.topics)
        self._path = grand_total
        self._compiled: dict[RecordSchema | str, Compiled | None] = {}
        self.lacks: dict[str, None] = {}
        """What schemas do not bear out of the path that was given, each once."""

    def of(self, decoded: Decoded) -> Facts:
        """Never raises, and says nothing of what cannot be read."""
        key = decoded.schema or decoded.schema_name
        if key not in self._compiled:
            self._compiled[key] = self._compile(decoded)
        if (compiled := self._compiled[key]) is None:
            return NO_FACTS
        problems: list[str] = []
        record = compiled.enter(decoded.fields, problems)
        matter = compiled.matter(record, decoded.fields, problems)
        return Facts(matter.shared_id is not None, matter.value)

    def _compile(self, decoded: Decoded) -> Compiled | None:
        mapping = self._catalogue.mapping_for(self._topic, decoded.schema_name)
        if not isinstance(mapping, MappingFile):
            return None
        path = self._path
        if path is None and mapping.file == mapping_file("order"):
            path = _OF_BUNDLED_ORDERS
        compiled = self._mapper.compile(_asking(mapping, path), decoded.schema)
        self.lacks |= dict.fromkeys(found.problem for found in compiled.findings if found.target == _AMOUNT)
        return compiled


def _asking(mapping: MappingFile, path: Path | None) -> MappingFile:
    """The mapping with nothing left in it but what is asked here."""
    targets = {key: mapping.targets[key] for key in (_SHARED_ID, _CURRENCY) if key in mapping.targets}
    if path is not None:
        targets[_AMOUNT] = _counted(path, mapping)
    return replace(mapping, targets=targets, skip=(), each=None, where=None)


def _counted(path: Path, mapping: MappingFile) -> Expression:
    """Whole numbers count what they count in the mapping's own amounts, where these agree."""
    units = {
        expression.unit if isinstance(expression, Counted) else None
        for key, expression in mapping.targets.items()
        if TARGETS[key].takes is Takes.AMOUNT
    }
    unit = units.pop() if len(units) == 1 else None
    return path if unit is None else Counted(path, unit)
