"""Schemas as shops might have them, each with other habits of naming, and where a mapping's values stand in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from consumer.avro import WriterSchema, parse_writer_schema
from consumer.mapping.shapes import Shape
from consumer.schemas import read_schema

ROOT = Path(__file__).parents[3]


def optional(schema: Any) -> dict[str, Any]:
    return {"type": ["null", schema], "default": None}


def a_record(type_name: str, **fields: Any) -> dict[str, Any]:
    """Its fields by name: a type, or a type with a default."""
    listed = [
        {"name": field, **(of if isinstance(of, dict) and "default" in of else {"type": of})}
        for field, of in fields.items()
    ]
    return {"type": "record", "name": type_name, "fields": listed}


def an_array(items: Any) -> dict[str, Any]:
    return {"type": "array", "items": items}


def an_enum(type_name: str, *symbols: str) -> dict[str, Any]:
    return {"type": "enum", "name": type_name, "symbols": [*symbols]}


MILLIS = {"type": "long", "logicalType": "timestamp-millis"}

COMMERCE = a_record(
    "CommerceOrder",
    orderNumber="string",
    placedAt=MILLIS,
    orderStatus=an_enum("OrderStatus", "OPEN", "CONFIRMED", "SHIPPED"),
    buyer=optional(
        a_record(
            "Buyer", id="string", contactEmail=optional("string"), mobilePhone=optional("string"), firstName="string"
        )
    ),
    billingAddress=optional(
        a_record("Address", city="string", state="string", postalCode="string", countryCode="string")
    ),
    shippingAddress=optional("Address"),
    lineItems=an_array(
        a_record(
            "LineItem", productId="string", productName="string", qty="int", unitPriceCents="long", taxCents="long"
        )
    ),
    subtotalCents="long",
    taxCents="long",
    shippingCents="long",
    currencyCode="string",
    clientIp=optional("string"),
    userAgent=optional("string"),
    gclid=optional("string"),
    pinterestClickId=optional("string"),
    adConsent="boolean",
    acceptsMarketing="boolean",
)
"""camelCase, records within records, amounts in cents."""

WAREHOUSE = a_record(
    "ORDERS",
    ORDER_ID="long",
    STORE_CODE="string",
    ORDER_TS="long",
    STATUS="string",
    CUSTOMER_EMAIL=optional("string"),
    CUSTOMER_NO="long",
    BILL_COUNTRY=optional("string"),
    SHIP_COUNTRY=optional("string"),
    ORDER_TOTAL="long",
    ISO_CURRENCY="string",
    ADS_CONSENT=optional("string"),
    SUPPORT_EMAIL="string",
)
"""Flat, in capitals, no unit in the names of amounts."""

PAGE_VIEW = a_record(
    "PageView",
    eventId={"type": "string", "logicalType": "uuid"},
    timestamp={"type": "long", "logicalType": "timestamp-micros"},
    pageUrl="string",
    pageTitle=optional("string"),
    visitorId=optional("string"),
    ip="string",
    ua="string",
    epik=optional("string"),
    geoCountry=optional("string"),
    consentStatus=an_enum("ConsentStatus", "UNKNOWN", "YES", "NO"),
)
"""Of a site, with nobody's e-mail address."""

KNOWN: dict[str, dict[str, str]] = {
    "commerce": {
        "event_time": "placedAt",
        "consent.advertising": "adConsent",
        "user_data.em": "buyer.contactEmail",
        "user_data.ph": "buyer.mobilePhone",
        "user_data.fn": "buyer.firstName",
        "user_data.ct": "billingAddress.city",
        "user_data.st": "billingAddress.state",
        "user_data.zp": "billingAddress.postalCode",
        "user_data.country": "billingAddress.countryCode",
        "user_data.external_id": "buyer.id",
        "user_data.client_ip_address": "clientIp",
        "user_data.client_user_agent": "userAgent",
        "user_data.click_id": "pinterestClickId",
        "totals.items_net": "subtotalCents",
        "totals.tax": "taxCents",
        "totals.shipping": "shippingCents",
        "custom_data.order_id": "orderNumber",
        "custom_data.currency": "currencyCode",
        "lines.id": "productId",
        "lines.item_name": "productName",
        "lines.quantity": "qty",
        "lines.unit_price": "unitPriceCents",
        "lines.tax": "taxCents",
    },
    "warehouse": {
        "event_time": "ORDER_TS",
        "routing.merchant_id": "STORE_CODE",
        "consent.advertising": "ADS_CONSENT",
        "user_data.em": "CUSTOMER_EMAIL",
        "user_data.country": "BILL_COUNTRY",
        "user_data.external_id": "CUSTOMER_NO",
        "custom_data.order_id": "ORDER_ID",
        "custom_data.currency": "ISO_CURRENCY",
        "custom_data.value": "ORDER_TOTAL",
    },
    "page view": {
        "event_time": "timestamp",
        "event_source_url": "pageUrl",
        "event_id.own": "eventId",
        "consent.advertising": "consentStatus",
        "user_data.country": "geoCountry",
        "user_data.browser_id": "visitorId",
        "user_data.client_ip_address": "ip",
        "user_data.client_user_agent": "ua",
        "user_data.click_id": "epik",
        "custom_data.content_name": "pageTitle",
    },
    "shopify": {
        "event_time": "created_at",
        "landing_url": "landing_site",
        "language": "client_details.accept_language",
        "event_id.own": "id",
        "user_data.em": "email",
        "user_data.ph": "phone",
        "user_data.fn": "customer.first_name",
        "user_data.ln": "customer.last_name",
        "user_data.ct": "billing_address.city",
        "user_data.st": "billing_address.province_code",
        "user_data.zp": "billing_address.zip",
        "user_data.country": "billing_address.country_code",
        "user_data.external_id": "customer.id",
        "user_data.client_ip_address": "client_details.browser_ip",
        "user_data.client_user_agent": "client_details.user_agent",
        "totals.discount": "total_discounts",
        "totals.items_net": "subtotal_price",
        "totals.tax": "total_tax",
        "totals.tax_included": "taxes_included",
        "totals.shipping": "total_shipping_price_set.shop_money.amount",
        "custom_data.order_id": "id",
        "custom_data.currency": "currency",
        "lines.id": "variant_id",
        "lines.item_name": "title",
        "lines.item_brand": "vendor",
        "lines.quantity": "quantity",
        "lines.unit_price": "price",
        "lines.type": "gift_card",
    },
    "debezium": {
        "event_time": "created_at",
        "event_id.own": "id",
        "routing.merchant_id": "shop",
        "consent.advertising": "ads_allowed",
        "user_data.em": "email",
        "user_data.country": "country",
        "user_data.client_ip_address": "client_ip",
        "user_data.client_user_agent": "user_agent",
        "custom_data.order_id": "id",
        "custom_data.currency": "currency",
        "custom_data.value": "goods_cents",
    },
}
"""By schema, all that is recognised, at the likeliest place."""

SCHEMAS: dict[str, dict[str, Any]] = {
    "commerce": COMMERCE,
    "warehouse": WAREHOUSE,
    "page view": PAGE_VIEW,
    "shopify": read_schema(ROOT / "docs/examples/shopify/order.avsc"),
    "debezium": read_schema(ROOT / "docs/examples/debezium/order.avsc"),
    "order": read_schema(ROOT / "schemas/order.avsc"),
}


def shape_of(schema: dict[str, Any]) -> Shape:
    parsed = parse_writer_schema(schema)
    assert isinstance(parsed, WriterSchema)
    (record,) = parsed.records
    return Shape(record.definition, record.named)
