"""What an item, a sample of items and a respondent are judged by, with sources."""

from __future__ import annotations

from csindex.diagnostics.thresholds import Criterion

# items
MISSING = Criterion(
    "missing", 0.05, 0.15, False, "Hair, Hult, Ringle & Sarstedt (2017)"
)
FLOOR = Criterion("floor", 0.15, 0.15, False, "Terwee et al. (2007)")
CEILING = Criterion("ceiling", 0.15, 0.15, False, "Terwee et al. (2007)")
ITEM_TOTAL = Criterion("item_total", 0.50, 0.30, True, "Churchill (1979)")
DISCRIMINATION = Criterion("discrimination", 0.40, 0.20, True, "Ebel & Frisbie (1991)")
LOADING = Criterion("loading", 0.50, 0.40, True, "Hair, Black, Babin & Anderson (2010)")
CROSS_LOADING = Criterion(
    "cross_loading", 0.32, 0.32, False, "Tabachnick & Fidell (2001)"
)
COMMUNALITY = Criterion("communality", 0.40, 0.40, True, "Costello & Osborne (2005)")
MSA = Criterion("msa", 0.80, 0.60, True, "Kaiser (1974)")
KAPPA = Criterion("kappa", 0.74, 0.60, True, "Polit, Beck & Owen (2007)")

# below these an item can't be saved by another wording of its scale
POOR_LOADING = Criterion(
    "loading", 0.40, 0.40, True, "Hair, Black, Babin & Anderson (2010)"
)
POOR_KAPPA = Criterion("kappa", 0.40, 0.40, True, "Polit, Beck & Owen (2007)")

# the sample and the structure
KMO = Criterion("kmo", 0.80, 0.60, True, "Kaiser (1974)")
SPHERICITY = Criterion("bartlett", 0.05, 0.05, False, "Bartlett (1951)")
NORMALITY = Criterion("mardia", 0.05, 0.05, True, "Mardia (1970)")
DETERMINANT = Criterion("determinant", 1e-5, 1e-5, True, "Field (2013)")
CONGRUENCE = Criterion(
    "congruence", 0.95, 0.85, True, "Lorenzo-Seva & ten Berge (2006)"
)

# respondents
LONG_STRING = Criterion("long_string", 0.5, 0.5, False, "Curran (2016)")
DISTANCE = Criterion("distance_p", 0.001, 0.001, True, "Tabachnick & Fidell (2001)")
SPEED = Criterion("speed", 2.0, 2.0, False, "Leiner (2019)")

# agreement over time and among experts
RETEST = Criterion("icc", 0.75, 0.50, True, "Koo & Li (2016)")
S_CVI = Criterion("s_cvi_ave", 0.90, 0.80, True, "Polit & Beck (2006)")
