"""Regions by the bootstrap, and the best use of a budget."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import csindex as csi
from csindex.diagnostics import importance, region_of
from csindex.diagnostics.importance import cut_points, placed
from csindex.estimation import Estimates
from csindex.inference.budget import best_investment
from csindex.inference.regions import region_probabilities
from csindex.kernels.simulation import population_correlations

# a drives b, both drive y; c drives y alone; d lowers y
CHAIN = csi.Model(
    "chain",
    tuple(csi.reflective(name, f"{name}_1") for name in "abcdy"),
    [("a", "b"), ("a", "y"), ("b", "y"), ("c", "y"), ("d", "y")],
    index="y",
)
SD = np.array([10.0, 20, 25, 20, 20])
MEAN = np.array([70.0, 80, 60, 30, 65])


@pytest.fixture(scope="module")
def chain() -> csi.Results:
    """Return a fit with point effects a->b 1, a->y .7, b->y .5, c->y .2, d->y -.3."""
    paths = np.zeros((5, 5))
    for target, source, points in (
        (1, 0, 1.0),
        (4, 0, 0.2),
        (4, 1, 0.5),
        (4, 2, 0.2),
        (4, 3, -0.3),
    ):
        paths[target, source] = points * SD[source] / SD[target]
    corr = population_correlations(paths, np.eye(5), CHAIN.structure)
    cov = corr * np.outer(SD, SD)
    return csi.fit(CHAIN, csi.Moments(CHAIN.items, MEAN, cov, 500, 0, 100))


@pytest.fixture(scope="module")
def retail() -> csi.Bootstrap:
    results = csi.fit(csi.acsi(), csi.load_dataset("retail"))
    return csi.bootstrap(results, n=80, seed=4)


def test_the_best_driver_gets_all_of_a_small_budget(chain: csi.Results) -> None:
    # points of y per unit: a .7 / 2, b .5 / 1, c .2 / .25, d .3 / 1
    costs = {"a": 2, "b": 1, "c": 0.25, "d": 1}
    best = best_investment(chain, budget=5, costs=costs)
    assert_allclose(best.plan["effect"], [0.7, 0.5, 0.2, -0.3], atol=1e-9)
    assert_allclose(best.plan["step"], [0, 0, 20, 0], atol=1e-9)
    assert_allclose([best.gain, best.spent, best.score], [4, 5, 65], atol=1e-9)
    assert_allclose(best.shadow_price, 0.8, atol=1e-9)


def test_the_next_driver_follows_where_a_cap_is_met(chain: csi.Results) -> None:
    costs = {"a": 2, "b": 1, "c": 0.25, "d": 1}
    best = best_investment(chain, budget=15, costs=costs)
    # c has room for 40 points, which cost 10; the rest goes to b
    assert_allclose(best.plan["step"], [0, 5, 40, 0], atol=1e-9)
    assert_allclose(best.plan["new_score"], [70, 85, 100, 30], atol=1e-9)
    assert_allclose(best.gain, 8 + 2.5, atol=1e-9)
    assert_allclose(best.shadow_price, 0.5, atol=1e-9)
    assert_allclose(best.plan["spent"].sum(), 15)


def test_caps_count_what_other_drivers_bring(chain: csi.Results) -> None:
    # a point of a lifts b by one, and b has room for 4
    best = best_investment(chain, 100, {"a": 1}, caps={"b": 84})
    assert_allclose(best.plan["step"], [4, 0, 0, 0], atol=1e-9)
    assert_allclose(best.plan["new_score"], [74, 84, 60, 30], atol=1e-9)
    assert_allclose([best.gain, best.spent], [2.8, 4], atol=1e-9)
    # money is left, so that more of it is worth nothing
    assert_allclose(best.shadow_price, 0, atol=1e-12)
    # both compete for the room of b: a brings .7 for each point of it, b only .5
    both = best_investment(chain, 100, {"a": 1, "b": 1}, caps={"b": 84})
    assert_allclose(both.plan["step"], [4, 0, 0, 0], atol=1e-9)


def test_a_cap_below_the_present_score_is_told(chain: csi.Results) -> None:
    best = best_investment(chain, 5, {"a": 1, "b": 1}, caps={"b": 75, "d": 60})
    # b has 80 already, and a raises b; nothing else has a cost
    assert (best.gain, best.spent) == (0, 0)
    first = repr(best).splitlines()[0]
    assert first == "y stays at 65.00: no step is possible within these costs and caps"
    told = "\n".join(best.notes)
    assert "b scores 80.00, above its cap of 75" in told
    assert "so that a, which raises it, stays, too" in told
    assert "d scores 30.00" not in told  # its floor is 40, and it has no cost
    # d lowers y: it can't be pressed below 100 - 75, and has 20 already
    low = best_investment(chain, 5, {"c": 1, "d": 1}, caps={"d": 65})
    (note,) = [n for n in low.notes if n.startswith("d ")]
    assert note.startswith("d scores 30.00, below 35, which is 100 less its cap of 65")
    assert low.gain > 0
    assert repr(low).startswith("y rises by 1.00 points, from 65.00 to 66.00: c +5.00")


def test_drivers_without_a_cost_are_told(chain: csi.Results) -> None:
    best = best_investment(chain, 5, {"a": 1})
    (note,) = best.notes
    assert (
        note == "no cost is named for b, c, d, so that these are not moved themselves"
    )
    assert best_investment(chain, 5).notes == ()
    assert "no cost is named for b, c, d" in repr(best)
    # all room of a is used
    full = best_investment(chain, 50, {"a": 1})
    assert repr(full).splitlines()[1] == "Spent 20 of 50; more would bring nothing"
    assert "no cost is named" in best._repr_html_()


def test_the_budget_is_named(chain: csi.Results) -> None:
    best = best_investment(chain, 15, {"a": 2, "b": 1, "c": 0.25, "d": 1})
    lines = repr(best).splitlines()
    assert lines[0] == "y rises by 10.50 points, from 65.00 to 75.50: c +40.00, b +5.00"
    assert lines[1] == "Spent 15 of 15; one more unit brings 0.5000 points"


def test_what_lowers_the_target_is_pressed_down(chain: csi.Results) -> None:
    best = best_investment(chain, 100, {"d": 2})
    assert_allclose(best.plan.loc[3, ["step", "new_score"]].astype(float), [-30, 0])
    assert_allclose([best.gain, best.spent], [9, 60], atol=1e-9)
    capped = best_investment(chain, 100, {"d": 2}, caps={"d": 80})
    assert_allclose(capped.plan.loc[3, "new_score"], 20)


def test_the_target_stays_on_its_scale(chain: csi.Results) -> None:
    best = best_investment(chain, 1e6)
    assert best.score + best.gain <= 100 + 1e-9
    other = best_investment(chain, 3, target="b")
    assert other.plan["driver"].tolist() == ["a"]
    assert_allclose(other.gain, 3, atol=1e-9)


def test_no_random_plan_beats_the_best(chain: csi.Results) -> None:
    costs, budget = {"a": 1.5, "b": 1, "c": 0.5, "d": 0.8}, 40.0
    best = best_investment(chain, budget, costs)
    generator = np.random.default_rng(0)
    price = np.array(list(costs.values()))
    steps = generator.dirichlet(np.ones(4), 20_000) * budget / price
    effect, spread = np.array([0.7, 0.5, 0.2, 0.3]), np.eye(4)
    spread[1, 0] = 1.0
    room = np.array([30.0, 20, 40, 30])
    allowed = (steps @ spread.T <= room).all(axis=1)
    gains = (steps @ effect)[allowed]
    assert allowed.sum() > 100
    assert gains.max() <= best.gain + 1e-9
    assert gains.max() > 0.9 * best.gain


def test_the_gain_has_an_interval(retail: csi.Bootstrap) -> None:
    best = best_investment(retail.results, 10, boot=retail)
    assert best.interval is not None
    drawn = (
        retail.replicates("importance for satisfaction") @ best.plan["step"].to_numpy()
    )
    assert_allclose(best.interval["se"], drawn.std(ddof=1))
    assert_allclose(best.interval["low"], np.quantile(drawn, 0.025))
    assert best.interval["low"] < best.gain < best.interval["high"]
    assert "satisfaction" in repr(best)
    assert "<table" in best._repr_html_()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ({"budget": 0}, "the budget must be a number above 0, not 0"),
        ({"budget": True}, "number above 0"),
        ({"costs": {}}, "costs name no driver"),
        ({"costs": {"bb": 1}}, "did you mean 'b'"),
        ({"costs": {"b": 0}}, "a cost must be a number above 0"),
        ({"costs": -1}, "a cost must be"),
        ({"caps": {"b": 120}}, "at most 100"),
        ({"caps": {"bb": 80}}, "unknown driver 'bb' in caps; did you mean 'b'"),
        ({"costs": {"y": 1}}, "unknown driver 'y' in costs; there are 'a', 'b', 'c'"),
        ({"target": "a"}, "nothing drives 'a'"),
        ({"boot": 3}, "bootstrap of these results"),
    ],
)
def test_refused_investments(
    chain: csi.Results, call: dict[str, object], message: str
) -> None:
    with pytest.raises(csi.SpecificationError, match=message):
        best_investment(chain, **{"budget": 5, **call})  # type: ignore[arg-type]


def _brute(boot: csi.Bootstrap, target: str, effects: np.ndarray) -> pd.DataFrame:
    """Count the regions of every resample one by one."""
    table = csi.importance_performance(boot.results, target)
    names = list(boot.results.model.construct_names)
    own = [names.index(name) for name in table["driver"]]
    sign = np.sign(table["importance"].to_numpy())
    counts = pd.DataFrame(0.0, index=table["driver"], columns=["I", "II", "III", "IV"])
    for effect, scores in zip(effects, boot.replicates("scores")[:, own], strict=True):
        strength = sign * effect
        merit = np.where(sign < 0, 100 - scores, scores)
        cuts = (float(strength.mean()), float(merit.mean()))
        for name, i, p in zip(table["driver"], strength, merit, strict=True):
            counts.loc[name, region_of(i, p, cuts)] += 1 / len(effects)
    return counts


def test_probabilities_are_shares_of_resamples(retail: csi.Bootstrap) -> None:
    found = region_probabilities(retail)
    counts = _brute(
        retail, "satisfaction", retail.replicates("importance for satisfaction")
    )
    assert_allclose(found[["I", "II", "III", "IV"]], counts, atol=1e-12)
    plain = csi.importance_performance(retail.results)
    pd.testing.assert_frame_equal(found[plain.columns], plain)
    known = retail.importance
    assert_allclose(found["importance_low"], known["importance_low"])
    assert_allclose(found["performance_high"], known["performance_high"])
    surest = found[["I", "II", "III", "IV"]].max(axis=1)
    assert ((found["verdict"] == "sure") == (surest >= 0.8)).all()


def test_other_targets_have_their_own_probabilities(retail: csi.Bootstrap) -> None:
    found = region_probabilities(retail, "loyalty")
    statistic = importance("loyalty")
    # the same resamples again, by the public way
    again = csi.bootstrap(retail.results, n=80, seed=4)
    low = again.of(lambda e: statistic.compute(e))["low"]
    assert_allclose(found["importance_low"], low)
    counts = _brute(retail, "loyalty", _replicates(again, "loyalty"))
    assert_allclose(found[["I", "II", "III", "IV"]], counts, atol=1e-12)


def _replicates(boot: csi.Bootstrap, target: str) -> np.ndarray:
    """Return importance in every resample, caught on its way through boot.of."""
    statistic, kept = importance(target), list[np.ndarray]()

    def keep(estimates: Estimates) -> np.ndarray:
        values = statistic.compute(estimates)
        if values.ndim == 2:
            kept.append(values)
        return values

    boot.of(keep)
    # the last block of resamples is filled
    return np.concatenate(kept)[: boot.draws.plan.n]


def test_regions_of_a_stack_are_those_of_each_matrix() -> None:
    generator = np.random.default_rng(1)
    strength, merit = generator.uniform(size=(2, 30, 4))
    for cut in ("mean", "median", "midpoint"):
        found = placed(strength, 100 * merit, cut)
        for k in range(30):
            cuts = cut_points(strength[k], 100 * merit[k], cut)
            one = [
                ["I", "II", "III", "IV"].index(region_of(i, p, cuts))
                for i, p in zip(strength[k], 100 * merit[k], strict=True)
            ]
            assert found[k].tolist() == one


def test_a_bootstrap_is_needed(retail: csi.Bootstrap) -> None:
    with pytest.raises(csi.SpecificationError, match="takes the bootstrap"):
        region_probabilities(retail.results)  # type: ignore[arg-type]
    with pytest.raises(csi.SpecificationError, match="unknown cut"):
        region_probabilities(retail, cut="best")  # type: ignore[arg-type]
    with pytest.raises(csi.SpecificationError, match="did you mean 'loyalty'"):
        region_probabilities(retail, "loyality")
