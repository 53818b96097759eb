"""Sample records that Pinterest must get: orders and visits with nothing wrong about them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

from consumer.demo.baskets import Basket
from consumer.demo.samples import ACCEPTED, Fields, Headers, Sample, Scene

ORDER_CHANNELS = ("WEB",) * 14 + ("APP_IOS",) * 2 + ("APP_ANDROID",) * 2 + ("POS", "CALL_CENTER")
OFFLINE_CHANNELS = frozenset({"POS", "CALL_CENTER"})
APP_CHANNELS = frozenset({"APP_IOS", "APP_ANDROID"})

VISIT_TYPES = (
    *("PAGE_VISIT",) * 14,
    *("VIEW_CONTENT",) * 12,
    *("VIEW_CATEGORY",) * 5,
    *("SEARCH",) * 4,
    *("ADD_TO_CART",) * 4,
    *("ADD_TO_WISHLIST",) * 2,
    *("INITIATE_CHECKOUT",) * 2,
    *("ADD_PAYMENT_INFO", "LEAD", "SIGNUP", "SUBSCRIBE", "WATCH_VIDEO", "APP_INSTALL", "CUSTOM"),
)

_STATUS_BEFORE = {"PLACED": "CREATED", "AUTHORIZED": "PLACED", "PAID": "AUTHORIZED", "FULFILLED": "PAID"}

# Neither address nor browser of the shopper: nothing of it may reach Pinterest.
_TILL: Fields = {"ip_address": "192.0.2.1", "user_agent": "ExampleTill/3.1"}


def key_of_order(fields: Fields) -> bytes:
    """One key per order, so that its states keep their order and a compacted topic keeps the last."""
    return f"{fields.get('merchant_id') or ''}:{fields.get('order_id') or ''}".encode()


def key_of_visit(fields: Fields) -> bytes:
    """One key per visit: compaction must lose none."""
    return f"{fields.get('merchant_id') or ''}:{fields.get('event_id') or ''}".encode()


def checkout_event_id(fields: Fields) -> str:
    """The id that the bundled mapping gives an order's event."""
    return f"{fields['merchant_id']}:{fields['order_id']}:checkout"


def make_order(scene: Scene, *, topic: str, merchant: str, number: int) -> Sample:
    """An order just come into the state that makes a checkout."""
    chance, status = scene.chance, scene.rules.checkout_on
    shopper = scene.draw_shopper()
    basket = scene.draw_basket(shopper)
    channel = ORDER_CHANNELS[int(chance.random() * len(ORDER_CHANNELS))]
    is_app = channel in APP_CHANNELS
    if is_app:
        channel = shopper.app_channel
    placed_at = scene.draw_recent_time()
    order_id = f"{scene.run}-{number}"
    fields: Fields = {
        "event_id": f"order-{order_id}",
        "occurred_at": placed_at + timedelta(milliseconds=400),
        "placed_at": placed_at,
        "paid_at": placed_at if status in {"PAID", "FULFILLED"} else None,
        "merchant_id": merchant,
        "order_id": order_id,
        "revision": 1,
        "status": status,
        "previous_status": _STATUS_BEFORE[status] if chance.random() < 0.5 else None,
        "origin": "NEW" if chance.random() < 0.8 else None,
        "channel": channel,
        "currency": basket.currency,
        "totals": basket.totals,
        "lines": basket.lines,
        "customer": shopper.customer,
        "client": _order_client(channel, shopper.client, order_id, carries_email=chance.random() < 0.2),
        "app": shopper.app if is_app else None,
        "device": shopper.device if is_app else None,
        "consent": shopper.consent,
        "predicted_ltv": basket.goods_value * 3 if number % 7 == 0 else None,
    }
    return Sample(topic, key_of_order(fields), _headers(scene), fields, checkout_event_id(fields), ACCEPTED)


