"""Writes ``docs/measurements-definitions.md`` from the tables of this package.

``python -m worker.findings.definition_page docs/measurements-definitions.md``; a test fails when
the page and the code differ.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from plugin.domain.comparison import COMPARED
from plugin.domain.triage import MeasurementCondition, default_policy
from worker.findings.compare import GUM, REFERENCE_CHANGE
from worker.findings.definitions import DEFINITIONS, SEGMENT_NAMES, SEGMENT_SITES
from worker.findings.language import load_language
from worker.findings.limits import (
    LVEF_NORMAL_PERCENT,
    LVEF_REDUCED_PERCENT,
    LVEF_SEVERE_PERCENT,
    WALL_MASSIVE_MM,
    WALL_THICKENED_MM,
)
from worker.findings.normal_ranges import REFERENCE_INTERVALS
from worker.findings.not_assessed import NOT_ASSESSED
from worker.findings.rules import ASE_EACVI, ESC_CARDIOMYOPATHY, ESC_HEART_FAILURE, RANGE_RULES
from worker.findings.uncertainty import STANDARD_ERRORS
from worker.findings.wall_motion import (
    AKINETIC_MOTION_MM,
    AKINETIC_THICKENING_PERCENT,
    HYPOKINETIC_MOTION_MM,
    HYPOKINETIC_THICKENING_PERCENT,
)

_HEAD = """# Measurements: definitions, codes, limits

Generated from `worker/findings` by `python -m worker.findings.definition_page
docs/measurements-definitions.md`; change the code, not this page.

