"""The request as Pinterest describes it: which keys each object may hold, of which type, within which limits.

Written by hand from the Pinterest API v5 description, 5.23.0, schema `ConversionEvents`, and quick to check:
an object whose keys and types were found right before costs one look into a set.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

JsonObject = dict[str, Any]

AD_ACCOUNT_ID = re.compile(r"\d{1,18}", re.ASCII)  # parameters `path_ad_account_id`, `Pinterest.Lib.AdAccountId`
MAX_EVENTS = 1_000  # `ConversionEvents.data.maxItems`
MAX_SIGNATURES = 10_000  # kept per shape; more would only be made on purpose

_KINDS = {"strings": str, "integers": int, "booleans": bool, "arrays": list, "objects": dict}
_JSON_NAMES = {str: "string", int: "integer", bool: "boolean", list: "array", dict: "object"}


@dataclass(frozen=True, slots=True)
class Shape:
    """The keys of one object and their types. Breaches are told as JSON Schema validators do, without values."""

    types: dict[str, type]
    required: frozenset[str]
    nullable: frozenset[str]
    is_open: bool
    """Unknown keys pass; the description forbids them everywhere but in `user_data`."""
    _right: set[tuple[object, ...]] = field(default_factory=set, init=False, repr=False)
    """Keys and types, in their order, of objects already found right."""

    def breach(self, value: object) -> str | None:
        """The first breach, or None."""
        if type(value) is not dict:
            return "an item is not of type 'object'"
        signature: tuple[object, ...] = (*value, *map(type, value.values()))
        if signature in self._right:
            return None
        if breach := self._first_breach(value):
            return breach
        if len(self._right) < MAX_SIGNATURES:
            self._right.add(signature)
        return None

    def _first_breach(self, value: JsonObject) -> str | None:
        if missing := self.required - value.keys():
            return f"'{min(missing)}' is a required property"
        for name, found in value.items():
            expected = self.types.get(name)
            if expected is None:
                if not self.is_open:
                    return f"Additional properties are not allowed ('{name}' was unexpected)"
            elif type(found) is not expected and not (found is None and name in self.nullable):
                return f"'{name}' is not of type '{_JSON_NAMES[expected]}'"
        return None


@dataclass(frozen=True, slots=True)
class Limits:
    """What is bounded beyond its type, in objects whose types are right."""

    max_lengths: dict[str, int]
    maxima: dict[str, int]
    """Of integers; their minimum is 0."""
    choices: dict[str, frozenset[str]] = field(default_factory=dict)

    def breach(self, value: JsonObject) -> str | None:
        """The first breach, or None."""
        for name, most in self.max_lengths.items():
            if name in value and len(value[name]) > most:
                return f"'{name}' is too long"
        for name, most in self.maxima.items():
            if name in value and not 0 <= value[name] <= most:
                return f"'{name}' is not between 0 and {most}"
        for name, choices in self.choices.items():
            if name in value and value[name] not in choices:
                return f"'{name}' is not one of {sorted(choices)}"
        return None


def _names(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


def _shape(*, required: str = "", is_open: bool = False, **fields: str) -> Shape:
    """`fields`: names by kind, such as `strings` or `nullable_strings`."""
    return Shape(
        types={
            name: _KINDS[kind.removeprefix("nullable_")] for kind, listed in fields.items() for name in listed.split()
        },
        required=_names(required),
        nullable=_names(" ".join(listed for kind, listed in fields.items() if kind.startswith("nullable_"))),
        is_open=is_open,
    )


def _by_limit(limits: dict[int, str]) -> dict[str, int]:
    return {name: limit for limit, listed in limits.items() for name in listed.split()}


REQUEST = _shape(required="data", arrays="data")

HASHED = _names("em ph ge db ln fn ct st zp country external_id hashed_maids")

# The rule that an event needs identity is written as siblings of a `$ref`, and OpenAPI 3.0 ignores these: the
# schema enforces types here and nothing else.
USER_DATA = _shape(
    is_open=True,
    strings="client_ip_address client_user_agent",
    nullable_strings="click_id partner_id",
    arrays=" ".join(HASHED),
)

CUSTOM_DATA = _shape(
    nullable_strings="value currency order_id search_string content_name content_category content_brand "
    "predicted_ltv opt_out_type np external_measurement_id",
    integers="num_items",
    nullable_integers="external_measurement_vendor_id",
    arrays="content_ids contents",
)

APP_INFO = _shape(
    strings="app_id app_name app_package_name app_store app_version user_agent",
    integers="install_time window_height window_width",
)
APP_LIMITS = Limits(
    max_lengths=_by_limit(
        {
            200: "app_id app_name app_package_name",
            100: "app_store app_version",
            16_384: "user_agent",
        }
    ),
    maxima=_by_limit({30_720: "window_height window_width", 2**63 - 1: "install_time"}),
)

DEVICE_INFO = _shape(
    strings="brand carrier form_factor kernel_version locale model network_type os_family os_name "
    "os_release_name os_version timezone timezone_abbr type",
    integers="battery_level cpu_cores external_storage_free_space external_storage_size screen_density "
    "screen_height screen_width storage_free_space storage_size",
    arrays="languages",
)
DEVICE_LIMITS = Limits(
    max_lengths=_by_limit(
        {
            100: "brand carrier kernel_version languages model os_name os_release_name os_version type",
            40: "timezone",
            35: "locale",
            5: "timezone_abbr",
        }
    ),
    maxima=_by_limit(
        {
            100: "battery_level",
            1_152: "cpu_cores",
            30_720: "screen_height screen_width",
            100_000: "screen_density",
            1_048_576: "external_storage_free_space external_storage_size storage_free_space storage_size",
        }
    ),
    choices={
        "form_factor": _names("desktop laptop cellphone tablet smartwatch tv vr console other"),
        "network_type": _names("wifi cellular_2g cellular_3g cellular_4g cellular_5g cellular_6g ethernet unknown"),
        "os_family": _names("ios android macos windows linux bsd other"),
    },
)


@dataclass(frozen=True, slots=True)
class Edition:
    """What changes from one edition of the API to the next."""

    event_names: frozenset[str]
    event: Shape
    content: Shape
    content_limits: Limits


def _event_shape(*, booleans: str) -> Shape:
    return _shape(
        required="event_name action_source event_time event_id user_data",
        strings="event_name action_source event_id",
        nullable_strings="event_source_url partner_name language app_id app_name app_version device_brand "
        "device_carrier device_model device_type os_version",
        integers="event_time",
        booleans=booleans,
        objects="user_data custom_data app_info device_info",
    )


PUBLISHED = Edition(
    event_names=_names(
        "add_payment_info add_to_cart add_to_wishlist app_install checkout custom initiate_checkout lead page_visit "
        "search signup subscribe view_category view_content watch_video"
    ),
    event=_event_shape(booleans="opt_out wifi"),
    content=_shape(strings="id item_name item_category item_brand item_price", integers="quantity"),
    content_limits=Limits(max_lengths={}, maxima={}),
)
"""5.23.0, to the letter."""

# The names are those of Pinterest's guide to tracking conversions, the fields those that Segment sends:
# https://github.com/segmentio/action-destinations/pull/3820
NEWER = Edition(
    event_names=PUBLISHED.event_names
    | _names("app_open contact customize_product find_location schedule start_trial submit_application"),
    event=_event_shape(booleans="opt_out wifi advertiser_tracking_enabled"),
    content=_shape(strings="id item_name item_category item_brand item_brand_id item_price", integers="quantity"),
    content_limits=Limits(max_lengths={"item_brand_id": 64}, maxima={}),
)
"""What live integrations send beside it."""
