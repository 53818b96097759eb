"""The guards of the delivery promises, each with the tests that miss it. Changed code changes its entry here."""

from __future__ import annotations

from tests.mutation.guard import Guard

PIPELINE = "tests/unit/test_pipeline.py"
ISOLATION = "tests/unit/test_pipeline_isolation.py"
OFFSETS = "tests/unit/stages/test_offsets.py"
SOURCE = "tests/integration/test_source.py"
BATCHER = "tests/unit/stages/test_batcher.py"
SINK = "tests/unit/stages/test_sink"
PARKING = "tests/unit/delivery/test_parking.py"
ANSWERS = "tests/unit/pinterest/test_answers.py"
SETTINGS = "tests/unit/test_kafka_settings.py"

COMMITS = (
    Guard(
        "the commit stops at the lowest unsettled offset",
        "P1",
        "consumer/stages/offsets.py",
        "return order[0] if order else self.next_offset",
        "return self.next_offset",
        (
            f"{OFFSETS}::test_commits_stop_at_the_first_unsettled_offset",
            f"{PIPELINE}::test_nothing_is_committed_before_its_verdict_and_everything_after",
        ),
    ),
    Guard(
        "what is abandoned is never committed past",
        "P1",
        "consumer/stages/offsets.py",
        "        self._abandoned.add(offset)\n",
        "        del self._unsettled[offset]\n",
        (f"{PIPELINE}::test_what_is_to_be_tried_again_is_abandoned_with_its_partition",),
    ),
    Guard(
        "a record settled twice is a broken contract",
        "P1",
        "consumer/stages/offsets.py",
        'raise ContractError(f"offset {offset} was settled but is not in hand")',
        "return",
        (f"{OFFSETS}::test_settling_what_is_not_in_hand_is_a_broken_contract",),
    ),
    Guard(
        "a letter settles its record only once the brokers have it",
        "P1",
        "consumer/pipeline.py",
        "            self._dead_letters.send(letter)\n",
        "            self._books.dead_lettered(letter.record, letter.reason)\n",
        (f"{PIPELINE}::test_a_letter_settles_its_record_only_when_acknowledged",),
    ),
    Guard(
        "a letter that the broker refuses is not safe",
        "P1",
        "consumer/acknowledged.py",
        "        if error is not None:\n            self._refused(lane, item, error)\n            return\n",
        "",
        ("tests/integration/test_dead_letters.py::test_without_its_topic_nothing_is_committed_past_a_failed_record",),
    ),
    Guard(
        "a letter or receipt that is given up is not safe",
        "P1",
        "consumer/acknowledged.py",
        "            self._given_up.append(item)\n",
        "            self._safe.append(item)\n",
        (
            "tests/unit/test_acknowledged.py::test_what_is_refused_after_its_assignment_has_ended_is_not_tried_again",
            "tests/unit/stages/test_deadletter.py::test_a_letter_whose_assignment_has_ended_is_given_up_and_not_written",
        ),
    ),
    Guard(
        "a receipt is acknowledged before its record is settled",
        "P1",
        "consumer/pipeline.py",
        "            self._receipts.send(Receipt(event, self._clock.wall_s(), has_warning))\n",
        "            self._books.accepted(event, self._clock.wall_s())\n",
        (
            "tests/unit/test_pipeline_receipts.py::test_nothing_is_committed_before_its_receipt_is_acknowledged_and_everything_after",
        ),
    ),
    Guard(
        "what cannot be committed is read no further",
        "P3",
        "consumer/pipeline.py",
        " | self._source.overdue()\n",
        "\n",
        ("tests/unit/test_pipeline_isolation.py::test_a_partition_that_cannot_be_committed_is_read_no_further",),
    ),
    Guard(
        "messages and letters are written with acks=all",
        "P1",
        "consumer/kafka_settings.py",
        '"acks": "all"',
        '"acks": "1"',
        (f"{SETTINGS}::test_a_letter_is_acknowledged_by_every_replica_and_written_once",),
    ),
    Guard(
        "the client commits nothing by itself, and a missing position is no reset",
        "P1",
        "consumer/kafka_settings.py",
        '"auto.offset.reset": "error"',
        '"auto.offset.reset": "latest"',
        (f"{SETTINGS}::test_offsets_are_ours_alone_and_a_missing_position_is_no_reset",),
    ),
    Guard(
        "an exception in a callback does not leave it, as that would destroy messages",
        "P1",
        "consumer/stages/source.py",
        "            self._failure = self._failure or failure\n",
        "            raise\n",
        (f"{SOURCE}::test_a_failing_callback_destroys_nothing_silently",),
    ),
    Guard(
        "where records seem to be missing, reading begins again",
        "P1",
        "consumer/stages/source.py",
        "live.rereads >= _REREADS or",
        "True or",
        (
            f"{SOURCE}::test_what_the_client_loses_on_the_way_is_read_again",
            f"{SOURCE}::test_a_client_that_begins_in_the_wrong_place_is_made_to_begin_again",
        ),
    ),
    Guard(
        "what was fetched before reading began again is not counted",
        "P1",
        "consumer/stages/source.py",
        "        if assignment in self._begun_again:\n            return True\n",
        "",
        (f"{SOURCE}::test_what_the_client_loses_on_the_way_is_read_again",),
    ),
    Guard(
        "a partition without a position is assigned where nobody has to be asked",
        "P1",
        "consumer/stages/source.py",
        "_NOWHERE = 2**62",
        "_NOWHERE = -1",
        (f"{SOURCE}::test_a_partition_without_a_position_is_never_assigned_where_the_broker_has_to_be_asked",),
    ),
    Guard(
        "an exception in a callback is not forgotten either",
        "P1",
        "consumer/stages/source.py",
        "            self._failure = self._failure or failure\n",
        "            del failure\n",
        (f"{SOURCE}::test_a_failing_callback_destroys_nothing_silently",),
    ),
    Guard(
        "a defect in a request stops the run",
        "P1",
        "consumer/pipeline.py",
        'raise FatalError("a request ended in a defect of ours") from failure',
        "del failure",
        (f"{PIPELINE}::test_a_defect_in_a_request_stops_the_run",),
    ),
)

