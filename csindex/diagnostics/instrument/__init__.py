"""Instrument validation: whether a questionnaire measures what it should."""

from csindex.diagnostics.instrument.nonresponse import NonResponse
from csindex.diagnostics.instrument.validation import (
    InstrumentValidation,
    validate_instrument,
)

__all__ = ["InstrumentValidation", "NonResponse", "validate_instrument"]
