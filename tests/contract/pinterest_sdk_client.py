"""Does one thing with Pinterest's own Python SDK, as told on standard input; prints what the SDK made of the answer.

A program of its own: on import the SDK walks through everything beside the working directory, takes any `config.json`
there for its configuration, and reads `.env`. So it is run where there is nothing.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from openapi_generated.pinterest_client.exceptions import ApiException  # type: ignore[import-untyped]
from openapi_generated.pinterest_client.model.conversion_events_custom_data_contents import (  # type: ignore[import-untyped]
    ConversionEventsCustomDataContents,
)
from pinterest.ads.conversion_events import Conversion  # type: ignore[import-untyped]
from pinterest.client import PinterestSDKClient  # type: ignore[import-untyped]
from pinterest.utils.sdk_exceptions import SdkException  # type: ignore[import-untyped]

Json = dict[str, Any]


def event_of(given: Json) -> Any:
    custom = dict(given["custom_data"])
    if "contents" in custom:
        custom["contents"] = [ConversionEventsCustomDataContents(**content) for content in custom["contents"]]
    return Conversion.create_conversion_event(**{**given, "custom_data": custom})


def send(client: Any, asked: Json) -> Json:
    answer = Conversion.send_conversion_events(
        ad_account_id=asked["ad_account_id"],
        conversion_events=[event_of(event) for event in asked["events"]],
        test=asked["test"],
        client=client,
    )
    understood: Json = answer.to_dict()
    return understood


def act(asked: Json) -> Json:
    credentials = asked["credentials"]
    if "access_token" in credentials:
        client = PinterestSDKClient.create_client_with_token(**credentials)
    else:
        client = PinterestSDKClient.create_client_with_refresh_token(**credentials)
    return {"understood": send(client, asked)}


if __name__ == "__main__":
    try:
        told = act(json.load(sys.stdin))
    except (ApiException, SdkException) as error:
        body = error.body.decode() if isinstance(error.body, bytes) else error.body
        told = {"raised": type(error).__name__, "status": error.status, "body": body}
    json.dump(told, sys.stdout)
