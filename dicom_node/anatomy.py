"""Words that speak for or against the heart in body parts and descriptions.

A cheap gate only: what is not clear goes to the worker, which looks at geometry and timing.

References
----------
DICOM PS3.16 Annex L (body part examined), and what scanners write instead.
"""

_HEART_WORDS = (
    "card", "heart", "cmr", "cine", "short axis", "short_axis", "sax", "ventric", "lvot",
    "myocard", "herz", "coeur", "cuore", "coraz", "hart", "serce", "2ch", "3ch", "4ch", "lge",
)  # fmt: skip
# Chest, thorax and abdomen are not among them: scanners set those by table position.
_ELSEWHERE = frozenset(
    [
        "BRAIN",
        "HEAD",
        "SKULL",
        "NECK",
        "HEADNECK",
        "ORBIT",
        "EYE",
        "EAR",
        "IAC",
        "PITUITARY",
        "TMJ",
        "SPINE",
        "CSPINE",
        "TSPINE",
        "LSPINE",
        "LUMBAR",
        "CERVICAL",
        "SACRUM",
        "PELVIS",
        "PROSTATE",
        "UTERUS",
        "RECTUM",
        "BREAST",
        "HIP",
        "KNEE",
        "ANKLE",
        "FOOT",
        "LEG",
        "THIGH",
        "SHOULDER",
        "ELBOW",
        "WRIST",
        "HAND",
        "ARM",
        "FOREARM",
        "EXTREMITY",
        "FINGER",
        "TOE",
        "CALF",
    ]
)


def speaks_of_heart(text: str) -> bool:
    """Tell whether a description or body part has a word for the heart or its standard views."""
    lower = text.lower()
    return any(word in lower for word in _HEART_WORDS)


def is_elsewhere(body_part_examined: str) -> bool:
    """Tell whether Body Part Examined names a part that no cardiac study is filed under."""
    return body_part_examined.upper().translate({ord(c): None for c in " -_"}) in _ELSEWHERE
