"""Code for the shop's pages by which Pinterest's tag and this consumer give one action one id.

Source of the tag's calls and event names: Pinterest's help pages on event codes ("Add event codes").
"""

from __future__ import annotations

import json

_SNIPPET = """\
<!-- Place it after Pinterest's base code, which Ads Manager hands out under Conversions. -->
<script>
  // A checkout, once per order, when it is placed. Its id is made of the order's, exactly as the consumer makes it.
  //   order: {{order_id, value, currency, quantity, products: [{{id, name, brand, category, price, quantity}}]}}
  //   value: goods after discount, without shipping, {tax} tax (events.value_basis: {basis})
  function pinterestCheckout(order{merchant_parameter}) {{
    pintrk("track", "checkout", {{
      event_id: {merchant} + ":" + order.order_id + ":checkout",
      order_id: order.order_id,
      value: order.value,
      currency: order.currency,
      order_quantity: order.quantity,
      line_items: (order.products || []).map((product) => ({{
        product_id: product.id,
        product_name: product.name,
        product_brand: product.brand,
        product_category: product.category,
        product_price: product.price,
        product_quantity: product.quantity,
      }})),
    }});
  }}

  // Any other action: {visits}.
  // Hand the id that it returns on to the visit's record on the bus, as client.tag_event_id.
  function pinterestVisit(name, data) {{
    // Not `crypto.randomUUID`, which pages without https do not have.
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    const eventId = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
    pintrk("track", name, {{ ...data, event_id: eventId }});
    return eventId;
  }}
</script>
"""

TAG_EVENTS = ("pagevisit", "viewcategory", "search", "addtocart", "lead", "signup", "watchvideo", "custom")
"""What the tag calls the visits that it reports as well."""


def snippet(*, merchant_id: str | None, is_gross: bool) -> str:
    """HTML to be pasted. Without a merchant's id the page gives it: `pinterestCheckout(order, merchantId)`."""
    return _SNIPPET.format(
        merchant="merchantId" if merchant_id is None else _in_script(merchant_id),
        merchant_parameter=", merchantId" if merchant_id is None else "",
        tax="with" if is_gross else "without",
        basis="gross" if is_gross else "net",
        visits=", ".join(TAG_EVENTS),
    )


def _in_script(text: str) -> str:
    """As a string of JavaScript that cannot end the script it stands in."""
    return json.dumps(text).replace("<", "\\u003c")