FENCES = (
    Guard(
        "a verdict that comes after its assignment ended changes nothing",
        "P2",
        "consumer/records.py",
        "@dataclass(frozen=True, eq=False, slots=True)\nclass Assignment:",
        "@dataclass(frozen=True, slots=True)\nclass Assignment:",
        (f"{PIPELINE}::test_a_lost_partition_is_never_committed_again_and_late_verdicts_change_nothing",),
    ),
    Guard(
        "after a loss nothing is committed",
        "P2",
        "consumer/pipeline.py",
        "        self._let_go(lost)\n        self._end(lost)\n",
        "        self._hand_over(lost)\n",
        (f"{PIPELINE}::test_a_lost_partition_is_never_committed_again_and_late_verdicts_change_nothing",),
    ),
    Guard(
        "nothing is committed for an assignment that is no longer ours",
        "P2",
        "consumer/stages/source.py",
        "            if live is None or live.assignment is not point.assignment:\n                continue\n",
        "            if live is None:\n                continue\n",
        (f"{SOURCE}::test_a_commit_for_an_assignment_that_ended_is_not_made",),
    ),
    Guard(
        "a commit never goes back",
        "P2",
        "consumer/stages/source.py",
        'raise FatalError(f"{point.assignment}: a commit of {point.offset} would go back")',
        "pass",
        (f"{SOURCE}::test_a_commit_never_goes_back",),
    ),
    Guard(
        "events of an assignment that is about to leave are not sent again",
        "P2",
        "consumer/stages/sink.py",
        "kept, gone = _split(batch, lambda event: self._is_live(event.record.assignment))",
        "kept, gone = _split(batch, lambda event: True)",
        (f"{SINK}.py::test_what_would_be_sent_again_is_given_up_if_it_is_no_longer_ours",),
    ),
    Guard(
        "after a failure the group is left without a word about offsets",
        "P2",
        "consumer/pipeline.py",
        "        if self._is_broken:\n            return\n",
        "",
        (f"{PIPELINE}::test_a_run_that_gave_up_commits_nothing_when_it_leaves",),
    ),
)

