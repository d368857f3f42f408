"""Segments that nobody observed, in which a model holds differently."""

from csindex.inference.segments.discovery import segments
from csindex.inference.segments.profile import SegmentProfile
from csindex.inference.segments.segmentation import Segmentation

__all__ = ["SegmentProfile", "Segmentation", "segments"]
