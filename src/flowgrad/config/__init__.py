"""The configuration: one section a module, ``whole`` puts them together."""

from flowgrad.config.base import TRAINED
from flowgrad.config.detector import DetectorConfig
from flowgrad.config.whole import (
    Config,
    ConfigurationError,
    is_demo,
    json_schema,
    overlay,
    parse,
    with_demo,
    without,
)

__all__ = [
    "TRAINED",
    "Config",
    "ConfigurationError",
    "DetectorConfig",
    "is_demo",
    "json_schema",
    "overlay",
    "parse",
    "with_demo",
    "without",
]
