"""``triage``: the hospital's policy, what it decides, and what another one would change."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from plugin.commands.studies import StudyArgument, find_study
from plugin.commands.terminal import (
    ConfigOption,
    JsonOption,
    new_group,
    open_registry,
    print_json,
    print_table,
)
from plugin.domain.errors import ConfigurationError, Reason

if TYPE_CHECKING:
    from plugin.domain.triage import Policy

app = new_group(
    "Which studies are promoted in the reading worklist, by rules that the hospital owns. "
    "Rules only promote; changes count at once, without a restart."
)

PolicyArgument = Annotated[
    Path, typer.Argument(metavar="FILE", help="Policy (TOML); the format is in docs/triage.md.")
]


@app.command()
def check(file: PolicyArgument) -> None:
    """Say whether a policy can be used; exit code 2 and every problem with its line when not."""
    from plugin.domain.triage import parse_policy, problems_of

    text = read_policy_file(file)
    problems = problems_of(text)
    for problem in problems:
        typer.echo(f"{file}: {problem}", err=True)
    if problems:
        n_problems = f"{len(problems)} problem" + ("" if len(problems) == 1 else "s")
        raise ConfigurationError(Reason.POLICY_INVALID, n_problems)
    policy = parse_policy(text)
    typer.echo(f"{policy.name} {policy.label}: {len(policy.rules)} rules, can be used.")


@app.command()
def show(
    text: Annotated[bool, typer.Option("--text", help="Print the file itself.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the policy in force: its rules with their sources, and how levels are written."""
    from plugin.domain.triage import CHANNELS, default_policy_text

    with open_registry(config) as registry:
        policy, record = registry.policies.in_force(), registry.policies.current()
    if text:
        typer.echo(default_policy_text() if record is None else record.text, nl=False)
        return
    if as_json:
        print_json({"policy": policy, "activation": record})
        return
    since = "it ships" if record is None else f"since {record.activated_at:%Y-%m-%d %H:%M} UTC"
    by = "" if record is None else f" by {record.activated_by}"
    _print_rules(policy, f"{policy.name} {policy.label}, {since}{by}")
    print_table(
        "How a level is written",
        ("level", "UPS", "HL7 v2", "Structured Report"),
        (
            (level.value, one.ups, one.hl7, one.code.meaning if one.code else "no item")
            for level, one in CHANNELS.items()
        ),
        caption="Not promoted: no suggestion at all; a middle value only where one is demanded.",
    )


@app.command()
def activate(file: PolicyArgument, config: ConfigOption = None) -> None:
    """Put a policy into force from the next decision on; refused when it cannot be used."""
    with open_registry(config) as registry:
        record = registry.policies.activate(read_policy_file(file), actor="cli")
    typer.echo(f"{record.name} {record.version} ({record.digest[:8]}) is in force.")


@app.command()
def rollback(config: ConfigOption = None) -> None:
    """Put the policy that was in force before back into force."""
    with open_registry(config) as registry:
        record = registry.policies.rollback(actor="cli")
    typer.echo(f"{record.name} {record.version} ({record.digest[:8]}) is in force again.")