def make_visit(scene: Scene, *, topic: str, merchant: str, number: int, visit_type: str) -> Sample:
    """A visit of the given type, with the tag's id if it happened in a browser that the tag runs in."""
    shopper = scene.draw_shopper()
    basket = scene.draw_basket(shopper)
    is_app = visit_type == "APP_INSTALL" or scene.chance.random() < 0.15
    bus_id = f"visit-{scene.run}-{number}"
    tag_id = f"tag-{scene.run}-{number}" if scene.rules.has_browser_tag and not is_app else None
    fields: Fields = {
        "event_id": bus_id,
        "occurred_at": scene.draw_recent_time(),
        "merchant_id": merchant,
        "type": visit_type,
        "channel": shopper.app_channel if is_app else "WEB",
        "page": None if is_app else {"url": f"https://www.example.com/page/{number % 97}", "title": "Example"},
        "customer": shopper.customer if shopper.is_logged_in else None,
        "client": shopper.client if tag_id is None else {**shopper.client, "tag_event_id": tag_id},
        "app": shopper.app if is_app else None,
        "device": shopper.device if is_app else None,
        "consent": shopper.consent,
    }
    if add_details := _DETAILS.get(visit_type):
        add_details(fields, basket)
    return Sample(topic, key_of_visit(fields), _headers(scene), fields, tag_id or bus_id, ACCEPTED)


def _order_client(channel: str, client: Fields, order_id: str, *, carries_email: bool) -> Fields:
    if channel in OFFLINE_CHANNELS:
        return _TILL
    if channel in APP_CHANNELS:
        return client
    # Some shops put the address into the URL; it has to be cleaned away.
    extra = "&email=shopper%40example.com" if carries_email else ""
    return {**client, "page_url": f"https://www.example.com/thank-you?order={order_id}{extra}"}


def _headers(scene: Scene) -> Headers:
    """A trace of the producer's own. Source: W3C Trace Context, `traceparent`."""
    bits = scene.chance.getrandbits(192) | 1 | 1 << 64  # neither id may be all zero
    digits = f"{bits:048x}"
    return [("traceparent", f"00-{digits[:32]}-{digits[32:]}-01".encode()), ("producer", b"sample-shop")]


def _add_product(fields: Fields, basket: Basket) -> None:
    fields["products"] = basket.first_line
    line = basket.first_line[0]
    fields["value"] = line["unit_price"]
    fields["currency"] = basket.currency


def _add_cart(fields: Fields, basket: Basket) -> None:
    fields["products"] = basket.lines
    fields["value"] = basket.goods_value
    fields["currency"] = basket.currency


def _add_category(fields: Fields, basket: Basket) -> None:
    path = basket.first_line[0]["category"]
    fields["category"] = {"name": path.rpartition(" > ")[2], "path": path}


def _add_search(fields: Fields, basket: Basket) -> None:
    fields["search"] = {"term": basket.first_line[0]["name"].lower(), "result_count": len(basket.lines)}


def _add_video(fields: Fields, basket: Basket) -> None:
    title = f"How to love your {basket.first_line[0]['name'].lower()}"
    fields["video"] = {"id": "video-1", "title": title, "duration_s": 90, "position_s": 45, "percent": 50}


def _add_lead(fields: Fields, _basket: Basket) -> None:
    fields["lead"] = {"type": "newsletter", "form_id": "footer"}


_DETAILS: Mapping[str, Callable[[Fields, Basket], None]] = {
    "VIEW_CONTENT": _add_product,
    "VIEW_CATEGORY": _add_category,
    "SEARCH": _add_search,
    "ADD_TO_CART": _add_product,
    "ADD_TO_WISHLIST": _add_product,
    "INITIATE_CHECKOUT": _add_cart,
    "ADD_PAYMENT_INFO": _add_cart,
    "LEAD": _add_lead,
    "SUBSCRIBE": _add_lead,
    "WATCH_VIDEO": _add_video,
}
