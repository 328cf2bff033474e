"""Ways to make a correct sentence wrong, each as a function of sentence, language and chance.

Each returns the wrong sentence, or None where the sentence gives no room for it.
"""

import re

NUMBER = re.compile(r"(?<![\w.,;:-])\d+(?:\.\d+)?(?![\d;:-])")

SURE_OF = {" is neither confirmed nor excluded": ": borderline, "}
"""Both halves of a hedge go together, else the sentence is still hedged."""

WORDS = {
    "en": {
        "severity": (
            ("mildly reduced", "severely reduced"),
            ("severely reduced", "mildly reduced"),
            (": reduced left", ": severely reduced left"),
            (": dilated", ": severely dilated"),
            (": reduced right", ": mildly reduced right"),
            ("15 mm or more", "30 mm or more"),
            ("30 mm or more", "15 mm or more"),
        ),
        "certainty": (
            (" is neither confirmed nor excluded", ""),
            (": dilated", ": borderline, dilated"),
            (": reduced", ": borderline, reduced"),
            (": left ventricular mass above", ": borderline, left ventricular mass above"),
            (": wall thickness", ": borderline, wall thickness"),
        ),
        "negation": (
            (": dilated", ": no dilated"),
            (": reduced", ": not reduced"),
            (": severely reduced", ": no severely reduced"),
            (": mildly reduced", ": no mildly reduced"),
            (": wall thickness of", ": no wall thickness of"),
            (": left ventricular mass above", ": no left ventricular mass above"),
        ),
        "side": (
            ("left ventric", "right ventric"),
            ("right ventric", "left ventric"),
            ("LV ", "RV "),
            ("RV ", "LV "),
        ),
        "relation": (
            ("below the reference", "above the reference"),
            ("above the reference", "below the reference"),
            ("below the reference", "within the reference"),
            ("above the reference", "within the reference"),
        ),
        "not_assessed": (
            ("was not assessed", "was not found"),
            ("were not assessed", "are absent"),
            ("was not assessed", "was assessed"),
            ("was not assessed", "is present"),
            ("Not assessed:", "Not seen:"),
            ("was not graded", "was preserved"),
        ),
        "population": (("(men)", "(women)"), ("(women)", "(men)")),
        "unit": ((" %", " ml"), (" ml/m²", " ml"), (" g/m²", " g"), (" mm", " ml")),
        "priority": (
            ("URGENT suggested", "STAT suggested"),
            ("No measured value gives a reason to promote", "URGENT: reasons to promote"),
            ("URGENT suggested", "No promotion"),
        ),
        "source": (("2022;43", "2021;43"), ("Eur Heart J", "Lancet")),
    },
    "zh": {
        "severity": (
            ("轻度减低", "重度减低"),
            ("重度减低", "轻度减低"),
            ("：左心室收缩功能减低", "：左心室收缩功能重度减低"),
            ("心室扩大", "心室重度扩大"),
            ("超过 15 mm", "超过 30 mm"),
            ("超过 30 mm", "超过 15 mm"),
        ),
        "certainty": (
            ("：处于临界，尚不能确认或排除", "："),
            ("：左心室扩大", "：处于临界，左心室扩大"),
            ("：左心室收缩功能", "：处于临界，左心室收缩功能"),
            ("：室壁厚度", "：处于临界，室壁厚度"),
        ),
        "negation": (
            ("）：左心室扩大", "）：左心室不扩大"),
            ("）：右心室扩大", "）：无右心室扩大"),
            ("）：左心室收缩功能", "）：无左心室收缩功能"),
            ("）：室壁厚度", "）：无室壁厚度"),
        ),
        "side": (("左心室", "右心室"), ("右心室", "左心室")),
        "relation": (
            ("低于参考范围", "高于参考范围"),
            ("高于参考范围", "低于参考范围"),
            ("低于参考范围", "在参考范围内"),
            ("高于参考范围：", "在参考范围内："),
        ),
        "not_assessed": (
            ("未评估", "未见"),
            ("未评估", "可见"),
            ("未评估", "已评估"),
            ("未对", "已对"),
        ),
        "population": (("（男性）", "（女性）"), ("（女性）", "（男性）")),
        "unit": (("%", " ml"), (" ml/m²", " ml"), (" g/m²", " g"), (" mm", " ml")),
        "priority": (
            ("紧急（URGENT）", "立即（STAT）"),
            ("所测数值均未提示需要提高本检查的优先级", "建议优先级 紧急"),
        ),
        "source": (("2022;43", "2021;43"), ("Eur Heart J", "Lancet")),
    },
}


def replaced(sentence, code, kind, rng):
    """Replace one word by its wrong counterpart."""
    if kind == "not_assessed" and re.search("see what|what was|内容", sentence):
        return None  # speaks of the list itself, of no topic on it
    if kind == "side" and re.search("cavity|contour|jumps|Stroke volumes|腔|轮廓|突变", sentence):
        return None  # a note on quality, which is data of the assessment
    fitting = [pair for pair in WORDS[code][kind] if pair[0] in sentence]
    if not fitting:
        return None
    old, new = fitting[int(rng.integers(len(fitting)))]
    return sentence.replace(old, new).replace(SURE_OF.get(old, "\0"), ": ")


def with_other_number(sentence, rng):
    """Change one number by some of its digits."""
    matches = list(NUMBER.finditer(re.sub(r"T[12]\*?", lambda m: "x" * len(m[0]), sentence)))
    if not matches:
        return None
    match = matches[int(rng.integers(len(matches)))]
    decimals = len(match[0].partition(".")[2])
    step = float(rng.choice([1, 2, 3, 5, 10, 40])) * 10.0**-decimals
    number = f"{float(match[0]) + step:.{decimals}f}"
    return sentence[: match.start()] + number + sentence[match.end() :]
