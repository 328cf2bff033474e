"""The REST interface of triage policies."""

from typing import Annotated

from fastapi import APIRouter, Body, Depends

from plugin.domain.access import Permission
from plugin.domain.triage import (
    condition_words,
    default_policy_text,
    parse_policy,
)
from plugin.web.administration.policy import problems_in
from plugin.web.api_administration_models import (
    ActivationAnswer,
    ActivationBody,
    ExpectedBody,
    PoliciesAnswer,
    PolicyAnswer,
    PolicyBody,
    ProblemAnswer,
    ProblemsAnswer,
    RuleAnswer,
    SimulatedChange,
    SimulationAnswer,
)
from plugin.web.numbers import Before, Size, following
from plugin.web.site import Site
from plugin.web.visitor import Door, Visitor


def add_triage(routes: APIRouter, site: Site, door: Door) -> None:
    """Add the addresses to those of the interface."""
    _add_policies(routes, site, door)
    _add_policy_changes(routes, site, door)


def _add_policies(routes: APIRouter, site: Site, door: Door) -> None:
    viewer = Annotated[Visitor, Depends(door.need(Permission.VIEW))]
    changer = Annotated[Visitor, Depends(door.command(Permission.ADMINISTER))]

    @routes.get("/policies", tags=["policies"])
    def policies(_visitor: viewer, before_id: Before = None, limit: Size = 100) -> PoliciesAnswer:
        """Return which policies were in force, newest first."""
        found = site.registry.policies.history(limit, before_id)
        return PoliciesAnswer(
            activations=[ActivationAnswer.model_validate(one) for one in found],
            next=following(found, limit),
        )

    @routes.get("/policies/current", tags=["policies"])
    def current(_visitor: viewer) -> PolicyAnswer:
        """Return the policy in force: rules in words with their sources, and the file."""
        return _current(site)

    @routes.post("/policies/check", tags=["policies"])
    def check(_visitor: changer, body: Annotated[PolicyBody, Body()]) -> ProblemsAnswer:
        """Say what is wrong with a policy; nothing is changed."""
        found = [ProblemAnswer.model_validate(one) for one in problems_in(body.text)]
        return ProblemsAnswer(problems=found)

    @routes.post("/policies/simulate", tags=["policies"])
    def simulate(_visitor: changer, body: Annotated[PolicyBody, Body()]) -> SimulationAnswer:
        """Decide about past results as another policy would; nothing is changed."""
        found = site.registry.triage.replay(parse_policy(body.text))
        return SimulationAnswer(
            n_studies=found.n_studies,
            n_before={level.value: n for level, n in found.n_before.items()},
            n_after={level.value: n for level, n in found.n_after.items()},
            n_review=found.n_review,
            changed=[
                SimulatedChange(
                    study_id=one.study_id,
                    before=one.before.value,
                    after=one.after.value,
                    sentence=one.sentence,
                )
                for one in found.changed
            ],
        )


def _add_policy_changes(routes: APIRouter, site: Site, door: Door) -> None:
    changer = Annotated[Visitor, Depends(door.command(Permission.ADMINISTER))]
    policies = site.registry.policies

    @routes.post("/policies", tags=["policies"], status_code=201)
    def activate(visitor: changer, body: Annotated[ActivationBody, Body()]) -> PolicyAnswer:
        """Put a policy into force from the next decision on."""
        policies.activate(body.text, visitor.name, expected_id=body.expected_id)
        return _current(site)

    @routes.post("/policies/rollback", tags=["policies"])
    def rollback(visitor: changer, body: Annotated[ExpectedBody, Body()]) -> PolicyAnswer:
        """Put the policy that was in force before back into force."""
        policies.rollback(visitor.name, expected_id=body.expected_id)
        return _current(site)


def _current(site: Site) -> PolicyAnswer:
    policy, record = site.registry.policies.in_force(), site.registry.policies.current()
    return PolicyAnswer(
        name=policy.name,
        version=policy.version,
        activation=None if record is None else ActivationAnswer.model_validate(record),
        rules=[
            RuleAnswer(
                name=rule.name,
                level=rule.level.value,
                when=[condition_words(one) for one in rule.reasons()],
                source=rule.source,
            )
            for rule in policy.rules
        ],
        text=default_policy_text() if record is None else record.text,
    )
