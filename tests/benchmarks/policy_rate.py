"""How many studies a policy decides on in a second, and how long a policy takes to read.

    python -m tests.benchmarks.policy_rate [--studies 20000]

Pure Python on one core: the policy that ships, and one of fifty rules of three conditions each.
"""

import argparse
import random
import time

from plugin.domain.findings import Certainty
from plugin.domain.triage import (
    IncomingPriority,
    MeasuredValue,
    OrderFacts,
    TriageInputs,
    decide,
    default_policy_text,
    parse_policy,
)
from plugin.domain.triage.vocabulary import FINDINGS, MEASUREMENTS

_HEAD = 'format = 1\nname = "many"\nversion = "1"\n'


def main() -> None:
    """Make studies, decide, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=20_000)
    arguments = parser.parse_args()
    chance = random.Random(1)
    studies = [_study(chance) for _ in range(arguments.studies)]
    for name, text in (("ships", default_policy_text()), ("50 rules", many_rules(50))):
        started = time.perf_counter()
        policy = parse_policy(text)
        read_ms = 1000 * (time.perf_counter() - started)
        started = time.perf_counter()
        promoted = sum(decide(policy, study).level.value != "ROUTINE" for study in studies)
        rate = len(studies) / (time.perf_counter() - started)
        print(
            f"{name}: {rate:.0f} decisions/s, read in {read_ms:.1f} ms, "
            f"{promoted} of {len(studies)} promoted"
        )


def many_rules(n_rules: int) -> str:
    """Return a policy of rules none of which makes another one unreachable."""
    rules = (
        f'[[rule]]\nname = "r{n}"\nlevel = "URGENT"\nsource = "none, a benchmark"\nwhen = [\n'
        f'{{ measurement = "lv_ejection_fraction", at_or_below = {20 + n}, unit = "%" }},\n'
        f'{{ measurement = "lv_mass_index", above = {60 + n}, unit = "g/m2" }},\n'
        f'{{ finding = "lv_dilation" }}]\n'
        for n in range(n_rules)
    )
    return _HEAD + "".join(rules)


def _study(chance: random.Random) -> TriageInputs:
    values = {}
    for key, known in MEASUREMENTS.items():
        value = chance.uniform(known.low, known.high)
        values[key] = MeasuredValue(value, known.unit, (0.9 * value, 1.1 * value))
    findings = {key: chance.choice(list(Certainty)) for key in FINDINGS if chance.random() < 0.3}
    order = OrderFacts(chance.choice((None, *IncomingPriority)), chance.choice(("ED", "Ward", "")))
    return TriageInputs(values, findings, order=order, waiting_minutes=chance.uniform(0, 600))


if __name__ == "__main__":
    main()
