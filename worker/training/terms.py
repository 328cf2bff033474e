"""What a bundle may be used for, from the data that its network really learnt from.

A network carries the terms of its data. Who claims fewer terms than the data has would mislead a
hospital, so everything here starts from the cohorts that were shown to a network, and a cohort
whose terms are not known stops the export.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

from worker.training.recipe import Recipe

ACDC, SUNNYBROOK, PHANTOM, SITE = "acdc", "sunnybrook", "phantom", "site"
KNOWN_COHORTS = (ACDC, SUNNYBROOK, PHANTOM, SITE)
FOLD = "acdc-fold"
"""Patients of ACDC other than a release may learn from: towers of cross-validation have seen it."""

CITATION = (
    "Bernard O, Lalande A, Zotti C, et al. Deep Learning Techniques for Automatic MRI Cardiac "
    "Multi-structures Segmentation and Diagnosis: Is the Problem Solved? IEEE Transactions on "
    "Medical Imaging 37(11):2514-2525, 2018. doi:10.1109/TMI.2018.2837502"
)
SUNNYBROOK_CITATION = (
    "Radau P, Lu Y, Connelly K, Paul G, Dick AJ, Wright GA. Evaluation Framework for Algorithms "
    "Segmenting Short Axis Cardiac MRI. The MIDAS Journal, 2009."
)
SITE_LICENCE = "LicenseRef-site-data"
"""Beside another licence: the network saw studies of a hospital."""

_PURPOSE = (
    "Contours of the left and right ventricle in adult short-axis cine MR, for measurements that a "
    "physician checks."
)
_BASE_AND_APEX = "The slices at base and apex are where contours go wrong most often."


@dataclass(frozen=True, slots=True)
class Terms:
    """Licence and what goes with it.

    Attributes
    ----------
    licence
        SPDX expression.
    licence_text
        The file LICENSE of the bundle.
    """

    licence: str
    licence_text: str
    intended_use: str
    known_limits: str
    citations: tuple[str, ...]


def terms_of(cohorts: Collection[str]) -> Terms:
    """Return the terms of a network that was shown these cohorts.

    Raises
    ------
    ValueError
        There is none, or one whose terms are not known.
    """
    unknown = sorted(set(cohorts) - set(KNOWN_COHORTS))
    if unknown or not cohorts:
        msg = f"the terms of this data are not known: {', '.join(unknown) or 'none named'}"
        raise ValueError(msg)
    real = ACDC in cohorts
    parts = ["acdc" if real else "open"]
    parts += [name for name in (SUNNYBROOK, SITE) if name in cohorts]
    if real:
        parts.append("program")
    licence = "CC-BY-NC-SA-4.0" if real else "Apache-2.0"
    if SITE in cohorts:
        licence += f" AND {SITE_LICENCE}"
    cited = ((ACDC, CITATION), (SUNNYBROOK, SUNNYBROOK_CITATION))
    return Terms(
        licence=licence,
        licence_text="\n".join(_text(part) for part in parts),
        intended_use=_intended(licence),
        known_limits=_limits(cohorts),
        citations=tuple(citation for name, citation in cited if name in cohorts),
    )


def inherited_terms(licence: str, licence_text: str, cited: Collection[str]) -> Terms:
    """Return the terms of a network that went on from another one on studies of a hospital.

    Parameters
    ----------
    licence, licence_text, cited
        Of the bundle that it came from; none of its terms is lost.
    """
    again = SITE_LICENCE in licence
    return Terms(
        licence=licence if again else f"{licence} AND {SITE_LICENCE}",
        licence_text=licence_text if again else f"{licence_text}\n{_text(SITE)}",
        intended_use=_intended(licence),
        known_limits=(
            "Adapted to the images of one hospital; on those of another it may be worse than the "
            f"bundle that it came from. {_BASE_AND_APEX}"
        ),
        citations=tuple(cited),
    )


def cohorts_of(state: Mapping[str, Any], recipe: Recipe) -> tuple[str, ...]:
    """Return what a checkpoint's network was shown, all that is possible where it does not tell."""
    if "seen" in state:
        return tuple(state["seen"])
    begun = recipe.stages[: int(state["stage"]) + 1]
    return tuple(
        sorted({name for stage in begun for name, share in stage.mix.items() if share > 0})
    )


def training_data(cohorts: Collection[str], recipe: Recipe, stage: int) -> str:
    """Say in a sentence what a network learnt from, up to and with a stage of its recipe."""
    everyone = any(s.patients == "all" for s in recipe.stages[: stage + 1])
    said = {
        ACDC: (
            f"ACDC training set, ED and ES of {80 if everyone else 70} of 100 patients (the 20 "
            "validation patients of worker/training/splits.toml never)"
        ),
        SUNNYBROOK: (
            "Sunnybrook Cardiac Data part 1, 260 slices of 15 patients, LV cavity only (CC0)"
        ),
        PHANTOM: "slices of generated hearts (worker.phantom)",
        SITE: "unlabelled studies of a hospital",
    }
    sentence = "; ".join(said[name] for name in KNOWN_COHORTS if name in cohorts)
    return f"{sentence[:1].upper()}{sentence[1:]}."


def _intended(licence: str) -> str:
    if "-NC-" in licence:
        return f"{_PURPOSE} Research and non-commercial use."
    return (
        f"{_PURPOSE} Research use, also by who may accept no non-commercial terms; a start for "
        "training at a hospital (train adapt, train finetune)."
    )


def _limits(cohorts: Collection[str]) -> str:
    if ACDC in cohorts:
        return (
            "Trained on 1.5 T and 3 T cine bSSFP of one hospital (and LV contours of a second); "
            "other sequences, children, congenital hearts and devices were not seen. "
            f"{_BASE_AND_APEX}"
        )
    seen = "the LV cavity of 15 patients" if SUNNYBROOK in cohorts else "no patient at all"
    return (
        f"Trained on generated hearts: of real ones it saw the contours of {seen}, and never a "
        "contoured right ventricle or myocardium of a patient. It is less accurate than a network "
        "that learnt from patients, most of all for the right ventricle: compare the figures, and "
        f"look at every contour. {_BASE_AND_APEX} The program around it (limits of refusal, how "
        "often it looks) was set up on ACDC patients; no weight was learnt from them."
    )


def _text(name: str) -> str:
    folder = resources.files(__package__).joinpath("licences")
    return folder.joinpath(f"{name}.txt").read_text(encoding="utf-8")
