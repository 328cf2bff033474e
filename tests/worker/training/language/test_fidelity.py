"""A bundle that only reads and writes words: exported from a run, and judged by its answers."""

import shutil

import pytest

torch = pytest.importorskip("torch", reason="needs the extra train")
pytest.importorskip("onnx", reason="needs the extra train")
pytest.importorskip("onnxruntime", reason="needs the extra cpu or gpu")

from plugin.domain.errors import ConfigurationError  # noqa: E402
from tests.worker.words import SEED, corpus, definition, tokenizer  # noqa: E402
from worker.bundle import find_bundle, load_bundle  # noqa: E402
from worker.model.language.tokenizer import BUNDLE_FILE  # noqa: E402
from worker.model.language.vocabulary import Task  # noqa: E402
from worker.training.language.decoder import DecoderSettings, LlamaDecoder  # noqa: E402
from worker.training.language.export import add_language, add_run  # noqa: E402
from worker.training.language.fidelity import (  # noqa: E402
    AnswerJudge,
    Judged,
    tabulate,
    write_failures,
)
from worker.training.language.parts import TextNetwork  # noqa: E402

# the first test waits for the export, minutes on a busy machine
pytestmark = [pytest.mark.train, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    torch.manual_seed(1)
    sizes = {"width": 16, "n_layers": 2, "n_heads": 2, "n_kv_heads": 1, "feed_forward": 16}
    decoder = LlamaDecoder(DecoderSettings(vocabulary=len(tokenizer()), **sizes))
    folder = tmp_path_factory.mktemp("bundles") / "words"
    shutil.copytree(find_bundle(None), folder)
    add_language(TextNetwork(decoder), folder, tokenizer=definition())
    return load_bundle(folder)


@pytest.fixture(scope="module")
def judged(bundle):
    answers = [one for one in corpus() if one.id.startswith("0-") and one.task is Task.ANSWER]
    chosen = [answers[0], next(one for one in answers if one.language == "zh")]
    return list(AnswerJudge(bundle, threads=1).judge_study(SEED, chosen))


def test_bundle_of_words_has_no_part_that_sees(bundle):
    assert bundle.manifest.graph("segmentation") is not None
    assert bundle.manifest.graph("decoder") is not None
    assert bundle.manifest.graph("embed_tokens") is not None
    assert bundle.manifest.graph("study_encoder") is None
    assert bundle.manifest.graph("connector") is None
    assert bundle.manifest.language.measurements == ()
    assert (bundle.folder / BUNDLE_FILE).read_text(encoding="utf-8") == definition()


def test_every_request_is_answered_free_and_constrained(judged):
    assert [(one.language, one.constrained) for one in judged] == [
        ("en", False),
        ("en", True),
        ("zh", False),
        ("zh", True),
    ]


def test_even_random_weights_say_nothing_wrong_when_constrained(judged):
    assert all(one.agrees for one in judged if one.constrained)
    assert not any(one.same_facts and one.finished for one in judged if not one.constrained)


def test_table_and_failures_tell_what_was_judged(tmp_path):
    good = Judged("en", Task.LIMITS, "none", True, "Fine.", True, True, True, True)
    wrong = {"n_findings": 4, "n_omitted": 1, "problems": ("contradiction",)}
    bad = Judged("en", Task.LIMITS, "none", True, "Bad.", False, True, True, False, **wrong)
    rows = {row.measure: row.value for row in tabulate([good, bad])}
    assert rows["en limits, constrained: agrees of 2"] == 50.0
    assert rows["en limits, constrained: complete of 2"] == 100.0
    assert rows["en limits, constrained: omitted findings of 4"] == 25.0
    write_failures([good, bad], tmp_path / "failures.txt")
    expected = "en limits none constrained contradiction: Bad.\n"
    assert (tmp_path / "failures.txt").read_text(encoding="utf-8") == expected


def test_run_without_a_checkpoint_changes_no_bundle(tmp_path, bundle):
    with pytest.raises(ConfigurationError):
        add_run(tmp_path, bundle.folder)
    assert load_bundle(bundle.folder).digest == bundle.digest
