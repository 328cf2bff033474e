import numpy as np
import pytest

from plugin.domain.errors import ModelError, Reason
from worker.model.language.decoder import Reading
from worker.model.language.generation import Ending, choose, generate

STOP = 9


class CountingDecoder:
    """After token n likes n + 1 best, n + 2 next; knows ten tokens."""

    def __init__(self, context_length=100):
        self.context_length = context_length
        self.n_reads = 0

    def embed(self, ids):
        return np.asarray(ids, dtype=np.float32)[:, None]

    def read(self, embeds, after=None):
        self.n_reads += 1
        scores = -np.abs(np.arange(10) - (embeds[-1, 0] + 1)).astype(np.float32)
        scores[int(embeds[-1, 0]) : int(embeds[-1, 0]) + 1] -= 5
        n_before = after.n_tokens if after else 0
        return Reading(n_before + len(embeds), {}, scores)


def answer(decoder=None, start=(0,), budget=50, **options):
    decoder = decoder or CountingDecoder()
    prompt = decoder.read(decoder.embed(start))
    return generate(decoder, prompt, stop_ids={STOP}, budget=budget, **options)


def test_generation_goes_on_to_the_stop_token_and_leaves_it_out():
    found = answer()
    assert found.ids == (1, 2, 3, 4, 5, 6, 7, 8)
    assert found.ending is Ending.STOP_TOKEN


def test_generation_ends_with_its_budget_and_reads_no_more_than_it_needs():
    decoder = CountingDecoder()
    found = answer(decoder, budget=3)
    assert found.ids == (1, 2, 3)
    assert found.ending is Ending.BUDGET
    assert decoder.n_reads == 1 + 2


def test_generation_ends_where_the_context_does():
    assert answer(CountingDecoder(context_length=5), start=(0, 0)).ids == (1, 2, 3)


@pytest.mark.parametrize("n", [0, 2])
def test_cancelled_generation_keeps_what_there_is(n):
    asked = iter([False] * n + [True])
    found = answer(cancelled=lambda: next(asked))
    assert found.ids == tuple(range(1, n + 1))
    assert found.ending is Ending.CANCELLED


def test_generation_obeys_what_is_allowed_after_what_it_said():
    seen = []

    def even_only(ids):
        seen.append(tuple(ids))
        return np.array([8, 6, 4, 2, 0]) if len(ids) < 3 else None

    found = answer(allowed=even_only, budget=4)
    assert found.ids[:3] == (2, 4, 6)
    assert found.ids[3] == 7
    assert seen == [(), (2,), (2, 4), (2, 4, 6)]


def test_stop_token_must_be_allowed_too():
    found = answer(start=(8,), allowed=lambda _: np.array([3, 8]), budget=2)
    assert STOP not in found.ids
    assert found.ending is Ending.BUDGET


def test_generation_without_a_way_on_is_an_error():
    with pytest.raises(ModelError) as caught:
        answer(allowed=lambda _: np.array([], dtype=np.int64))
    assert caught.value.reason is Reason.WORDING_FAILED


@pytest.mark.parametrize("allowed", [None, np.array([4, 2, 7])])
def test_choice_of_equals_is_the_lowest_id(allowed):
    scores = np.full(10, 0.5, dtype=np.float32)
    assert choose(scores, allowed) == (0 if allowed is None else 2)