@app.command()
def history(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show which policies were in force, newest first."""
    with open_registry(config) as registry:
        records = registry.policies.history()
    if as_json:
        print_json(records)
        return
    print_table(
        "Policies",
        ("activated", "by", "name", "version", "digest"),
        ((r.activated_at, r.activated_by, r.name, r.version, r.digest[:8]) for r in records),
        caption="" if records else "None was activated: the policy that ships decides.",
    )


@app.command()
def explain(study: StudyArgument, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show every decision about one study: level, rules, policy, and why."""
    with open_registry(config) as registry:
        decisions = registry.triage.of_study(find_study(registry, study).id)
    if as_json:
        print_json([{**_plain(one), "inputs": one.inputs.to_dict()} for one in decisions])
        return
    print_table(
        "Decisions (AI, not verified by a physician)",
        ("decided", "level", "outcome", "rules", "not judged", "policy", "why"),
        (
            (o.decided_at, o.level, o.outcome, o.rules, o.not_judged, o.policy, o.sentence)
            for o in decisions
        ),
        caption="" if decisions else "None yet; the study keeps the place that it arrived with.",
    )


@app.command()
def simulate(
    policy: Annotated[Path, typer.Option(metavar="FILE", help="Policy to try (TOML).")],
    limit: Annotated[int, typer.Option(min=1, help="How many results, newest first.")] = 10_000,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Replay past results under another policy and show what it would have changed."""
    from plugin.domain.triage import parse_policy

    tried = parse_policy(read_policy_file(policy))
    with open_registry(config) as registry:
        changes = registry.triage.replay(tried, limit)
        names = {
            one.study_id: study.study_instance_uid
            for one in changes.changed
            if (study := registry.studies.by_id(one.study_id)) is not None
        }
    if as_json:
        print_json(changes)
        return
    print_table(
        f"Studies with another level under {tried.name} {tried.label}",
        ("study", "level then", "level now", "why now"),
        (
            (f"…{names.get(one.study_id, '')[-12:]}", one.before, one.after, one.sentence)
            for one in changes.changed
        ),
        caption="" if changes.changed else "None.",
    )
    print_table(
        f"All {changes.n_studies} results",
        ("level", "n then", "n now"),
        ((level, changes.n_before[level], changes.n_after[level]) for level in changes.n_before),
    )
    typer.echo(f"For review (near a threshold or by rule): {changes.n_review} now.")


@app.command()
def queue(
    studies_per_day: Annotated[float, typer.Option(min=0.1, help="Studies that arrive.")] = 14,
    urgent_share: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="How many of them are urgent.")
    ] = 0.15,
    readers: Annotated[int, typer.Option(min=1, max=100, help="Readers at work.")] = 1,
    reading_minutes: Annotated[float, typer.Option(min=0.1, help="Mean time to read one.")] = 30,
    sensitivity: Annotated[
        float | None, typer.Option(min=0, max=1, help="Of the suggestion; default: as measured.")
    ] = None,
    specificity: Annotated[
        float | None, typer.Option(min=0, max=1, help="Of the suggestion; default: as measured.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=5000, help="Days to simulate.")] = 500,
    seed: Annotated[int, typer.Option(help="The same seed gives the same figures.")] = 1,
    plot: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw it as a PNG.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Simulate how long urgent studies wait, in order of arrival and with the AI's suggestions."""
    from plugin.commands.queue_plot import save_plot
    from plugin.domain.triage import queueing

    setup = queueing.QueueSetup(
        studies_per_day=studies_per_day,
        urgent_share=urgent_share,
        n_readers=readers,
        reading_minutes=reading_minutes,
        sensitivity=queueing.MEASURED_SENSITIVITY if sensitivity is None else sensitivity,
        specificity=queueing.MEASURED_SPECIFICITY if specificity is None else specificity,
        n_days=days,
        seed=seed,
    )
    if setup.load >= 1:
        raise ConfigurationError(
            Reason.SETTING_INVALID,
            f"{setup.load:.0%} load: more than the readers can read, so the list only grows",
        )
    without, with_ai = queueing.simulate(setup)
    if plot is not None:
        save_plot(setup, without, with_ai, plot)
    rows = [
        (
            f"{name} studies",
            len(first),
            *(queueing.percentile(waits, share) for share in (0.5, 0.9) for waits in pair),
        )
        for name, pair in (
            ("urgent", (without.urgent, with_ai.urgent)),
            ("other", (without.other, with_ai.other)),
        )
        for first in pair[:1]
    ]
    if as_json:
        print_json({"setup": setup, "load": setup.load, "rows": rows})
        return
    print_table(
        f"Minutes from arrival until reading begins (simulation; load {setup.load:.0%})",
        ("", "n studies", "median (FIFO)", "median (AI)", "9 of 10 (FIFO)", "9 of 10 (AI)"),
        rows,
        caption="FIFO: in order of arrival. What urgent studies gain, the others wait longer.",
    )


def _print_rules(policy: "Policy", title: str) -> None:
    from plugin.domain.triage import condition_words

    print_table(
        title,
        ("rule", "level", "when", "source"),
        (
            (
                rule.name,
                rule.level.value,
                " and ".join(condition_words(one) for one in rule.reasons()),
                rule.source,
            )
            for rule in policy.rules
        ),
        caption="" if policy.rules else "No rule: nothing is promoted.",
    )


def read_policy_file(file: Path) -> str:
    """Return the text of a policy's file.

    Raises
    ------
    ConfigurationError
        ``POLICY_INVALID``: it is no text.
    """
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ConfigurationError(Reason.POLICY_INVALID, f"{file}: not UTF-8 text") from None


def _plain(record: object) -> dict[str, object]:
    from dataclasses import fields

    return {one.name: getattr(record, one.name) for one in fields(record)}  # type: ignore[arg-type]
