"""The names that people give to what a mapping asks for. They are guesses: whoever drafts by them lets them be read."""

from __future__ import annotations

from dataclasses import dataclass

from consumer.mapping.targets import TARGETS, Takes


@dataclass(frozen=True, slots=True)
class Known:
    """By which names one thing goes; all are compared in lower case and without separators, the likeliest first.

    A name may run over several fields: `customer.id` is `customerid`, and `id` below `customer`.
    """

    takes: Takes
    names: tuple[str, ...]
    within: tuple[str, ...] = ()
    """Words that may stand before a name, the likeliest first; besides those of `NEUTRAL`."""
    alone: tuple[str, ...] = ()
    """Names that mean it only with nothing before them."""
    inner: tuple[str, ...] = ()
    """Names that mean it only below one of `within`."""


NEUTRAL = frozenset({
    *("order", "purchase", "sale", "event", "visit", "payload", "data", "body", "record", "message", "content"),
})  # fmt: skip
"""Words that say nothing of whose or which value it is."""

FILLERS = frozenset({"amount", "value", "money", "shop", "set", "units"})
"""Words after the name of an amount that add nothing to it."""

UNITS = {
    **dict.fromkeys(("cent", "cents", "minor", "pence", "penny", "pennies"), "minor"),
    **dict.fromkeys(("micro", "micros"), "micros"),
}
"""Words after the name of an amount that say what its whole numbers count."""

_PERSON = (
    *("customer", "buyer", "shopper", "purchaser", "user", "client", "member", "person", "contact", "account", "guest"),
    *("profile", "details", "info", "address", "billing", "bill", "invoice", "payer", "home"),
    *("shipping", "ship", "delivery", "recipient", "geo", "location"),
)
_BROWSER = (
    *("client", "browser", "visitor", "user", "customer", "request", "session", "context", "http", "web", "details"),
    *("tracking", "marketing", "attribution", "page", "device"),
)
_MONEY = (
    "totals",
    "total",
    "amounts",
    "amount",
    "prices",
    "price",
    "money",
    "transaction",
    "cart",
    "basket",
    "summary",
)
_LINE = ("line", "item", "product", "article", "details", "price", "prices")


def _split(text: str) -> tuple[str, ...]:
    return tuple(text.replace("_", "").split())


def _known(key: str, names: str, within: tuple[str, ...] = (), *, alone: str = "", inner: str = "") -> Known:
    return Known(TARGETS[key].takes, _split(names), within, _split(alone), _split(inner))