Everything here is measured on the short-axis cine by AI, not verified by a physician, and not for
diagnosis. Papillary muscles and trabeculae belong to the cavity. Discs use the distance between
slice centres: a slice counts half of the distance to each neighbour, an outermost slice the whole
distance to its only neighbour; Slice Thickness is never used. End-diastole and end-systole are the
largest and smallest LV volume of the periodically smoothed volume curve (fewer than twelve phases
are taken as they are); the volumes are read from the contours of those phases, for the RV too. Body
surface area is Mosteller's. Mass is ED myocardium times 1.05 g/ml.
"""


_CONFIRMED = (
    (
        "JCGM 100:2008; Harris 1983",
        "nothing: cited for the rule, which is plain propagation of independent errors",
        "that this is how the cited texts word it",
    ),
    (
        "Zhan 2024",
        "citation, method (papillary muscles in the LV volume, bSSFP at 1.5 T or 3 T, 52 studies), "
        "LVEF of men 52 to 73 % (abstract at bohrium.dp.tech)",
        "all other limits",
    ),
    (
        "Kawel-Boehm 2025 (SCMR)",
        "nothing; of the update of 2020 only the list of its studies and their papillary "
        "conventions (jcmr-online.biomedcentral.com)",
        "citation, Tables 3 and 9, all limits",
    ),
    (
        "McDonagh 2021 (ESC)",
        "citation (title page at studylib.net)",
        "number of the table; limits of 40 and 50 %",
    ),
    (
        "Lang 2015 (ASE/EACVI)",
        "nothing",
        "citation, Table 4, limit of 30 %",
    ),
    (
        "J Cardiovasc Magn Reson 2009;11:22",
        "title, and 30 % for infarcted segments (abstract at jcmr-online.biomedcentral.com)",
        "how thickness was measured there",
    ),
    (
        "Kapetanakis 2005",
        "nothing",
        "citation; its times are those of regional volumes, ours of thickness",
    ),
    (
        "Arbelo 2023 (ESC)",
        "citation (title page at quizgecko.com); 15 mm in one or more segments stands so in a "
        "summary of the guideline of 2014 (slideshare.net)",
        "the same number in the text of 2023",
    ),
    (
        "Zeppenfeld 2022 (ESC)",
        "citation (title page at scribd.com)",
        "limit of 35 %",
    ),
    (
        "Humbert 2022 (ESC/ERS)",
        "citation (record at ouci.dntb.gov.ua)",
        "Table 16, limit of 37 %",
    ),
    (
        "Ommen 2024 (AHA/ACC)",
        "authors, title and year, in its other printing J Am Coll Cardiol 2024;83:2324-2405 "
        "(record at ouci.dntb.gov.ua)",
        "pages in Circulation, limit of 30 mm",
    ),
    ("Grothues 2004", "nothing", "citation, 6.2 % and 7.8 %"),
)
"""Source, what a public page confirmed and which, what nobody has confirmed."""


def _table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    yield from (f"| {' | '.join(row)} |" for row in rows)
    yield ""


def _measurements() -> Iterator[str]:
    yield "## Measurements\n"
    yield (
        "A value outside the plausible range is one that no heart has: the contours are wrong. LV "
        "end-diastolic volume, ejection fraction and mass outside stop the analysis; the RV, or "
        "any other value with all that is computed from it, is left out with a note.\n"
    )
    head = ("key", "definition", "unit (UCUM)", "code", "finding site", "plausible")
    yield from _table(
        head,
        (
            (
                f"`{one.key}`",
                one.definition,
                one.unit,
                f"{one.code.value} {one.code.scheme}",
                f"{one.site.meaning} {one.site.value}",
                f"{one.plausible[0]:g} to {one.plausible[1]:g}",
            )
            for one in DEFINITIONS.values()
        ),
    )


def _segments() -> Iterator[str]:
    yield "## AHA segments\n"
    yield (
        "Thirds of the cavity's length between the first slice with a closed ring of myocardium "
        "and the last slice with cavity; sectors from the middle of the septum between the RV "
        "insertions. Patient coordinates must agree, otherwise no segment is reported. An image "
        "mirrored top to bottom without its coordinates cannot be told from a true one. Segment 17 "
        "has no short-axis value.\n"
    )
    yield from _table(
        ("segment", "name", "code"),
        ((str(n), name, f"{SEGMENT_SITES[n].value} SCT") for n, name in SEGMENT_NAMES.items()),
    )


def _motion() -> Iterator[str]:
    yield "## Wall motion score\n"
    yield (
        "Derived from two numbers: a segment is as good as the better of them. The four grades and "
        "their mean as an index follow ASE/EACVI (Lang 2015), the 30 % J Cardiovasc Magn Reson "
        "2009;11:22; the other limits are this project's choice. With experts' contours of ACDC, 3 "
        "% of the segments of 20 healthy hearts, 49 % of 20 with infarction and 75 % of 20 with "
        "dilated cardiomyopathy have a score above 1. No finding or sentence rests on it, and a "
        "priority only where a hospital's own policy names it.\n"
    )
    thickening, motion = "thickening (%)", "inward motion (mm)"
    yield from _table(
        ("score", "grade", thickening, motion),
        iter(
            [
                (
                    "1",
                    "normal or hyperkinetic",
                    f"{HYPOKINETIC_THICKENING_PERCENT:g} or more",
                    f"{HYPOKINETIC_MOTION_MM:g} or more",
                ),
                (
                    "2",
                    "hypokinetic",
                    f"{AKINETIC_THICKENING_PERCENT:g} or more",
                    f"{AKINETIC_MOTION_MM:g} or more",
                ),
                ("3", "akinetic", "0 or more", "0 or more"),
                ("4", "dyskinetic", "thins", "moves outwards"),
            ]
        ),
    )


def _ranges() -> Iterator[str]:
    yield "## Reference ranges\n"
    yield (
        "Adults, bSSFP at 1.5 T or 3 T, papillary muscles in the cavity. Where sex is unknown both "
        "are shown; under 18 years and at another field strength none. The interval limits were "
        "taken from abstracts and secondary reproductions of the cited tables; the primary tables "
        "should be checked again before clinical use (see the last section). No range is given "
        "where no fitting source was found (absolute LV mass, wall thickness by segment, cardiac "
        "output).\n"
    )
    yield from _table(
        ("measurement", "men", "women", "unit", "source"),
        (
            (
                f"`{key}`",
                f"{one.men[0]:g} to {one.men[1]:g}",
                f"{one.women[0]:g} to {one.women[1]:g}",
                DEFINITIONS[key].unit,
                one.source,
            )
            for key, one in REFERENCE_INTERVALS.items()
        ),
    )


def _errors() -> Iterator[str]:
    yield "## Uncertainty\n"
    yield (
        "Standard errors against expert contours; the interval shown is the value plus and minus "
        "1.645 of them (about 90 %). Where both parts are given they add in quadrature. Stroke "
        "volume, cardiac output, indexed values, the thickness ratio and thickening follow by "
        "propagation. Heart rate is read from the headers and has no interval. The table is that "
        "of the default bundle; another bundle that was measured has the errors of its own "
        "evaluation (`cmr-triage bundle show`) in place of those of the default one.\n"
    )
    yield (
        "No interval is given for rates, times of a peak, inward motion, wall motion score and "
        "dyssynchrony. The experts of the studies that the errors were measured on drew "
        "end-diastole and end-systole only, so the error of the contours between them, which these "
        "values rest on, is not known. Generated hearts, whose every phase is known, tell how far "
        "the method is off when the contours are right (see [Pages](objects/pages.md)); an "
        "interval made of that alone would be too narrow, and one of the network's errors on "
        "generated hearts would be of images that no scanner made.\n"
    )
    yield from _table(
        ("measurement", "fixed part", "share of the value", "source"),
        (
            (f"`{key}`", f"{one.fixed:g}", f"{100.0 * one.share:g} %", one.source)
            for key, one in STANDARD_ERRORS.items()
        ),
    )


def _statements() -> Iterator[str]:
    yield "## Statements\n"
    yield (
        "*Present* when the value and its whole interval lie beyond the threshold; *undetermined* "
        "when the value does but the interval does not, or when the value misses the threshold by "
        "less than half a standard error. Adults only. No statement names a disease.\n"
    )
    lvef = "`lv_ejection_fraction`"
    yield from _table(
        ("statement", "rule", "source"),
        iter(
            [
                (
                    "reduced LV function",
                    f"{lvef} below {LVEF_NORMAL_PERCENT:g} %; reduced at "
                    f"{LVEF_REDUCED_PERCENT:g} % or less, mildly reduced above",
                    ESC_HEART_FAILURE,
                ),
                (
                    "severely reduced LV function",
                    f"{lvef} below {LVEF_SEVERE_PERCENT:g} %",
                    ASE_EACVI,
                ),
                *(
                    (
                        load_language("en").tables["statements"][rule.key],
                        f"`{rule.keys[0]}` {rule.side.value} its reference range",
                        REFERENCE_INTERVALS[rule.keys[0]].source,
                    )
                    for rule in RANGE_RULES
                ),
                (
                    "thick LV wall",
                    f"`maximal_wall_thickness` {WALL_THICKENED_MM:g} mm or more "
                    f"({WALL_MASSIVE_MM:g} mm or more: massive)",
                    ESC_CARDIOMYOPATHY,
                ),
            ]
        ),
    )


def _priorities() -> Iterator[str]:
    yield "## Priority\n"
    yield (
        "The policy that ships ([Triage](triage.md) tells how a hospital sets its own). The rules "
        "only promote; a study that meets none keeps the priority it arrived with. That "
        "these thresholds justify reading a study earlier is this project's choice.\n"
    )
    yield from _table(
        ("level", "rule", "source of the threshold"),
        (
            (
                rule.level.value,
                f"`{one.key}` {one.side.value} {one.threshold:g} {DEFINITIONS[one.key].unit}",
                rule.source,
            )
            for rule in default_policy().rules
            for one in rule.conditions
            if isinstance(one, MeasurementCondition)
        ),
    )


def _comparison() -> Iterator[str]:
    yield "## Comparison with an earlier result\n"
    yield (
        "Values of the latest earlier result of the same person (same Patient ID and issuer, same "
        "birth date, no other sex; an earlier study; a result that stands) are set beside those of "
        "this study where quantity, unit and definition are the same. Another version of bundle or "
        "software is no obstacle, because the uncertainty is that to an expert's contours for "
        "either, but it is said. Both values are rounded to one decimal first, so the difference "
        "is that of the printed numbers.\n"
    )
    yield (
        "A difference is *more than the measurement uncertainty* when it exceeds the root of the "
        "sum of squares of the upper half-widths of both 90 % intervals, that is the 90 % interval "
        "of the difference of two independent measurements "
        f"({GUM}; as the reference change value of laboratory tests, {REFERENCE_CHANGE}). Bias to "
        "the experts is part of the uncertainty and cancels in part between two studies of one "
        "heart, so the limit is rather too wide than too narrow; that it holds for 9 of 10 "
        "unchanged hearts was not measured on repeated studies. Of many values of an unchanged "
        "heart one may exceed it by chance. It says that a number changed, not why and not that a "
        "disease did.\n"
    )
    yield f"Compared are {', '.join(f'`{key}`' for key in COMPARED)}.\n"


def _not_assessed() -> Iterator[str]:
    yield "## Not assessed\n"
    yield from _table(
        ("key", "sentence", "code"),
        (
            (f"`{one.key}`", one.sentence, f"{one.code.value} {one.code.scheme}")
            for one in NOT_ASSESSED
        ),
    )


def _sources() -> Iterator[str]:
    yield "## What of the sources was confirmed\n"
    yield (
        "Looked up in stored copies of public web pages, not in the papers themselves. A person "
        "with the papers must check every number before clinical use.\n"
    )
    yield from _table(("source", "confirmed", "not confirmed"), iter(_CONFIRMED))


def definition_page() -> str:
    """Return the page as Markdown."""
    sections = (
        _measurements,
        _segments,
        _motion,
        _ranges,
        _errors,
        _statements,
        _priorities,
        _comparison,
        _not_assessed,
        _sources,
    )
    lines = [_HEAD, *(line for section in sections for line in section())]
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(definition_page(), encoding="utf-8")
