import shutil
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra train")
pytest.importorskip("onnxruntime", reason="needs the extra cpu or gpu")

from plugin.domain.errors import ModelError, Reason  # noqa: E402
from worker.bundle import load_bundle  # noqa: E402
from worker.model.language.decoder import Decoder  # noqa: E402
from worker.model.language.generation import Ending, generate  # noqa: E402

# the first test waits for the export, minutes on a busy machine
pytestmark = [pytest.mark.train, pytest.mark.timeout(900)]
PROMPT = [7, 30, 12, 44, 9]
QUESTIONS = [[21, 5], [6], [40, 8, 33]]


@pytest.fixture(scope="module")
def bundle(language_folder):
    return load_bundle(language_folder)


@pytest.fixture(scope="module")
def decoder(bundle):
    return Decoder(bundle, threads=1)


@torch.inference_mode()
def torch_scores(network, ids):
    """Recompute the whole sequence without a cache."""
    ids = torch.tensor([ids])
    decoder = network.decoder
    return decoder.read(decoder.embed_tokens(ids), torch.ones_like(ids))


def torch_greedy(network, ids, n, allowed=None):
    ids = list(ids)
    for step in range(n):
        scores = torch_scores(network, ids).logits[0, -1]
        choices = torch.arange(len(scores)) if allowed is None else torch.tensor(allowed(step))
        ids.append(int(choices[scores[choices].argmax()]))
    return tuple(ids[-n:])


def test_decoder_step_by_step_gives_what_torch_gives_at_once(decoder, language_network):
    ids = [*PROMPT, 3, 17, 28, 41, 2]
    expected = torch_scores(language_network, ids).logits[0].numpy()
    reading = decoder.read(decoder.embed(PROMPT))
    found = [reading.next_scores]
    for token in ids[len(PROMPT) :]:
        reading = decoder.read(decoder.embed([token]), reading)
        found.append(reading.next_scores)
    assert reading.n_tokens == len(ids)
    assert np.abs(np.array(found) - expected[len(PROMPT) - 1 :]).max() < 1e-3


def test_hidden_states_are_those_of_torch(decoder, language_network):
    reading = decoder.read(decoder.embed(PROMPT), with_hidden=True)
    expected = torch_scores(language_network, PROMPT).hidden[0].numpy()
    assert np.abs(reading.hidden - expected).max() < 1e-3
    assert decoder.read(decoder.embed([4]), reading).hidden is None


def test_greedy_answer_is_that_of_torch_and_the_same_every_time(decoder, language_network):
    prompt = decoder.read(decoder.embed(PROMPT))
    answers = [generate(decoder, prompt, stop_ids=(), budget=20) for _ in range(2)]
    assert answers[0] == answers[1]
    assert answers[0].ids == torch_greedy(language_network, PROMPT, 20)
    assert len(set(answers[0].ids)) > 3


def test_restricted_answer_is_that_of_torch_under_the_same_restriction(decoder, language_network):
    def of_step(step):
        return range(10 + step, 30 + step)

    prompt = decoder.read(decoder.embed(PROMPT))
    found = generate(
        decoder,
        prompt,
        stop_ids=(),
        budget=8,
        allowed=lambda ids: np.array(of_step(len(ids))),
    )
    assert found.ids == torch_greedy(language_network, PROMPT, 8, of_step)


def test_prompt_that_is_read_once_answers_many_questions_as_if_read_each_time(decoder):
    prefix = decoder.read(decoder.embed(PROMPT))
    scores = prefix.next_scores.copy()
    for question in [*QUESTIONS, QUESTIONS[0]]:
        reused = decoder.read(decoder.embed(question), prefix)
        whole = decoder.read(decoder.embed([*PROMPT, *question]))
        assert np.abs(reused.next_scores - whole.next_scores).max() < 1e-3
        first, second = (
            generate(decoder, start, stop_ids=(), budget=10).ids for start in (reused, whole)
        )
        assert first == second
    assert prefix.n_tokens == len(PROMPT)
    assert np.array_equal(prefix.next_scores, scores)


def test_cache_is_handed_on_without_being_copied_out(decoder):
    reading = decoder.read(decoder.embed(PROMPT))
    assert len(reading.cache) == 2 * 2
    for value in reading.cache.values():
        assert not isinstance(value, np.ndarray)
        assert value.shape() == [1, 2, len(PROMPT), 8]


def test_answer_ends_at_a_stop_token(decoder):
    prompt = decoder.read(decoder.embed(PROMPT))
    free = generate(decoder, prompt, stop_ids=(), budget=6).ids
    stopped = generate(decoder, prompt, stop_ids=(free[2],), budget=6)
    assert stopped.ids == free[: free.index(free[2])]
    assert stopped.ending is Ending.STOP_TOKEN


def test_text_that_is_too_long_is_refused_and_the_reading_stays_usable(decoder):
    reading = decoder.read(decoder.embed(PROMPT))
    with pytest.raises(ModelError) as caught:
        decoder.read(decoder.embed([5] * decoder.context_length), reading)
    assert caught.value.reason is Reason.CONTEXT_FULL
    assert decoder.read(decoder.embed([5]), reading).n_tokens == len(PROMPT) + 1


def test_scores_that_are_not_numbers_are_refused(decoder):
    embeds = decoder.embed(PROMPT)
    embeds[1] = np.nan
    with pytest.raises(ModelError) as caught:
        decoder.read(embeds)
    assert caught.value.reason is Reason.WORDING_FAILED


def test_runtime_that_fails_is_reported_as_such(decoder):
    with pytest.raises(ModelError) as caught:
        decoder.read(np.zeros((3, 5), dtype=np.float32))
    assert caught.value.reason is Reason.INFERENCE_FAILED


def test_bundle_without_a_language_section_has_no_decoder(bundle):
    manifest = bundle.manifest.model_copy(update={"language": None})
    with pytest.raises(ModelError) as caught:
        Decoder(replace(bundle, manifest=manifest), threads=1)
    assert caught.value.reason is Reason.BUNDLE_INVALID


def test_decoder_that_answers_otherwise_than_its_golden_run_is_refused(bundle, tmp_path):
    folder = tmp_path / "changed"
    shutil.copytree(bundle.folder, folder)
    path = folder / "golden" / "decoder-3.npz"
    with np.load(path) as stored:
        arrays = dict(stored)
    arrays["logits"] = np.roll(arrays["logits"], 1, axis=-1)
    np.savez(path, **arrays)
    with pytest.raises(ModelError) as caught:
        Decoder(replace(bundle, folder=folder), threads=1)
    assert caught.value.reason is Reason.BUNDLE_INVALID
