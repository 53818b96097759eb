"""What a mapping can fill: every target, what kind of value it takes, and what happens if its paths vanish.

The target decides what becomes of a value: how it is read, normalised, hashed and written. A mapping cannot say it,
and so cannot forget it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from consumer.pinterest.events import EVENT_NAMES, NEWER_EVENT_NAMES


class Takes(StrEnum):
    """How a value is read for a target."""

    TEXT = "text"
    TEXTS = "one text or several"
    CHOICE = "one of a few words"
    WORD = "a word"
    """What a table is asked for; no target takes it."""
    FLAG = "yes or no"
    COUNT = "a whole number"
    AMOUNT = "an amount of money"
    QUANTITY = "a number"
    TIME = "a time"
    DAY = "a day"


@dataclass(frozen=True, slots=True)
class Target:
    """One thing that a mapping says about a record."""

    section: str
    """Of the mapping file; "" for the top."""
    name: str
    takes: Takes
    is_vital: bool = False
    """Does it feed money, currency, ids, time or consent, or decide to whom an event goes? Records without its paths
    are not guessed at."""
    choices: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """As it stands in messages."""
        return f"{self.section}.{self.name}" if self.section else self.name

    @property
    def feeds(self) -> tuple[str, ...]:
        """The fields of the event that it goes into, or decides; none of what only decides where it goes to."""
        return _FEEDS.get(self.key, (self.key,))


_FEEDS: Mapping[str, tuple[str, ...]] = {
    "event_source_url": ("event_source_url", "user_data.click_id"),
    "landing_url": ("user_data.click_id",),
    "limit_ad_tracking": ("opt_out",),
    "advertiser_tracking_enabled": ("advertiser_tracking_enabled", "opt_out"),
    "event_id.shared": ("event_id",),
    "event_id.own": ("event_id",),
    "routing.merchant_id": (),
    "routing.ad_account_id": (),
    "consent.advertising": ("opt_out", "custom_data.opt_out_type"),
    "consent.global_privacy_control": ("custom_data.opt_out_type",),
    "consent.limited_data_processing": ("custom_data.opt_out_type",),
    "consent.jurisdiction": ("user_data.country", "user_data.st"),
    "user_data.browser_id": ("user_data.external_id",),
    **{
        f"totals.{name}": ("custom_data.value",)
        for name in ("items_gross", "discount", "items_net", "tax", "shipping", "shipping_tax")
    },
    "totals.tax_included": ("custom_data.value", "custom_data.contents.item_price"),
    "lines.id": ("custom_data.content_ids", "custom_data.contents.id"),
    **{
        f"lines.{name}": (f"custom_data.contents.{name}",)
        for name in ("item_name", "item_category", "item_brand", "item_brand_id")
    },
    "lines.quantity": ("custom_data.contents.quantity", "custom_data.num_items"),
    "lines.unit_price": ("custom_data.contents.item_price",),
    "lines.tax": ("custom_data.value", "custom_data.contents.item_price"),
    "lines.type": ("custom_data.contents", "custom_data.value"),
}
"""Where a target is not called as the field of the event that it feeds."""

SKIP = "skip"
"""Instead of a choice: such records are skipped."""

_TOP = (
    Target("", "event_name", Takes.CHOICE, is_vital=True, choices=(*sorted(EVENT_NAMES | NEWER_EVENT_NAMES), SKIP)),
    Target("", "event_time", Takes.TIME, is_vital=True),
    Target(
        "", "action_source", Takes.CHOICE, is_vital=True, choices=("web", "app_ios", "app_android", "offline", SKIP)
    ),
    Target("", "event_source_url", Takes.TEXT),
    Target("", "landing_url", Takes.TEXT),
    Target("", "language", Takes.TEXT),
    Target("", "limit_ad_tracking", Takes.FLAG, is_vital=True),
    Target("", "advertiser_tracking_enabled", Takes.FLAG, is_vital=True),
)
_EVENT_ID = (
    Target("event_id", "shared", Takes.TEXT, is_vital=True),
    Target("event_id", "own", Takes.TEXT, is_vital=True),
)
_ROUTING = (
    Target("routing", "merchant_id", Takes.TEXT, is_vital=True),
    Target("routing", "ad_account_id", Takes.TEXT, is_vital=True),
)
_CONSENT = (
    Target("consent", "advertising", Takes.CHOICE, is_vital=True, choices=("granted", "denied")),
    Target("consent", "global_privacy_control", Takes.FLAG, is_vital=True),
    Target("consent", "limited_data_processing", Takes.FLAG, is_vital=True),
    Target("consent", "jurisdiction", Takes.TEXT, is_vital=True),
)
_USER_DATA = (
    Target("user_data", "em", Takes.TEXTS),
    Target("user_data", "ph", Takes.TEXTS),
    Target("user_data", "fn", Takes.TEXT),
    Target("user_data", "ln", Takes.TEXT),
    Target("user_data", "db", Takes.DAY),
    Target("user_data", "ge", Takes.TEXT),
    Target("user_data", "ct", Takes.TEXT),
    Target("user_data", "st", Takes.TEXT),
    Target("user_data", "zp", Takes.TEXT),
    Target("user_data", "country", Takes.TEXT, is_vital=True),
    Target("user_data", "external_id", Takes.TEXTS),
    Target("user_data", "browser_id", Takes.TEXTS),
    Target("user_data", "partner_id", Takes.TEXT),
    Target("user_data", "client_ip_address", Takes.TEXT),
    Target("user_data", "client_user_agent", Takes.TEXT),
    Target("user_data", "click_id", Takes.TEXT),
    Target("user_data", "hashed_maids", Takes.TEXT),
)
_TOTALS = (
    Target("totals", "items_gross", Takes.AMOUNT, is_vital=True),
    Target("totals", "discount", Takes.AMOUNT, is_vital=True),
    Target("totals", "items_net", Takes.AMOUNT, is_vital=True),
    Target("totals", "tax", Takes.AMOUNT, is_vital=True),
    Target("totals", "tax_included", Takes.FLAG, is_vital=True),
    Target("totals", "shipping", Takes.AMOUNT, is_vital=True),
    Target("totals", "shipping_tax", Takes.AMOUNT, is_vital=True),
)
_CUSTOM_DATA = (
    Target("custom_data", "order_id", Takes.TEXT, is_vital=True),
    Target("custom_data", "currency", Takes.TEXT, is_vital=True),
    Target("custom_data", "value", Takes.AMOUNT, is_vital=True),
    Target("custom_data", "predicted_ltv", Takes.AMOUNT),
    Target("custom_data", "search_string", Takes.TEXT),
    Target("custom_data", "content_name", Takes.TEXT),
    Target("custom_data", "content_category", Takes.TEXT),
    Target("custom_data", "content_brand", Takes.TEXT),
    Target("custom_data", "external_measurement_id", Takes.TEXT),
)
LINE_TYPES = ("product", "bundle_parent", "bundle_child", "gift_card", "fee")
_LINES = (
    Target("lines", "id", Takes.TEXT),
    Target("lines", "item_name", Takes.TEXT),
    Target("lines", "item_category", Takes.TEXT),
    Target("lines", "item_brand", Takes.TEXT),
    Target("lines", "item_brand_id", Takes.TEXT),
    Target("lines", "quantity", Takes.QUANTITY, is_vital=True),
    Target("lines", "unit_price", Takes.AMOUNT, is_vital=True),
    Target("lines", "tax", Takes.AMOUNT, is_vital=True),
    Target("lines", "type", Takes.CHOICE, is_vital=True, choices=LINE_TYPES),
)
_APP_INFO = (
    *(
        Target("app_info", name, Takes.TEXT)
        for name in ("app_id", "app_name", "app_package_name", "app_store", "app_version", "user_agent")
    ),
    *(Target("app_info", name, Takes.COUNT) for name in ("install_time", "window_height", "window_width")),
)
_DEVICE_INFO = (
    *(
        Target("device_info", name, Takes.TEXT)
        for name in (
            "brand", "carrier", "kernel_version", "model", "os_name", "os_release_name", "os_version", "type",
            "locale", "timezone", "timezone_abbr", "os_family", "form_factor", "network_type",
        )
    ),
    *(
        Target("device_info", name, Takes.COUNT)
        for name in (
            "battery_level", "cpu_cores", "screen_density", "screen_height", "screen_width", "storage_size",
            "storage_free_space", "external_storage_size", "external_storage_free_space",
        )
    ),
    Target("device_info", "languages", Takes.TEXTS),
)  # fmt: skip

TARGETS = {
    target.key: target
    for target in (
        *_TOP, *_EVENT_ID, *_ROUTING, *_CONSENT, *_USER_DATA, *_TOTALS, *_CUSTOM_DATA, *_LINES, *_APP_INFO,
        *_DEVICE_INFO,
    )
}  # fmt: skip
"""By key, in the order of the documentation."""

_BESIDE = {"lines": ("each", "where"), "consent": ("not_required",)}
SECTIONS = {
    target.section or target.name: (
        *_BESIDE.get(target.section, ()),
        *(other.name for other in TARGETS.values() if target.section and other.section == target.section),
    )
    for target in TARGETS.values()
}
"""The keys of a mapping file, and those that may stand below each; none below a target at the top."""
