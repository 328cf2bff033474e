"""The REST interface of what decides: triage policies and model bundles."""

from typing import Annotated

from fastapi import APIRouter, Body, Depends, Query
from starlette.exceptions import HTTPException

from plugin.domain.access import Permission
from plugin.domain.errors import ConfigurationError, Reason
from plugin.domain.request import RequestKind
from plugin.domain.triage import (
    condition_words,
    default_policy_text,
    parse_policy,
    problems_of,
)
from plugin.registry.bundles import BundleRecord
from plugin.web.api_administration import Id
from plugin.web.api_administration_models import (
    ActivationAnswer,
    ActivationBody,
    BundleAnswer,
    BundlesAnswer,
    ExpectedBody,
    PoliciesAnswer,
    PolicyAnswer,
    PolicyBody,
    ProblemsAnswer,
    RequestAnswer,
    RuleAnswer,
    SimulatedChange,
    SimulationAnswer,
)
from plugin.web.site import Site
from plugin.web.visitor import Door, Visitor


def add_triage(routes: APIRouter, site: Site, door: Door) -> None:
    """Add the addresses to those of the interface."""
    _add_policies(routes, site, door)
    _add_policy_changes(routes, site, door)
    _add_bundles(routes, site, door)


def _add_policies(routes: APIRouter, site: Site, door: Door) -> None:
    viewer = Annotated[Visitor, Depends(door.need(Permission.VIEW))]
    changer = Annotated[Visitor, Depends(door.command(Permission.ADMINISTER))]

    @routes.get("/policies", tags=["policies"])
    def policies(
        _visitor: viewer, limit: Annotated[int, Query(ge=1, le=1000)] = 100
    ) -> PoliciesAnswer:
        """Return which policies were in force, newest first."""
        history = site.registry.policies.history(limit=limit)
        return PoliciesAnswer(activations=[ActivationAnswer.model_validate(one) for one in history])

    @routes.get("/policies/current", tags=["policies"])
    def current(_visitor: viewer) -> PolicyAnswer:
        """Return the policy in force: rules in words with their sources, and the file."""
        return _current(site)

    @routes.post("/policies/check", tags=["policies"])
    def check(_visitor: changer, body: Annotated[PolicyBody, Body()]) -> ProblemsAnswer:
        """Say what is wrong with a policy; nothing is changed."""
        return ProblemsAnswer(problems=list(problems_of(body.text)))

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
        newest = policies.current()
        if body.expected_id is not None and body.expected_id != (newest.id if newest else 0):
            raise ConfigurationError(Reason.POLICY_CHANGED)
        policies.rollback(visitor.name)
        return _current(site)


def _add_bundles(routes: APIRouter, site: Site, door: Door) -> None:
    admin = Annotated[Visitor, Depends(door.need(Permission.ADMINISTER))]
    changer = Annotated[Visitor, Depends(door.command(Permission.ADMINISTER))]
    registry = site.registry

    @routes.get("/bundles", tags=["bundles"])
    def bundles(_visitor: admin) -> BundlesAnswer:
        """Return the model bundles of this installation, and which one decides."""
        return _bundles(site)

    @routes.post("/bundles/{bundle_id}/verify", tags=["bundles"], status_code=202)
    def verify(bundle_id: Id, visitor: changer) -> RequestAnswer:
        """Have a worker check every file; ``GET /requests/{id}`` tells the outcome."""
        found = _bundle(site, bundle_id)
        asked = registry.requests.ask(
            RequestKind.VERIFY_BUNDLE,
            {"bundle_id": found.id},
            visitor.name,
            f"bundle {found.name} {found.version}",
        )
        return RequestAnswer.model_validate(asked)

    @routes.post("/bundles/{bundle_id}/activate", tags=["bundles"])
    def activate_bundle(
        bundle_id: Id, visitor: changer, body: Annotated[ExpectedBody, Body()]
    ) -> BundlesAnswer:
        """Let a verified bundle decide from the next analysis on."""
        found = _bundle(site, bundle_id)
        registry.bundles.activate(found.id, visitor.name, expected_id=body.expected_id)
        return _bundles(site)

    @routes.post("/bundles/rollback", tags=["bundles"])
    def rollback_bundle(visitor: changer, body: Annotated[ExpectedBody, Body()]) -> BundlesAnswer:
        """Let the bundle decide again that did before."""
        registry.bundles.rollback(visitor.name, expected_id=body.expected_id)
        return _bundles(site)


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


def _bundles(site: Site) -> BundlesAnswer:
    bundles = site.registry.bundles
    in_force, newest = bundles.in_force(), next(iter(bundles.history(limit=1)), None)
    return BundlesAnswer(
        bundles=[BundleAnswer.model_validate(one) for one in bundles.list()],
        in_force=None if in_force is None else in_force.id,
        activation_id=0 if newest is None else newest.id,
    )


def _bundle(site: Site, bundle_id: int) -> BundleRecord:
    found = site.registry.bundles.get(bundle_id)
    if found is None:
        raise HTTPException(404)
    return found
