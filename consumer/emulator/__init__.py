"""Pinterest's endpoints for conversions on a real port, for tests and rehearsals.

Imports nothing of the rest of the package: it reads the API's rules for itself, so that one misreading cannot
hide in the client and in what the client is tested against.
"""

from consumer.emulator.faults import Fault, FaultError, parse_faults
from consumer.emulator.server import Emulator
from consumer.emulator.settings import Settings

__all__ = ["Emulator", "Fault", "FaultError", "Settings", "parse_faults"]
