"""Composites of groups: invariance of measurement, then differences."""
