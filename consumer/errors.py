"""Every exception this package raises on purpose.

    ConsumerError
    ├── ConfigError      the operator's settings are wrong; nothing was started
    ├── ContractError    another party broke a rule we rely on; nothing may be settled on its word
    └── FatalError       going on could lose something: stop, offsets uncommitted

What the outside world may well answer is never an exception here: it is a value (see `records.py`).
"""

from __future__ import annotations


class ConsumerError(Exception):
    """Root of all of them, so that an embedding program can catch ours alone."""


class ConfigError(ConsumerError):
    """One message per problem, all found at once, each naming the key, the value's shape and the remedy."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class ContractError(ConsumerError):
    """An answer or a call that cannot be matched to what we asked; whoever catches it must settle nothing."""


class FatalError(ConsumerError):
    """The process must stop without committing anything further."""
