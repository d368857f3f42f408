"""Inference: how sure the numbers are."""

from csindex.inference.bootstrap import bootstrap
from csindex.inference.distributions import Bootstrap
from csindex.inference.groups import GroupBootstrap

__all__ = ["Bootstrap", "GroupBootstrap", "bootstrap"]
