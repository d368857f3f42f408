"""Numerics on arrays with leading batch axes; no labels, no models."""
