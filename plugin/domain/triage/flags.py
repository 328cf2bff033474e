"""Which flags the words of an order raise: what a hospital's triage policy may look at.

A short list of words, not an understanding of text. What is denied ("no chest pain") raises
nothing, and a text that reads like an instruction to a program raises nothing either. A flag can
only ever help to promote a study, and the policy that ships uses none.
"""

import re
from collections.abc import Iterable, Mapping

from plugin.domain.suspicion import reads_like_instruction
from plugin.domain.triage.inputs import ClinicalFlag

_WORDS: Mapping[ClinicalFlag, str] = {
    ClinicalFlag.CHEST_PAIN: r"(?:acute )?chest (?:pain|discomfort)|angina|胸痛|心绞痛",
    ClinicalFlag.SYNCOPE_OR_ARREST: (
        r"syncop\w*|cardiac arrest|resuscitat\w*|ventricular fibrillation|\bvf arrest|"
        r"(?:aborted )?sudden (?:cardiac )?death|晕厥|心脏骤停|心搏骤停|猝死|室颤"
    ),
    ClinicalFlag.ACUTE_HEART_FAILURE: (
        r"(?:acute|decompensated|new[- ]onset) (?:\w+ ){0,2}heart failure|cardiogenic shock|"
        r"pulmonary (?:o?edema)|急性(?:左)?心(?:力)?衰(?:竭)?|心源性休克|肺水肿"
    ),
    ClinicalFlag.MYOCARDITIS: r"(?:peri)?myo(?:peri)?carditis|心肌炎",
    ClinicalFlag.INTRACARDIAC_MASS: (
        r"(?:cardiac|intracardiac|atrial|ventricular|lv|rv|la|ra|apical) "
        r"(?:mass|tumou?r|thromb\w+)|myxoma|心(?:脏|腔|房|室)(?:内)?(?:占位|肿瘤|肿物|血栓)|黏液瘤"
    ),
}
_PATTERNS = {flag: re.compile(words, re.IGNORECASE) for flag, words in _WORDS.items()}
_CLAUSE = re.compile(r"[.;:,\n。；：，、]|\bbut\b|但")
_DENIED = re.compile(
    r"\b(?:no|not|without|denies|denied|negative for|rule[sd]? out|ruled out|exclude[sd]?|never|"
    r"free of)\b|无|没有|否认|未见|排除",
    re.IGNORECASE,
)


def flags_of(texts: Iterable[str]) -> frozenset[ClinicalFlag]:
    """Return the flags that reasons for a study and admitting diagnoses raise.

    "Rule out myocarditis" raises nothing: a suspicion is no reason by itself to read earlier, and
    the words that exclude and those that suspect cannot be told apart safely.
    """
    clauses = [
        clause
        for text in texts
        if not reads_like_instruction(text)
        for clause in _CLAUSE.split(text)
    ]
    return frozenset(
        flag
        for flag, pattern in _PATTERNS.items()
        if any(_says(pattern, clause) for clause in clauses)
    )


def _says(pattern: re.Pattern[str], clause: str) -> bool:
    found = pattern.search(clause)
    return found is not None and _DENIED.search(clause, 0, found.start()) is None
