"""A small schema of somebody else, its mapping, and a record: what a shop's own order table might look like."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

NAME = "com.acme.OrderPlaced"
SCHEMA: dict[str, Any] = {
    "type": "record",
    "name": "OrderPlaced",
    "namespace": "com.acme",
    "fields": [
        {"name": "number", "type": "long"},
        {"name": "placed", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "mail", "type": ["null", "string"], "default": None},
        {"name": "country", "type": ["null", "string"], "default": None},
        {"name": "optin", "type": ["null", "boolean"], "default": None},
        {"name": "currency", "type": "string"},
        {"name": "goods", "type": {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}},
    ],
}
MAPPING = """\
version: 1
schema: order.avsc
event_name: {constant: checkout}
event_id:
  shared: {template: "acme:{number}"}
event_time: placed
action_source: {constant: web}
consent:
  advertising: {path: optin, table: {"true": granted, "false": denied}}
user_data:
  em: mail
  country: country
custom_data:
  order_id: number
  currency: currency
  value: goods
"""
RECORD: dict[str, Any] = {
    "number": 1001,
    "placed": "2026-11-01T10:00:00Z",
    "mail": "ada@example.com",
    "country": "DE",
    "optin": True,
    "currency": "EUR",
    "goods": "12.30",
}


def write_mapping(directory: Path, text: str = MAPPING, schema: dict[str, Any] | None = None) -> Path:
    """The mapping and its schema, as files; returns the former."""
    (directory / "order.avsc").write_text(json.dumps(schema or SCHEMA), encoding="utf-8")
    file = directory / "order.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def schema_without(*names: str) -> dict[str, Any]:
    """The schema, some of whose fields are gone."""
    return {**SCHEMA, "fields": [field for field in SCHEMA["fields"] if field["name"] not in names]}
