"""Covariance structure models: array-only numerics, batched over samples.

The interface, from the bottom up:

- `ram.Ram` is one group's structure: fixed values of A, S and alpha, and *slots*, each
  the place of a free element and the position of its parameter in one vector theta.
  Slots with the same parameter are equal, within and across groups.
- `discrepancy` holds what is minimised: `Likelihood`, `MatrixSquares` (GLS, ULS) and
  `WeightedSquares` (WLS, DWLS), each from a stack of b samples. ``at(implied)`` gives a
  `Point` with ``value``, ``gradient()``, ``expected()``, ``observed()``, by slot. A new
  discrepancy (full-information likelihood by pattern, thresholds) implements these two
  protocols, `Discrepancy` and `Point`.
- `objective.Objective` sums groups by their shares and slots by their parameter.
- `optimise.minimise` minimises a stack of objectives from starts (b, t);
  `constrained.minimise_constrained` does so under nonlinear and inequality constraints.

Values are scaled so that Hessians are the information of one observation: f is half of
the usual discrepancy F, chi-square is 2 n f, and the covariance of theta is the inverse
Hessian divided by n. Theta has shape (b, t) everywhere, moments (b, p) and (b, p, p).
"""