_SAID = {
    "event_time": _known(
        "event_time",
        "placed_at order_placed_at ordered_at purchased_at order_date order_time order_ts placed_on order_created_at "
        "created_at created_on created date_created creation_date create_time created_time created_ts created_date "
        "occurred_at happened_at event_time event_timestamp event_ts event_date derived_tstamp timestamp occurred_on",
        ("transaction",),
        alone="placed time ts date",
    ),
    "event_source_url": _known(
        "event_source_url", "page_url event_source_url source_url current_url page_location url href", _BROWSER
    ),
    "landing_url": _known(
        "landing_url", "landing_url landing_site landing_page_url landing_page entry_url", _BROWSER
    ),
    "language": _known("language", "language accept_language browser_language br_lang lang", _BROWSER),
    "limit_ad_tracking": _known("limit_ad_tracking", "limit_ad_tracking", ("device", "app")),
    "advertiser_tracking_enabled": _known(
        "advertiser_tracking_enabled", "advertiser_tracking_enabled", ("device", "app")
    ),
    "event_id.shared": _known(
        "event_id.shared",
        "tag_event_id pinterest_event_id pixel_event_id browser_event_id shared_event_id deduplication_id dedup_id",
        _BROWSER,
    ),
    "event_id.own": _known(
        "event_id.own", "event_id event_uuid message_id msg_id", ("meta", "metadata"), alone="id uuid"
    ),
    "routing.merchant_id": _known(
        "routing.merchant_id",
        "merchant_id merchant_code merchant shop_id shop_code shop store_id store_code store tenant_id tenant",
    ),
    "consent.advertising": _known(
        "consent.advertising",
        "advertising_consent consent_advertising ad_consent ads_consent consent_ads ads_allowed advertising_allowed "
        "advertising ad_storage ads marketing_consent consent_marketing consent_given consent_status consent "
        "has_consent",
        ("consent", "privacy", "customer", "user", "client", "preferences"),
    ),
    "consent.global_privacy_control": _known(
        "consent.global_privacy_control", "global_privacy_control gpc", ("consent", "privacy", "client", "browser")
    ),
    "consent.limited_data_processing": _known(
        "consent.limited_data_processing", "limited_data_processing ldp", ("consent", "privacy", "customer")
    ),
    "consent.jurisdiction": _known("consent.jurisdiction", "jurisdiction", ("consent", "privacy", "customer")),
    "user_data.em": _known(
        "user_data.em", "email email_address e_mail mail emails email_addresses email_hash email_sha256", _PERSON
    ),
    "user_data.ph": _known(
        "user_data.ph",
        "phone phone_number telephone telephone_number mobile mobile_number mobile_phone phones phone_numbers tel",
        _PERSON,
    ),
    "user_data.fn": _known("user_data.fn", "first_name given_name forename fname", _PERSON),
    "user_data.ln": _known("user_data.ln", "last_name family_name surname lname", _PERSON),
    "user_data.db": _known("user_data.db", "birth_date date_of_birth birthdate birthday dob", _PERSON),
    "user_data.ge": _known("user_data.ge", "gender sex", _PERSON),
    "user_data.ct": _known("user_data.ct", "city town locality", _PERSON),
    "user_data.st": _known(
        "user_data.st", "province_code province", _PERSON, inner="state_code state region_code region"
    ),
    "user_data.zp": _known("user_data.zp", "postal_code postcode zip zip_code plz", _PERSON),
    "user_data.country": _known(
        "user_data.country", "country_code country country_iso country_iso_code iso_country country_id", _PERSON
    ),
    "user_data.external_id": _known(
        "user_data.external_id",
        "customer_id customer_number customer_no customer_key user_id buyer_id shopper_id member_id external_id",
        ("customer", "user"),
    ),
    "user_data.browser_id": _known(
        "user_data.browser_id", "anonymous_id visitor_id browser_id domain_userid cookie_id unauth_id", _BROWSER
    ),
    "user_data.partner_id": _known("user_data.partner_id", "partner_id ramp_id", ("customer", "user")),
    "user_data.client_ip_address": _known(
        "user_data.client_ip_address",
        "ip_address client_ip browser_ip user_ip customer_ip client_ip_address user_ip_address ip ip_addr remote_ip "
        "remote_addr remote_address",
        _BROWSER,
    ),
    "user_data.client_user_agent": _known(
        "user_data.client_user_agent", "user_agent client_user_agent browser_user_agent ua", _BROWSER
    ),
    "user_data.click_id": _known(
        "user_data.click_id", "epik pinterest_click_id epik_click_id click_id", ("pinterest", *_BROWSER)
    ),
    "user_data.hashed_maids": _known(
        "user_data.hashed_maids",
        "advertising_id mobile_advertising_id idfa gaid aaid maid",
        ("device", "app", *_BROWSER),
    ),
    "totals.items_gross": _known("totals.items_gross", "items_gross goods_gross total_line_items_price", _MONEY),
    "totals.discount": _known(
        "totals.discount",
        "discount total_discount discount_total discounts total_discounts discounts_total discount_amount",
        _MONEY,
    ),
    "totals.items_net": _known(
        "totals.items_net",
        "items_net subtotal subtotal_price total_subtotal items_total merchandise_total merchandise_subtotal goods_net "
        "products_total lines_total",
        _MONEY,
    ),
    "totals.tax": _known("totals.tax", "tax total_tax tax_total tax_amount taxes vat total_vat vat_total", _MONEY),
    "totals.tax_included": _known(
        "totals.tax_included",
        "tax_included taxes_included prices_include_tax includes_tax vat_included tax_inclusive is_gross",
        _MONEY,
    ),
    "totals.shipping": _known(
        "totals.shipping",
        "shipping total_shipping shipping_total shipping_price total_shipping_price shipping_cost shipping_costs "
        "shipping_fee shipping_amount delivery_fee delivery_cost delivery_costs freight postage",
        _MONEY,
    ),
    "totals.shipping_tax": _known("totals.shipping_tax", "shipping_tax tax_shipping shipping_vat", _MONEY),
    "custom_data.order_id": _known(
        "custom_data.order_id",
        "order_id order_number order_no order_nr order_num order_key order_ref order_reference order_code purchase_id "
        "transaction_id sales_order_id increment_id",
        ("transaction", "checkout"),
        alone="number id name",
    ),
    "custom_data.currency": _known(
        "custom_data.currency",
        "currency currency_code iso_currency currency_iso iso_currency_code order_currency order_currency_code",
        _MONEY,
    ),
    "custom_data.value": _known(
        "custom_data.value",
        "goods goods_total goods_value merchandise_value order_value revenue net_total total_net value total "
        "order_total total_price total_amount order_amount grand_total total_paid gross_total",
        _MONEY,
        alone="amount price",
    ),
    "custom_data.predicted_ltv": _known("custom_data.predicted_ltv", "predicted_ltv", ("customer",)),
    "custom_data.search_string": _known(
        "custom_data.search_string", "search_string search_term search_query search_text search_keyword query", _BROWSER
    ),
    "custom_data.content_name": _known(
        "custom_data.content_name", "content_name page_title product_name video_title", _BROWSER
    ),
    "custom_data.content_category": _known(
        "custom_data.content_category", "content_category page_category product_category category_path category_name",
        _BROWSER,
    ),
    "custom_data.content_brand": _known("custom_data.content_brand", "content_brand product_brand"),
    "custom_data.external_measurement_id": _known("custom_data.external_measurement_id", "external_measurement_id"),
    "lines.id": _known(
        "lines.id", "variant_id product_id sku item_id article_id article_number product_sku", _LINE, alone="id"
    ),
    "lines.item_name": _known("lines.item_name", "product_name item_name name title product_title", _LINE),
    "lines.item_category": _known("lines.item_category", "category category_name category_path product_type", _LINE),
    "lines.item_brand": _known("lines.item_brand", "brand brand_name vendor manufacturer", _LINE),
    "lines.item_brand_id": _known("lines.item_brand_id", "brand_id", _LINE),
    "lines.quantity": _known("lines.quantity", "quantity qty qty_ordered quantity_ordered pieces units count", _LINE),
    "lines.unit_price": _known(
        "lines.unit_price", "unit_price price_per_unit item_price price unit_amount", _LINE
    ),
    "lines.tax": _known("lines.tax", "tax tax_amount total_tax tax_total vat", _LINE),
    "lines.type": _known("lines.type", "line_type item_type type gift_card is_gift_card", _LINE),
}  # fmt: skip


