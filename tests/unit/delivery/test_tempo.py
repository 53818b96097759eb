"""Which accounts' requests take far longer than the others'."""

from __future__ import annotations

import pytest

from consumer.delivery.tempo import Tempo


def tempo_of(**took_s: list[float]) -> Tempo:
    """Requests of several accounts, in turns."""
    tempo = Tempo()
    for number in range(max(map(len, took_s.values()))):
        for account, times in took_s.items():
            if number < len(times):
                tempo.note(account, times[number])
    return tempo


@pytest.mark.parametrize(
    ("tempo", "is_slow"),
    [
        pytest.param(Tempo(), False, id="nobody had a request yet"),
        pytest.param(tempo_of(others=[0.5]), True, id="unknown beside one that is known"),
        pytest.param(tempo_of(it=[9.0] * 5), False, id="nobody to compare it with"),
        pytest.param(tempo_of(others=[0.5] * 5, it=[0.5] * 5), False, id="as fast as the others"),
        pytest.param(tempo_of(others=[0.5] * 5, it=[9.0]), True, id="far slower"),
        pytest.param(tempo_of(others=[0.2] * 5, it=[1.9] * 5), False, id="slower, and still quick"),
        pytest.param(tempo_of(others=[3.0] * 5, it=[9.0] * 5), False, id="all are slow"),
        pytest.param(tempo_of(others=[0.5] * 9, it=[9.0] + [0.5] * 8), False, id="slow once, and well again"),
        pytest.param(tempo_of(it=[9.0] * 50, others=[0.5] * 50), True, id="slow from the beginning"),
    ],
)
def test_an_account_is_slow_by_the_others_measure(tempo: Tempo, *, is_slow: bool) -> None:
    assert tempo.is_slow("it") is is_slow


def test_a_slow_account_does_not_become_the_measure() -> None:
    tempo = tempo_of(it=[9.0] * 200, one=[0.5] * 200, two=[0.5] * 200)

    assert (tempo.is_slow("it"), tempo.is_slow("one"), tempo.is_slow("two")) == (True, False, False)
