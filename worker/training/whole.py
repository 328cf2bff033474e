"""All stages of a bundle, one after the other, from one plan: each goes on where it was stopped.

Stage 0 learns how images look from unlabelled studies (only where there are some), 1 is the tower
on labels, 2 to 4 are the stages of a language recipe (words alone, the connector, everything), 5
fits tables to patients that stages 1 to 4 never saw. Who does the work is known elsewhere; here is
only the order. ``steps.json`` keeps what was begun and done, with the digest of what it is made of.
"""

import hashlib
import json
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from plugin.domain.errors import ConfigurationError, Reason
from worker.bundle import Bundle, load_bundle
from worker.model.tower import SegmentationTower
from worker.training.beginning import begin
from worker.training.device import Compute
from worker.training.folds import N_FOLDS, train_folds
from worker.training.group_commands import groups
from worker.training.language.alignment_task import STUDIES_FOLDER
from worker.training.language.export import add_run
from worker.training.language.recipe import read_language_recipe
from worker.training.language.run import start_or_resume_language
from worker.training.language.study_data import make_studies
from worker.training.page.commands import evaluate_bundle
from worker.training.pretrain import CHECKPOINT_FILE as PRETRAINED_FILE
from worker.training.pretrain import pretrain_on
from worker.training.recipe import read_recipe
from worker.training.release import add_familiarity_table, export_checkpoint
from worker.training.run import DataFolders, start_or_resume
from worker.training.site.studies import describe_left_out, read_studies
from worker.training.train import CHECKPOINT_FILE

STEPS_NAME = "steps.json"


class Plan(BaseModel):
    """What a whole bundle is made by; recipes are named as seen from the plan.

    Attributes
    ----------
    pretrain_minutes
        Stage 0, where unlabelled studies are given; 0: never.
    tower
        Recipe of stage 1.
    language
        Recipe of stages 2 to 4; none: the bundle has no language model.
    generated_studies
        Generated hearts that the stages with images learn from, besides the patients.
    seed
        Of those hearts.
    folds
        Recipe of the towers of cross-validation, for the table of groups (stage 5); none: no table.
    familiar_hearts
        Generated hearts for the table of what is familiar, where no patients of ACDC were seen.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    pretrain_minutes: float = Field(default=0, ge=0)
    tower: Path
    language: Path | None = None
    generated_studies: int = Field(default=0, ge=0)
    seed: int = 20261122
    folds: Path | None = None
    familiar_hearts: int = Field(default=14, gt=0)


@dataclass(frozen=True, slots=True)
class Setting:
    """With what a plan is carried out.

    Attributes
    ----------
    studies
        Unlabelled DICOM studies for stage 0.
    bundle, version
        Folder of the bundle to be made, and its version.
    """

    work: Path
    bundle: Path
    version: str
    folders: DataFolders
    studies: Path | None = None
    processes: int = 2
    threads: int = 0
    compute: Compute | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One step: its name, what it depends on, and how it is done."""

    name: str
    made_of: str
    do: Callable[[], object]


def read_plan(path: Path) -> Plan:
    """Read and check a plan.

    Raises
    ------
    ConfigurationError
        ``SETTING_INVALID``: the file is no plan, or a recipe that it names is not there.
    """
    try:
        plan = Plan.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(Reason.SETTING_INVALID, f"{path.name}: {error}") from error
    except ValidationError as error:
        where = ".".join(str(key) for key in error.errors()[0]["loc"])
        raise ConfigurationError(Reason.SETTING_INVALID, f"{path.name}: {where}") from error
    placed = {
        name: path.parent / recipe
        for name in ("tower", "language", "folds")
        if (recipe := getattr(plan, name)) is not None
    }
    for name, recipe in placed.items():
        if not recipe.is_file():
            detail = f"{path.name}: {name}: there is no {recipe.name}"
            raise ConfigurationError(Reason.SETTING_INVALID, detail)
    return plan.model_copy(update=placed)


def carry_out(steps: Iterable[Step], work: Path, tell: Callable[[str], None]) -> None:
    """Do the steps that are not done yet.

    Raises
    ------
    ConfigurationError
        ``SETTING_INVALID``: a step was begun in this folder with another plan, version, bundle or
        folder of studies. Hours of training are thrown away by a person, not by a change of a file.
    """
    work.mkdir(parents=True, exist_ok=True)
    path, digest, todo = work / STEPS_NAME, "", list(steps)
    begun = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for number, step in enumerate(todo, start=1):
        digest = hashlib.sha256(f"{digest}{step.name}{step.made_of}".encode()).hexdigest()
        known = begun.setdefault(step.name, {"made_of": digest, "done": False})
        if known["made_of"] != digest:
            detail = f"{step.name} was begun here with another plan, --version or --out; "
            detail += "go on with that one, or choose another --work"
            raise ConfigurationError(Reason.SETTING_INVALID, detail)
        tell(f"{number} of {len(todo)}: {step.name}{', done before' * known['done']}")
        if not known["done"]:
            _keep(begun, path)
            step.do()
            known["done"] = True
            _keep(begun, path)