FEW_REPEATS = (
    Guard(
        "a hand-over waits for what is under way",
        "P3",
        "consumer/pipeline.py",
        "        while self._is_under_way(leaving) and",
        "        while False and",
        (f"{PIPELINE}::test_a_revoked_partition_waits_for_its_request_and_commits_what_came_of_it",),
    ),
    Guard(
        "what a former owner had settled above its commit is not sent again",
        "P3",
        "consumer/stages/offsets.py",
        "        return bool(carried) and offset >= carried[0].start\n",
        "        return False\n",
        (
            f"{OFFSETS}::test_an_offset_that_an_earlier_owner_settled_is_known_again",
            f"{PIPELINE}::test_what_a_former_owner_had_settled_above_its_commit_is_not_sent_again",
        ),
    ),
    Guard(
        "a map that changed alone is committed although the front stands still",
        "P3",
        "consumer/stages/source.py",
        "        if remapped:\n            self._ask(remapped)\n",
        "",
        (f"{SOURCE}::test_metadata_alone_can_be_committed_while_the_front_stands_still",),
    ),
    Guard(
        "a map counts only beside the offset it was made for",
        "P1",
        "consumer/stages/offsets.py",
        "if base != committed or _checksum(",
        "if _checksum(",
        (f"{OFFSETS}::test_a_map_beside_another_offset_means_nothing",),
    ),
    Guard(
        "a damaged map is no map",
        "P1",
        "consumer/stages/offsets.py",
        "if base != committed or _checksum(base, epoch, packed) != checksum:",
        "if base != committed:",
        (f"{OFFSETS}::test_no_single_damage_goes_unnoticed",),
    ),
    Guard(
        "a map is not believed under a newer leader epoch",
        "P1",
        "consumer/stages/offsets.py",
        "            carried.clear()\n",
        "            pass\n",
        (f"{OFFSETS}::test_a_record_under_a_newer_leader_epoch_is_not_the_one_that_was_settled",),
    ),
    Guard(
        "a map that the broker finds too large does not keep the offset from moving",
        "P1",
        "consumer/stages/source.py",
        "return point.offset, point.metadata if self.takes_metadata else",
        "return point.offset, point.metadata if True else",
        (f"{SOURCE}::test_metadata_that_the_broker_refuses_does_not_keep_the_offset_from_moving",),
    ),
    Guard(
        "of two events of one action one is sent",
        "P7",
        "consumer/stages/batcher.py",
        "            copies.append(event)\n        return False\n",
        "            copies.append(event)\n        return True\n",
        (
            f"{BATCHER}::test_the_first_of_an_action_goes_and_its_copies_wait",
            f"{PIPELINE}::test_a_copy_waits_for_the_verdict_on_the_first",
        ),
    ),
    Guard(
        "a copy takes the place of a first that was not accepted",
        "P1",
        "consumer/pipeline.py",
        "if (successor := self._repeats.next_in_line(event)) is not None:\n            self._batch(successor)\n",
        "self._repeats.next_in_line(event)\n",
        (f"{PIPELINE}::test_a_copy_takes_the_place_of_a_first_that_was_rejected",),
    ),
)

