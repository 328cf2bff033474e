"""The corpus as token ids, and the loss that reads a study once for all its requests."""

import pytest

torch = pytest.importorskip("torch", reason="needs the extra train")

from torch.nn import functional  # noqa: E402

from plugin.domain.evidence import cited  # noqa: E402
from tests.worker.words import corpus, tokenizer  # noqa: E402
from worker.model.language.prompt import prompt_ids  # noqa: E402
from worker.training.language.answer_loss import WORD_WEIGHT, answer_loss  # noqa: E402
from worker.training.language.decoder import DecoderSettings, LlamaDecoder  # noqa: E402
from worker.training.language.requests import (  # noqa: E402
    AskedStudy,
    asked_studies,
    group_rows,
    request_of,
)

pytestmark = pytest.mark.train
N_RECORDS = 22


def study() -> AskedStudy:
    return asked_studies(corpus()[:N_RECORDS], tokenizer())[0]


def decoder() -> LlamaDecoder:
    torch.manual_seed(0)
    sizes = {"width": 16, "n_layers": 2, "n_heads": 2, "n_kv_heads": 1, "feed_forward": 16}
    made = LlamaDecoder(DecoderSettings(vocabulary=len(tokenizer()), **sizes))
    made.embed_tokens.weight.data.mul_(20)  # so that scores differ
    return made


def test_evidence_and_row_are_the_prompt_and_the_answer():
    own = study()
    records = [one for one in corpus() if one.id.split("-")[0] == "0"]
    assert len(records) >= len(own.rows)
    for record, row in zip(records, own.rows, strict=False):
        asked = prompt_ids(tokenizer(), request_of(record))
        assert [*own.evidence, *row.ids[: row.n_prompt]] == asked
        answer = row.ids[row.n_prompt :]
        assert answer[-1] == tokenizer().end_id
        assert cited(tokenizer().decode(answer[:-1])) == cited(record.target)


def test_groups_hold_every_row_once_and_only_answers_count():
    own = study()
    groups = group_rows(own.rows)
    assert sum(group.ids.shape[0] for group in groups) == len(own.rows)
    n_answer = sum(len(row.ids) - row.n_prompt for row in own.rows)
    assert sum(int(group.is_answer.sum()) for group in groups) == n_answer
    for group in groups:
        assert not bool(group.is_answer[group.mask == 0].any())
        lengths = group.mask.sum(dim=1)
        assert int(lengths.min()) >= 0.7 * int(lengths.max())


def test_loss_is_that_of_every_request_read_on_its_own():
    own = study()
    own = AskedStudy(own.evidence, own.rows[:3])
    network = decoder()
    ids = torch.tensor([own.evidence])
    embeds = network.embed_tokens(ids)
    found = answer_loss(network, embeds, torch.ones_like(ids), group_rows(own.rows))
    total = weights = 0.0
    n_right = n_decisive = 0
    for row in own.rows:
        whole = torch.tensor([[*own.evidence, *row.ids]])
        scores = network.read(network.embed_tokens(whole), torch.ones_like(whole)).logits[0]
        first = len(own.evidence) + row.n_prompt
        for place in range(first, whole.shape[1]):
            token = int(whole[0, place])
            decisive = token == tokenizer().end_id or tokenizer().decode([token]).startswith("[E")
            weight = 1.0 if decisive else WORD_WEIGHT
            loss = functional.cross_entropy(scores[place - 1], whole[0, place])
            total, weights = total + weight * float(loss.detach()), weights + weight
            n_decisive += decisive
            n_right += decisive and int(scores[place - 1].argmax()) == token
    assert float(found.loss.detach()) == pytest.approx(total / weights, rel=1e-4)
    assert (found.n_decisive, found.n_decisive_right) == (n_decisive, n_right)


def test_gradients_reach_what_made_the_prefix():
    own = study()
    network = decoder()
    ids = torch.tensor([own.evidence])
    prefix = network.embed_tokens(ids).detach().requires_grad_()
    answer_loss(network, prefix, torch.ones_like(ids), group_rows(own.rows[:2])).loss.backward()
    assert prefix.grad is not None
    assert float(prefix.grad.abs().sum()) > 0
