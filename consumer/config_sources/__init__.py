"""Where the configuration comes from: a YAML file, the environment above it, secrets in files of their own.

environment.py   what `CONVERSIONS_<SECTION>__<KEY>` says
loading.py       both together, checked: every problem at once, with its place and remedy
keys.py          the keys that `config.py` declares, and which was meant by a misspelt one
view.py          the effective configuration for people, secrets masked
"""

from consumer.config_sources.environment import ignored_names
from consumer.config_sources.loading import load_config
from consumer.config_sources.view import MASK, describe

__all__ = ["MASK", "describe", "ignored_names", "load_config"]
