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

    text = _read(file)
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
        record = registry.policies.activate(_read(file), actor="cli")
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
    from plugin.domain.triage.replay import replay

    tried = parse_policy(_read(policy))
    with open_registry(config) as registry:
        past = list(registry.triage.results(limit))
        changes = replay(tried, {one.study_id: (one.level, one.inputs) for one in past})
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


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ConfigurationError(Reason.POLICY_INVALID, f"{file}: not UTF-8 text") from None


def _plain(record: object) -> dict[str, object]:
    from dataclasses import fields

    return {one.name: getattr(record, one.name) for one in fields(record)}  # type: ignore[arg-type]
