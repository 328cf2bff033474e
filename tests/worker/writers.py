"""Stand-ins for a language model: one that writes at random, one that writes what it is told."""

import numpy as np

from plugin.domain.evidence import FactKind
from worker.model.language.constraints import required_facts
from worker.model.language.decoder import Reading
from worker.model.language.generation import Ending
from worker.model.language.vocabulary import Task
from worker.model.language.writer import ReadStudy, Written


class RandomDecoder:
    """Scores that depend on what was read and on nothing sensible; the same every time.

    ``slots`` makes slots and ends likelier, so that what it writes has many facts and some ends.
    """

    def __init__(self, tokenizer, seed=0, slots=0.0, context_length=4096):
        self.context_length = context_length
        self.n_reads = 0
        self._size, self._seed, self._slots = len(tokenizer), seed, slots
        self._liked = [tokenizer.end_id, *tokenizer.encode("".join(f"[E{i}]" for i in range(64)))]
        self._liked += tokenizer.encode(". ; : 。 ， ：")

    def embed(self, ids):
        return np.asarray(ids, dtype=np.float32)[:, None]

    def read(self, embeds, after=None):
        self.n_reads += 1
        n_tokens = (after.n_tokens if after else 0) + len(embeds)
        rng = np.random.default_rng([self._seed, n_tokens, int(embeds[-1, 0])])
        scores = rng.random(self._size, dtype=np.float32)
        scores[self._liked] += self._slots
        return Reading(n_tokens, {}, scores)


class DictatedDecoder(RandomDecoder):
    """Writes the given text after each task, whatever it read, as far as the laws let it."""

    def __init__(self, tokenizer, texts, **options):
        super().__init__(tokenizer, **options)
        self._ids = {
            tokenizer.id_of(f"<task:{task.value}>"): [*tokenizer.encode(text), tokenizer.end_id]
            for task, text in texts.items()
        }
        self.read_ids = []

    def read(self, embeds, after=None):
        reading = super().read(embeds, after)
        ids = [int(one) for one in embeds[:, 0]]
        self.read_ids.append(ids)
        plan = next((self._ids[one] for one in ids if one in self._ids), None)
        if plan is None:
            plan = after.cache["plan"][1:] if after and after.cache.get("plan") else []
        scores = reading.next_scores
        if plan:
            scores[plan[0]] += 100
        return Reading(reading.n_tokens, {"plan": plan}, scores)


def targets(records, code, index):
    """Return the corpus answers about one study that argue with no history, one of each task."""
    found = {}
    for record in records:
        mine = record.language == code and record.id.startswith(f"{index}-")
        if mine and record.probe != "contradiction" and record.task is not Task.ANSWER:
            found.setdefault(record.task, record.target)
    return found


_FORMS = {
    "en": (
        ".",
        {
            FactKind.NOT_ASSESSED: "{0}: not assessed.",
            FactKind.CONSIDERATION: "{0} should be considered.",
        },
    ),
    "zh": (
        "。",
        {
            FactKind.NOT_ASSESSED: "{0}未评估。",
            FactKind.CONSIDERATION: "{0}应予考虑。",
        },
    ),
}


class PlainWriter:
    """A language model that says of every fact that it must name as little as it can."""

    measurement_keys = ()
    reads_images = False

    def __init__(self):
        self.told = []

    def read(self, evidence, history="", study=None):
        self.told.append((history, study))
        return ReadStudy(evidence, Reading(0, {}, np.zeros(1, np.float32)))

    def write(self, study, task, *, question="", cancelled=None):
        groups = required_facts(study.evidence, task)
        named = [study.evidence.fact(sorted(group)[0]) for group in groups]
        if not named:
            named = [study.evidence.of_kind(FactKind.SCOPE)[0]]
        stop, forms = _FORMS[study.evidence.language]
        sentences = [forms.get(fact.kind, "{0}" + stop).format(fact.slot) for fact in named]
        return Written(" ".join(sentences), Ending.STOP_TOKEN, len(sentences))
