"""What a satisfaction model is: items, constructs, paths; as TOML and lavaan text."""

from csindex.model.model import Model
from csindex.model.parts import (
    Construct,
    Item,
    Measurement,
    Path,
    Sign,
    Status,
    composite,
    reflective,
)
from csindex.model.reading import read_model

__all__ = [
    "Construct",
    "Item",
    "Measurement",
    "Model",
    "Path",
    "Sign",
    "Status",
    "composite",
    "read_model",
    "reflective",
]