def _of_device(key: str, section: str, name: str) -> Known:
    """Facts of an app or a device, by the API's own names: `device.model`, `device_model`, but not `model` alone."""
    return _known(key, name, (section,)) if name.startswith(section) else _known(key, "", (section,), inner=name)


KNOWN_NAMES = {
    **_SAID,
    **{
        key: _of_device(key, target.section.removesuffix("_info"), target.name)
        for key, target in TARGETS.items()
        if target.section in ("app_info", "device_info")
    },
}
"""Of targets, by key; those of lines stand within one line."""

STATE, STATE_BEFORE, CHANNEL, NEWSLETTER = "state", "state before", "channel", "newsletter"
IS_TEST, IS_BOT, CANCELLED_AT = "test", "bot", "cancelled"

KNOWN_HINTS = {
    STATE: Known(
        Takes.CHOICE,
        _split(
            "status order_status state order_state financial_status payment_status fulfillment_status event_type "
            "event_name type action"
        ),
    ),
    STATE_BEFORE: Known(Takes.CHOICE, _split("previous_status previous_state old_status status_before prior_status")),
    CHANNEL: Known(Takes.CHOICE, _split("channel sales_channel order_channel source_name platform source")),
    IS_TEST: Known(Takes.FLAG, _split("is_test test test_order is_test_order")),
    IS_BOT: Known(Takes.FLAG, _split("is_bot bot"), _BROWSER),
    CANCELLED_AT: Known(Takes.TIME, _split("cancelled_at canceled_at")),
    NEWSLETTER: Known(
        Takes.CHOICE,
        _split("accepts_marketing newsletter newsletter_opt_in email_opt_in opt_in optin subscribed"),
        ("customer", "user", "consent"),
    ),
}
"""Of what is no target, and tells what to write all the same."""

KNOWN_LINES = _split(
    "line_items lines items order_lines order_items positions products product_lines cart_items basket_items articles"
)
"""Of the array of what was bought."""