HARM_STAYS_WHERE_IT_IS = (
    Guard(
        "an answer that does not speak of every event sent is not believed",
        "P4",
        "consumer/pinterest/answers.py",
        "if not isinstance(entries, list) or len(entries) != sent:",
        "if not isinstance(entries, list):",
        (f"{ANSWERS}::test_a_success_that_cannot_be_matched_to_the_events_is_ambiguous",),
    ),
    Guard(
        "a 400 that is not in the API's words blames no event",
        "P4",
        "consumer/pinterest/answers.py",
        "        case 400 if not is_described:\n",
        "        case 999 if not is_described:\n",
        (f"{ANSWERS}::test_a_400_that_is_not_in_the_apis_words_says_nothing_of_the_events",),
    ),
    Guard(
        "of several events that are refused together none is blamed before it stands alone",
        "P4",
        "consumer/delivery/bisection.py",
        "    if len(batch.events) == 1:\n",
        "    if len(batch.events) >= 1:\n",
        (f"{SINK}_bisection.py::test_a_request_refused_as_a_whole_is_sent_again_in_halves_at_once",),
    ),
    Guard(
        "an event that grew too old while it waited is not sent",
        "P4",
        "consumer/stages/sink.py",
        "        if batch.oldest_s >= earliest_s:\n",
        "        if batch.oldest_s >= 0:\n",
        (f"{SINK}.py::test_an_event_that_grew_too_old_while_it_waited_is_not_sent",),
    ),
    Guard(
        "one account has no more than its share in hand",
        "P5",
        "consumer/shares.py",
        "_PART = 4\n",
        "_PART = 1\n",
        (
            f"{ISOLATION}::test_what_a_held_account_has_beyond_its_share_is_parked_and_the_others_go_on",
            f"{ISOLATION}::test_a_throttled_account_is_not_parked_but_slows_its_partitions",
        ),
    ),
    Guard(
        "nothing is parked while no other account is accepted",
        "P5",
        "consumer/delivery/parking.py",
        "return self._tokens if self._is_recent(now_s) and self._accepted_s > held_since_s else 0",
        "return self._most",
        (
            f"{SINK}_parking.py::test_nothing_is_parked_while_no_other_is_accepted",
            f"{PARKING}::test_a_minute_without_an_acceptance_is_the_end_of_it_and_of_what_was_earned_before",
        ),
    ),
    Guard(
        "a throttled account is never parked",
        "P5",
        "consumer/delivery/account.py",
        "        if self.hold is None or self.hold.cause is HoldCause.THROTTLED:\n            return False\n",
        "        if self.hold is None:\n            return False\n        return True\n",
        (f"{SINK}_parking.py::test_a_throttled_account_is_never_parked",),
    ),
    Guard(
        "nothing is parked in an outage of the API",
        "P5",
        "consumer/stages/sink.py",
        "        if self.api_hold is not None:\n            return set()\n",
        "",
        (f"{SINK}_parking.py::test_nothing_is_parked_in_an_outage_of_the_api",),
    ),
    Guard(
        "an account that fails is not held for an outage of the API",
        "P5",
        "consumer/delivery/breaker.py",
        "                self._failures += 1\n",
        "                self._failures = 0\n",
        (f"{SINK}_outage.py::test_failures_in_a_row_of_several_accounts_are_the_apis",),
    ),
    Guard(
        "where nobody's acceptance pays for parking, reading trickles on",
        "P5",
        "consumer/pipeline.py",
        "is_sipping = bool(unpaid & slowed or (unpaid and books.stretched))",
        "is_sipping = False",
        (
            f"{ISOLATION}::test_after_a_lull_of_the_others_they_are_served_all_the_same",
            f"{ISOLATION}::test_an_account_that_fails_silently_stops_the_others_no_longer_than_until_it_is_held",
        ),
    ),
    Guard(
        "nothing is parked while the dead-letter topic refuses",
        "P5",
        "consumer/pipeline.py",
        "        if self._dead_letters.hold is not None:  # what is parked would only wait elsewhere\n",
        "        if False:\n",
        (f"{ISOLATION}::test_nothing_is_parked_while_the_dead_letter_topic_refuses",),
    ),
    Guard(
        "of an account on hold nothing is sent",
        "P5",
        "consumer/delivery/account.py",
        "        self.not_before_s = math.inf\n",
        "",
        (f"{SINK}_on_hold.py::test_nothing_of_it_is_ever_started",),
    ),
    Guard(
        "events on hold do not make an outage last",
        "P5",
        "consumer/stages/sink.py",
        "any(not account.is_stopped for account in self._turns.accounts)",
        "bool(self._turns.accounts)",
        (f"{SINK}_on_hold.py::test_an_outage_is_not_told_as_lasting_where_only_events_on_hold_are_left",),
    ),
    Guard(
        "whoever is suppressed is not sent, whatever may leave",
        "P8",
        "consumer/stages/mapper.py",
        "else SUPPRESSED_BY - allowed",
        "else frozenset()",
        ("tests/unit/mapping/test_suppressed.py::test_what_may_not_leave_is_compared_all_the_same",),
    ),
    Guard(
        "at the limit nothing more is taken",
        "P6",
        "consumer/tallies.py",
        "        if left_bytes <= 0 or self.events >= self._max_events:\n            return 0\n",
        "",
        (
            f"{PIPELINE}::test_nothing_more_is_taken_at_the_limit",
            "tests/unit/test_tallies.py::test_room_ends_at_either_limit",
        ),
    ),
    Guard(
        "the dead-letter breaker decides before a letter is written",
        "P1",
        "consumer/pipeline.py",
        "        elif self._breaker.admits(letter):\n",
        "        else:\n",
        (f"{ISOLATION}::test_beyond_the_longest_run_no_letter_is_written_and_its_topic_is_read_no_further",),
    ),
    Guard(
        "a restart is no amnesty for the dead-letter breaker",
        "P1",
        "consumer/pipeline.py",
        "        self._breaker.suspect(assignment.topic for assignment in assignments)\n",
        "",
        (f"{ISOLATION}::test_beyond_the_longest_run_no_letter_is_written_and_its_topic_is_read_no_further",),
    ),
    Guard(
        "an unreachable registry gives up no record",
        "P1",
        "consumer/stages/lookups.py",
        "            wait.since_s = now_s\n",
        "            wait.since_s = -1e9\n",
        ("tests/unit/stages/test_lookups.py::test_time_without_the_registry_does_not_count_as_grace",),
    ),
)

LEDGER = (
    Guard(
        "offsets that vanish are counted",
        "P10",
        "consumer/books.py",
        "            entry.note_gap(jumped, record.offset)\n",
        "            pass\n",
        (f"{PIPELINE}::test_messages_that_vanish_show_as_gaps_in_the_ledger",),
    ),
    Guard(
        "what is in hand is counted from the records, never by subtraction",
        "P10",
        "consumer/books.py",
        "            entry.in_hand = tracker.in_hand\n",
        "            entry.in_hand = entry.consumed - entry.accepted - entry.abandoned\n",
        (f"{PIPELINE}::test_a_record_nobody_can_account_for_unbalances_the_ledger",),
    ),
)

GUARDS: tuple[Guard, ...] = (*COMMITS, *FENCES, *FEW_REPEATS, *HARM_STAYS_WHERE_IT_IS, *LEDGER)
