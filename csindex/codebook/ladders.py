"""Levels of satisfaction with the states that customers recognise themselves in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Level:
    """One step of a ladder of satisfaction.

    Attributes
    ----------
    en, zh : str
        Its name in English and in Chinese.
    state_en, state_zh : str
        The reference state: how a customer on this step feels and acts.
    """

    en: str
    zh: str
    state_en: str
    state_zh: str


_WORST = Level(
    "very dissatisfied",
    "很不满意",
    "indignant, furious; complains and warns others",
    "愤慨、恼怒、投诉、反宣传",
)
_BAD = Level("dissatisfied", "不满意", "angry, annoyed", "气愤、烦恼")
_POOR = Level("rather dissatisfied", "不太满意", "grumbles, regrets", "抱怨、遗憾")
_MIDDLE = Level("neutral", "一般", "no clear feeling either way", "无明显正、负情绪")
_FAIR = Level("rather satisfied", "较满意", "likes it, approves", "好感、肯定、赞许")
_GOOD = Level("satisfied", "满意", "pleased, content", "称心、愉快")
_BEST = Level(
    "very satisfied", "很满意", "moved, fulfilled, grateful", "激动、满足、感谢"
)

# by number of levels, from the worst to the best
LADDERS: Mapping[int, tuple[Level, ...]] = {
    7: (_WORST, _BAD, _POOR, _MIDDLE, _FAIR, _GOOD, _BEST),
    5: (_WORST, _BAD, _MIDDLE, _GOOD, _BEST),
}
