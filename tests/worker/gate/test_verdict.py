import math

import pytest

from worker.gate.limits import load_limits, read_table
from worker.gate.verdict import Layer, Limit, Verdict, check

LIMIT = Limit("a number", refuse_below=1.0, flag_below=2.0, flag_above=8.0, refuse_above=9.0)


@pytest.mark.parametrize(
    ("measured", "verdict"),
    [
        (0.9, Verdict.REFUSE),
        (1.0, Verdict.FLAG),
        (2.0, Verdict.PASS),
        (8.0, Verdict.PASS),
        (8.1, Verdict.FLAG),
        (9.1, Verdict.REFUSE),
        (math.inf, Verdict.REFUSE),
        (math.nan, Verdict.REFUSE),
    ],
)
def test_number_is_judged_by_the_limit_it_is_beyond(measured, verdict):
    assert LIMIT.verdict(measured) is verdict


def test_limit_without_an_edge_lets_everything_pass_on_that_side():
    assert Limit("a number", flag_above=3.0).verdict(-1e9) is Verdict.PASS


def test_refusing_inside_flagging_is_no_limit():
    with pytest.raises(ValueError, match="not in order"):
        Limit("a number", refuse_below=3.0, flag_below=2.0)


@pytest.mark.parametrize(
    ("measured", "words"),
    [
        (0.5, "layer view: a number 0.5, at least 1.0"),
        (1.5, "layer view: a number 1.5, at least 2.0"),
        (8.5, "layer view: a number 8.5, at most 8.0"),
        (20.0, "layer view: a number 20.0, at most 9.0"),
    ],
)
def test_sentence_names_layer_number_and_limit(measured, words):
    assert check(Layer.VIEW, "number", measured, LIMIT).sentence == words


def test_passed_number_names_no_limit():
    passed = check(Layer.VIEW, "number", 5.0, LIMIT)
    assert passed.limit is None
    assert "at" not in passed.words.split()


def test_table_says_on_whom_and_how_it_was_measured_and_refuses_nobody_of_them():
    table = read_table()
    assert table["measured"]["command"].startswith("python -m ")
    assert "validation" in table["measured"]["on"]
    n_measured = 0
    for layer, limits in load_limits().items():
        for quantity, limit in limits.items():
            for usual in table[layer.value][quantity].get("usual", ()):
                assert limit.verdict(usual) is Verdict.PASS, quantity
                n_measured += 1
    assert n_measured > 45