def _keep(begun: Mapping[str, Mapping[str, str | bool]], path: Path) -> None:
    temporary = path.with_suffix(".part")
    temporary.write_text(json.dumps(begun, indent=1) + "\n", encoding="utf-8")
    temporary.replace(path)


def steps_of(plan: Plan, setting: Setting) -> Iterator[Step]:
    """Return what a plan asks for, in order.

    Raises
    ------
    ConfigurationError
        ``TRAINING_DATA_MISSING``: the table of groups is of ACDC's patients, and they were not
        named.
    """
    acdc = setting.folders.acdc
    if plan.folds is not None and acdc is None:
        raise ConfigurationError(Reason.TRAINING_DATA_MISSING, "folds: --data, the folder of ACDC")
    if plan.pretrain_minutes and setting.studies is not None:
        made_of = f"{plan.pretrain_minutes} {setting.studies} {_text(plan.tower)}"
        yield Step("pretrain", made_of, lambda: _pretrain(plan, setting))
    yield Step("tower", _text(plan.tower), lambda: _tower(plan, setting))
    out = f"{setting.version} {setting.bundle.resolve()}"
    yield Step("export", out, lambda: _export(setting))
    if plan.language is not None:
        if any(stage.kind == "align" for stage in read_language_recipe(plan.language).stages):
            wanted = f"{plan.generated_studies} {plan.seed}"
            yield Step("studies", wanted, lambda: _studies(plan, setting))
        yield Step("language", _text(plan.language), lambda: _language(plan, setting))
        yield Step("language into bundle", "", lambda: _add_language(setting))
    yield Step("familiarity", str(plan.familiar_hearts), lambda: _familiarity(plan, setting))
    if plan.folds is not None:
        yield Step("folds", _text(plan.folds), lambda: _folds(plan, setting))
        yield Step("groups", "", lambda: _groups(setting))
    if acdc is not None:
        yield Step("evaluate", "", lambda: _evaluate(acdc, setting))


def _pretrain(plan: Plan, setting: Setting) -> None:
    assert setting.studies is not None  # noqa: S101 - the step is there only with studies
    left_out: Counter[Reason] = Counter()
    found = read_studies(setting.studies, left_out)
    recipe, work = read_recipe(plan.tower), _in(setting, "pretrain")
    n, _ = pretrain_on(found, recipe, plan.pretrain_minutes, work)
    if not n:
        raise ConfigurationError(Reason.TOO_FEW_STUDIES, describe_left_out(left_out))


def _tower(plan: Plan, setting: Setting) -> None:
    recipe, work = read_recipe(plan.tower), _in(setting, "tower")
    pretrained = _in(setting, "pretrain") / PRETRAINED_FILE
    if pretrained.exists():
        begin(pretrained, recipe, work)
    start_or_resume(
        recipe, setting.folders, work, processes=setting.processes, compute=setting.compute
    )


def _export(setting: Setting) -> None:
    export_checkpoint(_in(setting, "tower") / CHECKPOINT_FILE, setting.bundle, setting.version)


def _studies(plan: Plan, setting: Setting) -> None:
    bundle = load_bundle(setting.bundle)
    tower = SegmentationTower(bundle, threads=setting.threads)
    make_studies(
        tower,
        _in(setting, "language") / STUDIES_FOLDER,
        n_phantoms=plan.generated_studies,
        seed=plan.seed,
        acdc=_patients(bundle, setting),
    )


def _language(plan: Plan, setting: Setting) -> None:
    assert plan.language is not None  # noqa: S101 - the step is there only with a recipe
    recipe, work = read_language_recipe(plan.language), _in(setting, "language")
    start_or_resume_language(recipe, work, threads=setting.threads, compute=setting.compute)


def _add_language(setting: Setting) -> None:
    add_run(_in(setting, "language"), setting.bundle)


def _familiarity(plan: Plan, setting: Setting) -> None:
    data = _patients(load_bundle(setting.bundle), setting)
    hearts = 0 if data is not None else plan.familiar_hearts
    add_familiarity_table(setting.bundle, data, hearts, setting.threads)


def _folds(plan: Plan, setting: Setting) -> None:
    assert plan.folds is not None  # noqa: S101 - the step is there only with a recipe
    train_folds(
        read_recipe(plan.folds),
        setting.folders,
        _in(setting, "folds"),
        folds=range(2, N_FOLDS + 1),
        processes=setting.processes,
    )


def _groups(setting: Setting) -> None:
    groups(
        setting.folders.acdc_folder,
        _in(setting, "folds"),
        bundle=str(setting.bundle),
        into=setting.bundle,
        threads=setting.threads,
    )


def _evaluate(acdc: Path, setting: Setting) -> None:
    evaluate_bundle(
        acdc,
        bundle=str(setting.bundle),
        out=_in(setting, "evaluation"),
        threads=setting.threads,
        write_back=True,
    )


def _patients(bundle: Bundle, setting: Setting) -> Path | None:
    """Return the folder of ACDC for a bundle with its terms; none for one that is free of them."""
    return setting.folders.acdc if "-NC-" in bundle.manifest.licence else None


def _in(setting: Setting, name: str) -> Path:
    return setting.work / name


def _text(recipe: Path) -> str:
    return recipe.read_text(encoding="utf-8")
