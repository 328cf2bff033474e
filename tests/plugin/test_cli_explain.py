"""What ``analyze --explain`` prints."""

from plugin.commands.analysis import print_explanation
from worker.explain import Explanation, Hidden, Occlusion, Part, PartKind

PARTS = (
    Part(PartKind.SLICE, 0, 4.25, 31.0),
    Part(PartKind.SEGMENT, 0, 1.5, None),
    Part(PartKind.SEGMENT, 9, 0.75, 34.5),
    Part(PartKind.PHASE, 11, None, 33.5),
)


def printed(capsys, **changes):
    explanation = Explanation(
        **{
            "finding": "lv_systolic_dysfunction",
            "measurement": "lv_ejection_fraction",
            "value": 34.0,
            "unit": "%",
            "adds_up": True,
            "parts": PARTS,
            **changes,
        }
    )
    print_explanation(explanation)
    return capsys.readouterr().out


def test_explanation_names_parts_as_people_count_them(capsys):
    shown = printed(capsys)
    for words in ("34.0 %", "slice 1", "segment 9, mid inferoseptal", "phase 12", "in no segment"):
        assert words in shown
    assert "adds" in shown
    assert "looked" not in shown


def test_explanation_of_a_maximum_says_thickest(capsys):
    shown = printed(capsys, adds_up=False)
    assert "thickest" in shown
    assert "adds" not in shown


def test_explanation_shows_what_hiding_did(capsys):
    hidden = Hidden(PartKind.SLICE, 0, 27.5, 28.0, 33.0)
    shown = printed(capsys, occlusion=Occlusion(34.25, (hidden,), 2))
    assert "27.5" in shown
    assert "34.2 %" in shown
    assert "looked 2 times" in shown


def test_explanation_that_is_not_possible_says_so(capsys):
    print_explanation(None)
    assert "cannot be taken apart" in capsys.readouterr().out
