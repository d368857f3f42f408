"""Ordinal items: thresholds, polychoric and polyserial correlations, covariances.

``normal`` is the distribution, ``sample`` the coded answers with margins and tables,
``polychoric`` and ``polyserial`` solve for correlations, ``correlations`` puts those of
all pairs of a stack together, ``influence`` has each respondent's part in their errors,
and ``moments`` the statistics with their covariance, as least squares fits need them.
"""
