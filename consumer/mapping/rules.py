"""The questions that may keep a record from becoming an event.

They are asked in one order, and the first that says no gives the reason:

1. the mapping's own rules, in the order of its file: rehearsals, bots, what is no conversion, whose business it is not
2. has it a name as an event
3. is it Pinterest's crawler; does its channel count: a mapping's `action_source` may say `skip`
4. where it goes: routing; is that account switched off
5. may it be sent: consent
6. when was it: too far ahead is a dead letter; outside its account's cut-over window, or too old, is skipped
7. has the browser's tag the same id, where it matters

After them the event is built: what is required is checked first, then whether somebody of it is suppressed, last
whether anybody can be recognised by it.
A record in which a field asked for has a wrong type is invalid, whatever the other answers were (`Mapper`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from consumer.config import Config, Events
from consumer.mapping.consent import Permission, Rule, not_asked, permission
from consumer.mapping.cutover import windows_of
from consumer.mapping.facts import Circumstances
from consumer.mapping.routing import Route, Router
from consumer.mapping.targets import SKIP
from consumer.records import DeadLetterReason, Headers, Invalid, Skipped, SkipReason

_BOT_MARK = "pinterestbot"  # in the user agent of Pinterest's crawler; its own extensions skip it as well
_OFFLINE = "offline"
_APPS = frozenset({"app_ios", "app_android"})


@dataclass(slots=True)
class Terms:
    """On which terms a record becomes an event, all questions having been answered with yes."""

    action_source: str
    route: Route
    permission: Permission
    event_time_s: int
    is_opted_out: bool
    """Sent all the same, with `opt_out`: the device limits ad tracking, or consent was denied where that is lawful."""
    lends_advertising_id: bool
    """Does the device let its advertising id be used?"""
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


class Rules:
    """The operator's decisions on what becomes an event, ready for use."""

    def __init__(self, config: Config) -> None:
        self.is_gross = config.events.value_basis == "gross"
        self.needs_shared_id = config.dedup.browser_tag == "present"
        self._max_age_s = config.events.max_age_s
        self._future_tolerance_s = config.events.future_tolerance_s
        self.shape = config.events
        self._allowed = frozenset(config.privacy.fields)
        self._unknown_is_eea = config.privacy.consent_unknown_countries == "eea"
        self._sends_denied = config.privacy.denied == "opt_out"
        self._switched_off = frozenset(name for name, account in config.ad_accounts.items() if account.mode == "off")
        self._windows = windows_of(config.ad_accounts)
        self._router = Router(config.routing)

    def terms(
        self, said: Circumstances, headers: Headers, now_s: float, paths: Mapping[str, str], *, asks_consent: bool
    ) -> Terms | Skipped | Invalid:
        """Questions 3 to 6.

        Args:
            said: What the record says.
            headers: Of its message; one may name the ad account.
            now_s: Unix seconds.
            paths: By target, where the record says so; for messages.
            asks_consent: Has the mapping a rule of consent? Else its author has written down why it needs none.
        """
        if said.user_agent is not None and _BOT_MARK in said.user_agent.lower():
            return Skipped(SkipReason.BOT)
        action_source = said.action_source
        if action_source is None:
            return Invalid((f"{paths['action_source']}: says none of web, app_ios, app_android, offline",))
        if action_source == SKIP:
            return Skipped(SkipReason.CHANNEL_EXCLUDED)
        route = self._router.route(said.merchant_id, said.ad_account_id, headers, paths)
        if not isinstance(route, Route):
            return route
        if route.ad_account_id in self._switched_off:
            return Skipped(SkipReason.ACCOUNT_OFF)
        if asks_consent:
            may = permission(said, unknown_is_eea=self._unknown_is_eea, sends_denied=self._sends_denied)
            if isinstance(may, Skipped):
                return may
        else:
            may = not_asked(said)
        # On iOS the answer to App Tracking Transparency says so as well.
        limits_tracking = bool(said.limit_ad_tracking) or said.advertiser_tracking_enabled is False
        is_limited = limits_tracking and action_source in _APPS
        if is_limited and may.rule is Rule.GRANTED_ONLY:
            return Skipped(SkipReason.NO_CONSENT)  # `opt_out` is no substitute for consent there
        event_time_s = self._event_time(said.event_time_ms, route.ad_account_id, paths["event_time"], now_s)
        if not isinstance(event_time_s, int):
            return event_time_s
        return Terms(
            action_source,
            route,
            may,
            event_time_s,
            is_limited or may.is_opted_out,
            not limits_tracking,
            self.shape,
            self._allowed,
        )

    def _event_time(self, time_ms: int | None, ad_account_id: str, path: str, now_s: float) -> int | Skipped | Invalid:
        if time_ms is None:
            return Invalid((f"{path}: missing or blank, and required",))
        event_time_s = time_ms // 1_000
        now = int(now_s)  # whole seconds all through: a stray huge integer does not fit into a float
        ahead_s = event_time_s - now
        if ahead_s > self._future_tolerance_s:
            problem = f"{path}: further ahead than events.future_tolerance_s ({self._future_tolerance_s} s)"
            return Invalid((problem,), DeadLetterReason.IN_FUTURE)
        # By its own time, not by the time it is sent as: the other integration's window must come to the same answer,
        # and so must we whenever the record is read again.
        window = self._windows.get(ad_account_id)
        if window is not None and not window.holds(time_ms):
            return Skipped(SkipReason.OUTSIDE_CUTOVER)
        if ahead_s < -self._max_age_s:
            return Skipped(SkipReason.TOO_OLD)
        # Pinterest takes no time ahead of its own clock; a shop's clock may run a little fast.
        return min(event_time_s, now)
