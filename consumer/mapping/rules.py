"""The questions that orders and visits share: those that may keep a record from becoming an event.

They are asked in one order, and the first that says no gives the reason:

1. is it a test order; a bot (`client.is_bot`, or Pinterest's own crawler)
2. is it a conversion: an order's status, its transition, its origin; a visit's type
3. does its channel count: MARKETPLACE and IMPORT do not
4. where it goes: routing; is that account switched off
5. may it be sent: consent
6. is it recent: too old is skipped, too far ahead is a dead letter
7. has the browser's tag the same id, where it matters

After them the event is built: what is required is checked before whether anybody can be recognised by it.
A record in which a field asked for has a wrong type is invalid, whatever the other answers were (`Mapper`).
"""

from __future__ import annotations

from dataclasses import dataclass

from consumer.config import Config, Events
from consumer.mapping.consent import Permission, Rule, permission
from consumer.mapping.fields import Fields
from consumer.mapping.routing import Route, Router
from consumer.records import DeadLetterReason, Headers, Invalid, Skipped, SkipReason

_BOT_MARK = "pinterestbot"  # in the user agent of Pinterest's crawler; its own extensions skip it as well
_OFFLINE = "offline"
_APPS = frozenset({"app_ios", "app_android"})
_ACTION_SOURCES = {
    "UNKNOWN": "web",
    "WEB": "web",
    "APP_IOS": "app_ios",
    "APP_ANDROID": "app_android",
    "POS": _OFFLINE,
    "CALL_CENTER": _OFFLINE,
    "MARKETPLACE": None,
    "IMPORT": None,
}
_CHANNELS = frozenset(_ACTION_SOURCES)


@dataclass(slots=True)
class Terms:
    """On which terms a record becomes an event, all questions having been answered with yes."""

    action_source: str
    route: Route
    permission: Permission
    event_time_s: int
    is_opted_out: bool
    """Sent all the same, with `opt_out`: the device limits ad tracking, or consent was denied where that is lawful."""
    shape: Events
    """Which form and names the event takes."""
    allowed: frozenset[str]
    """The fields of `user_data` that may leave."""

    @property
    def is_offline(self) -> bool:
        return self.action_source == _OFFLINE

    @property
    def is_app(self) -> bool:
        return self.action_source in _APPS


def limits_tracking(device: Fields) -> bool:
    """Does it ask not to be tracked for advertising? On iOS the answer to App Tracking Transparency says so as well."""
    return bool(device.flag("limit_ad_tracking")) or device.flag("advertiser_tracking_enabled") is False


class Rules:
    """The operator's decisions on what becomes an event, ready for use."""

    def __init__(self, config: Config) -> None:
        self.checkout_on = config.events.checkout_on
        self.is_gross = config.events.value_basis == "gross"
        self.needs_shared_id = config.dedup.browser_tag == "present"
        self._max_age_s = config.events.max_age_s
        self._future_tolerance_s = config.events.future_tolerance_s
        self.shape = config.events
        self._allowed = frozenset(config.privacy.fields)
        self._unknown_is_eea = config.privacy.consent_unknown_countries == "eea"
        self._sends_denied = config.privacy.denied == "opt_out"
        self._switched_off = frozenset(name for name, account in config.ad_accounts.items() if account.mode == "off")
        self._router = Router(config.routing)

    def exclusion(self, record: Fields, client: Fields) -> Skipped | None:
        """Question 1."""
        if record.flag("is_test"):
            return Skipped(SkipReason.TEST_ORDER)
        user_agent = client.text("user_agent")
        if client.flag("is_bot") or (user_agent is not None and _BOT_MARK in user_agent.lower()):
            return Skipped(SkipReason.BOT)
        return None

    def terms(self, record: Fields, headers: Headers, happened: str, now_s: float) -> Terms | Skipped | Invalid:
        """Questions 3 to 6; `happened` names the field with the time of the event."""
        action_source = _ACTION_SOURCES[record.symbol("channel", _CHANNELS)]
        if action_source is None:
            return Skipped(SkipReason.CHANNEL_EXCLUDED)
        route = self._router.route(record, headers)
        if not isinstance(route, Route):
            return route
        if route.ad_account_id in self._switched_off:
            return Skipped(SkipReason.ACCOUNT_OFF)
        address = record.part("customer").part("address")
        may = permission(record, address, unknown_is_eea=self._unknown_is_eea, sends_denied=self._sends_denied)
        if isinstance(may, Skipped):
            return may
        is_limited = action_source in _APPS and limits_tracking(record.part("device"))
        if is_limited and may.rule is Rule.GRANTED_ONLY:
            return Skipped(SkipReason.NO_CONSENT)  # `opt_out` is no substitute for consent there
        event_time_s = self._event_time(record, happened, now_s)
        if not isinstance(event_time_s, int):
            return event_time_s
        is_opted_out = is_limited or may.is_opted_out
        return Terms(action_source, route, may, event_time_s, is_opted_out, self.shape, self._allowed)

    def _event_time(self, record: Fields, happened: str, now_s: float) -> int | Skipped | Invalid:
        time_ms = record.instant_ms(happened)
        if time_ms is None:
            record.missing(happened)
            return Invalid(())
        event_time_s = time_ms // 1_000
        now = int(now_s)  # whole seconds all through: a stray huge integer does not fit into a float
        ahead_s = event_time_s - now
        if ahead_s > self._future_tolerance_s:
            problem = f"{happened}: further ahead than events.future_tolerance_s ({self._future_tolerance_s} s)"
            return Invalid((problem,), DeadLetterReason.IN_FUTURE)
        if ahead_s < -self._max_age_s:
            return Skipped(SkipReason.TOO_OLD)
        # Pinterest takes no time ahead of its own clock; a shop's clock may run a little fast.
        return min(event_time_s, now)
