"""The emulator answers as Pinterest's description says, and takes and refuses requests as its schemas do.

The description is OpenAPI 3.0, read as JSON Schema draft 4 with `nullable`. In both, the siblings of a `$ref` mean
nothing: the described need for identity in `user_data` binds no validator, so it must not refuse a request here either.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft4Validator

from consumer.emulator import Emulator, Settings
from consumer.emulator.rules import Refused, read_events
from tests.unit.emulator.builders import ACCOUNT, NOW_S, event_of

DESCRIPTION = json.loads((Path(__file__).parent / "pinterest-openapi-events.json").read_text())
EVENTS = ("post", "/ad_accounts/{ad_account_id}/events")
QUALITY = ("get", "/ad_accounts/{ad_account_id}/conversion_eqs")
REFRESH = ("post", "/oauth/token")
CONVERSION_TOKEN = ("post", "/oauth/conversion_token")
GOOD_TOKEN = "secret"
Json = dict[str, Any]


def with_null(node: Any) -> Any:
    """`nullable: true` in the words of JSON Schema."""
    if isinstance(node, list):
        return [with_null(item) for item in node]
    if not isinstance(node, dict):
        return node
    found = {key: with_null(value) for key, value in node.items() if key != "nullable"}
    if node.get("nullable") is True:
        found["type"] = [node["type"], "null"]
    return found


COMPONENTS = with_null(DESCRIPTION["components"])
SCHEMAS: Json = COMPONENTS["schemas"]


def validator_of(schema: str) -> Draft4Validator:
    return Draft4Validator({"$ref": f"#/components/schemas/{schema}", "components": COMPONENTS})


REQUEST = validator_of("ConversionEvents")
RESPONSE = validator_of("ConversionApiResponse")


def described_answer(status: int, operation: tuple[str, str] = EVENTS) -> Draft4Validator:
    method, path = operation
    responses = DESCRIPTION["paths"][path][method]["responses"]
    response = responses.get(str(status), responses["default"])
    schema = with_null(response["content"]["application/json"]["schema"])
    return Draft4Validator({"allOf": [schema], "components": COMPONENTS})  # beside a `$ref` nothing counts


# --- answers ----------------------------------------------------------------------------------------------


@pytest.fixture
def post_to() -> Iterator[Callable[..., httpx.Response]]:
    with asyncio.Runner() as runner:

        def post(
            body: Any, *, token: str = GOOD_TOKEN, faults: tuple[Json, ...] = (), **changes: Any
        ) -> httpx.Response:
            async def once() -> httpx.Response:
                wanted = Settings(wall_s=lambda: float(NOW_S), tokens=frozenset({GOOD_TOKEN}), **changes)
                async with Emulator(wanted) as emulator, httpx.AsyncClient() as client:
                    emulator.set_faults(list(faults))
                    url = f"{emulator.base_url}/ad_accounts/{ACCOUNT}/events"
                    return await client.post(url, json=body, headers={"Authorization": f"Bearer {token}"})

            return runner.run(once())

        yield post


@pytest.mark.parametrize(
    ("status", "request_of"),
    [
        pytest.param(200, {"body": {"data": [event_of(), event_of()]}}, id="all processed"),
        pytest.param(422, {"body": {"data": [event_of(), event_of(event_name="x")]}}, id="one failed"),
        pytest.param(400, {"body": {"data": []}}, id="refused"),
        pytest.param(401, {"body": {}, "token": "stale"}, id="unknown token"),
        pytest.param(403, {"body": {}, "forbidden": frozenset({ACCOUNT})}, id="forbidden account"),
        pytest.param(429, {"body": {}, "calls_per_minute": 0}, id="too many calls"),
        pytest.param(503, {"body": {}, "faults": ({"kind": "status", "status": 503},)}, id="ramped down"),
        pytest.param(500, {"body": {}, "faults": ({"kind": "status", "status": 500},)}, id="not described by itself"),
    ],
)
def test_answers_have_the_described_shape(
    post_to: Callable[..., httpx.Response], status: int, request_of: Json
) -> None:
    answer = post_to(**request_of)

    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/json"
    described_answer(status).validate(answer.json())


def test_details_of_a_partial_failure_have_the_shape_of_a_success(post_to: Callable[..., httpx.Response]) -> None:
    answer = post_to({"data": [event_of(), event_of(event_name="x")]}).json()

    RESPONSE.validate(answer["details"])
    assert len(answer["details"]["events"]) == answer["details"]["num_events_received"] == 2


FORM = {"grant_type": "refresh_token", "refresh_token": "pinr_first"}
APP = ("1234567", "app-secret")
BEARER = {"Authorization": f"Bearer {GOOD_TOKEN}"}


@pytest.fixture
def call() -> Iterator[Callable[..., httpx.Response]]:
    """One call of a described operation, to an emulator that has accepted two events."""
    with asyncio.Runner() as runner:

        def once(operation: tuple[str, str], account: str = ACCOUNT, **request: Any) -> httpx.Response:
            async def talk() -> httpx.Response:
                wanted = Settings(
                    wall_s=lambda: float(NOW_S),
                    tokens=frozenset({GOOD_TOKEN}),
                    oauth_app=":".join(APP),
                    refresh_token=FORM["refresh_token"],
                    forbidden=frozenset({"549000000009"}),
                )
                async with Emulator(wanted) as emulator, httpx.AsyncClient(base_url=emulator.base_url) as client:
                    seen = {"data": [event_of(), event_of(event_name="lead", action_source="offline")]}
                    await client.post(f"/ad_accounts/{ACCOUNT}/events", json=seen, headers=BEARER)
                    method, path = operation
                    return await client.request(method.upper(), path.format(ad_account_id=account), **request)

            return runner.run(talk())

        yield once


@pytest.mark.parametrize(
    ("operation", "status", "request_of"),
    [
        pytest.param(REFRESH, 200, {"data": FORM, "auth": APP}, id="refreshed"),
        pytest.param(REFRESH, 400, {"data": {}, "auth": APP}, id="no grant"),
        pytest.param(REFRESH, 401, {"data": FORM}, id="no credentials"),
        pytest.param(REFRESH, 401, {"data": FORM | {"refresh_token": "spent"}, "auth": APP}, id="spent"),
        pytest.param(CONVERSION_TOKEN, 200, {"headers": BEARER}, id="conversion token"),
        pytest.param(CONVERSION_TOKEN, 401, {}, id="no access token"),
        pytest.param(QUALITY, 200, {"headers": BEARER, "params": {"lookback_period": "1d"}}, id="quality"),
        pytest.param(
            QUALITY, 200, {"headers": BEARER, "params": {"lookback_period": "1d"}, "account": "1"}, id="no events"
        ),
        pytest.param(QUALITY, 400, {"headers": BEARER}, id="no lookback period"),
        pytest.param(QUALITY, 401, {"params": {"lookback_period": "1d"}}, id="quality without a token"),
        pytest.param(
            QUALITY,
            403,
            {"headers": BEARER, "params": {"lookback_period": "1d"}, "account": "549000000009"},
            id="forbidden account",
        ),
    ],
)
def test_the_other_paths_answer_in_the_described_shape(
    call: Callable[..., httpx.Response], operation: tuple[str, str], status: int, request_of: Json
) -> None:
    answer = call(operation, **request_of)

    assert answer.status_code == status
    described_answer(status, operation).validate(answer.json())


def test_a_score_has_every_described_component_and_nothing_else(call: Callable[..., httpx.Response]) -> None:
    scores = call(QUALITY, headers=BEARER, params={"lookback_period": "14d"}).json()

    assert len(scores) == 2
    for score in scores:
        assert score.keys() == SCHEMAS["EventQualityScore"]["properties"].keys()
        assert score["quality_components"].keys() == SCHEMAS["QualityComponents"]["properties"].keys()
        details = [by_name for component in score["quality_components"].values() for by_name in component.values()]
        assert {key for detail in details for key in detail} <= SCHEMAS["QualityComponentDetails"]["properties"].keys()


def quality_choices() -> Iterator[Any]:
    for name, schema in (
        ("lookback_period", "LookbackPeriodOptions"),
        ("source_platform", "SourcePlatformOptions"),
        ("ingestion_source", "IngestionSourceOptions"),
    ):
        for choice in SCHEMAS[schema]["enum"]:
            yield pytest.param(name, choice, 200, id=choice)
        yield pytest.param(name, "UNHEARD_OF", 400, id=f"no {name}")


@pytest.mark.parametrize(("name", "choice", "status"), list(quality_choices()))
def test_the_score_may_be_asked_for_as_described(
    call: Callable[..., httpx.Response], name: str, choice: str, status: int
) -> None:
    answer = call(QUALITY, headers=BEARER, params={"lookback_period": "1d", name: choice})

    assert answer.status_code == status


@pytest.mark.parametrize("grant_type", SCHEMAS["OauthAccessTokenRequest"]["properties"]["grant_type"]["enum"])
def test_grants_not_served_here_are_told_from_those_that_are_none(
    call: Callable[..., httpx.Response], grant_type: str
) -> None:
    answer = call(REFRESH, data=FORM | {"grant_type": grant_type}, auth=APP)

    assert answer.status_code == (200 if grant_type == "refresh_token" else 400)
    assert "not one of" not in answer.text


# --- requests ---------------------------------------------------------------------------------------------


def is_refused(request: Json) -> bool:
    return isinstance(read_events(json.dumps(request).encode()), Refused)


def resolved(schema: Json) -> Json:
    if "$ref" not in schema:
        return schema
    found: Json = SCHEMAS[schema["$ref"].rsplit("/", 1)[1]]
    return resolved(found)


def words(max_size: int = 8) -> st.SearchStrategy[str]:
    return st.text(alphabet=st.characters(codec="utf-8"), max_size=min(max_size, 8))


def values_of(schema: Json) -> st.SearchStrategy[Any]:
    """Values that the schema allows, as far as its keywords go."""
    schema = resolved(schema)
    if "anyOf" in schema:
        return st.sampled_from(schema["anyOf"]).flatmap(values_of)
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if isinstance(schema["type"], list):
        return st.none() | values_of({**schema, "type": schema["type"][0]})
    match schema["type"]:
        case "string":
            return words(schema.get("maxLength", 8))
        case "integer":
            return st.integers(schema.get("minimum", -(2**63)), schema.get("maximum", 2**63 - 1))
        case "boolean":
            return st.booleans()
        case "array":
            return st.lists(values_of(schema["items"]), min_size=schema.get("minItems", 0), max_size=2)
        case "object":
            required = schema.get("required", [])
            fields = {name: values_of(field) for name, field in schema["properties"].items()}
            return st.fixed_dictionaries(
                {name: fields[name] for name in required},
                optional={name: field for name, field in fields.items() if name not in required},
            )
    raise AssertionError(f"the description uses a type that this test does not know: {schema['type']}")


REQUESTS = values_of({"$ref": "#/components/schemas/ConversionEvents"})
ANYTHING: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 5), st.just(0.5), words(), st.sampled_from([[], [1], ["a"], {}])
)

generated = settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


def places(node: Any) -> Iterator[tuple[Any, Any]]:
    """Every (container, key or index) below `node`."""
    if isinstance(node, dict | list):
        for key, child in list(node.items() if isinstance(node, dict) else enumerate(node)):
            yield node, key
            yield from places(child)


@given(request=REQUESTS)
@generated
def test_takes_every_request_that_the_schema_allows(request: Json) -> None:
    REQUEST.validate(request)

    assert not is_refused(request)


@given(request=REQUESTS, data=st.data())
@generated
def test_refuses_exactly_the_damaged_requests_that_the_schema_refuses(request: Json, data: st.DataObject) -> None:
    container, key = data.draw(st.sampled_from(list(places(request))), label="place")
    match data.draw(st.sampled_from(["replace", "remove", "add"]), label="damage"):
        case "replace":
            container[key] = data.draw(ANYTHING, label="by")
        case "remove":
            del container[key]
        case "add" if isinstance(container[key], dict):
            container[key]["unheard_of"] = 1

    assert is_refused(request) == (not REQUEST.is_valid(request))


def bounded_fields() -> Iterator[Any]:
    for name, schema in (("app_info", "ConversionEventAppInfo"), ("device_info", "ConversionEventDeviceInfo")):
        for field, rules in SCHEMAS[schema]["properties"].items():
            if "maxLength" in rules:
                edge = "x" * rules["maxLength"]
                yield pytest.param(name, field, edge, edge + "x", id=f"{field} is too long")
            if "maximum" in rules:
                yield pytest.param(name, field, rules["maximum"], rules["maximum"] + 1, id=f"{field} is too high")
            if "minimum" in rules:
                yield pytest.param(name, field, rules["minimum"], rules["minimum"] - 1, id=f"{field} is too low")
            if "maxItems" in rules:
                edge_list = ["en"] * rules["maxItems"]
                yield pytest.param(name, field, edge_list, [*edge_list, "en"], id=f"{field} has too many")


@pytest.mark.parametrize(("name", "field", "edge", "beyond"), list(bounded_fields()))
def test_keeps_to_every_described_bound(name: str, field: str, edge: Any, beyond: Any) -> None:
    for value, is_valid in ((edge, True), (beyond, False)):
        request = {"data": [{**event_of(), name: {field: value}}]}
        assert REQUEST.is_valid(request) is is_valid
        assert is_refused(request) is not is_valid


@pytest.mark.parametrize(("events", "is_valid"), [(0, False), (1, True), (1_000, True), (1_001, False)])
def test_keeps_to_the_described_number_of_events(events: int, is_valid: bool) -> None:  # noqa: FBT001
    request = {"data": [event_of()] * events}

    assert REQUEST.is_valid(request) is is_valid
    assert is_refused(request) is not is_valid


def test_missing_identity_fails_an_event_and_refuses_no_request(post_to: Callable[..., httpx.Response]) -> None:
    request = {"data": [event_of(user_data={"click_id": "c"})]}

    assert REQUEST.is_valid(request)
    assert post_to(request).status_code == 422
