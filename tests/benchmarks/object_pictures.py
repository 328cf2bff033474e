"""Pictures of result objects for ``docs/images``: two generated hearts, analysed as users do it.

    python -m tests.benchmarks.object_pictures [--out DIR]

Takes the summary of a dilated heart, and wall, cine and saliency of one with an infarction, out of
what ``cmr-triage analyze`` writes with the bundle that ships. Look at every picture before it goes
in. The pages are pictured by ``tests.plugin.web.pictures``.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

from tests.benchmarks.picture_sheet import pictures
from worker.phantom.cine import Protocol
from worker.phantom.heart import HeartKind
from worker.phantom.study import generate, write_study

OUT = Path(__file__).parents[2] / "docs" / "images"
_PROTOCOL = Protocol(n_slices=0, n_phases=25, n_rows=176, n_columns=176, pixel_mm=1.6)
_SEED = 3
_WIDTHS = {
    HeartKind.DILATED: {"summary": 1229},
    HeartKind.INFARCT: {"wall": 1152, "cine": 856, "saliency": 1536},
}
"""Which picture of which heart, and how wide, in pixels."""
_N_COLOURS = 128


def main() -> None:
    """Generate, analyse, and write the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=OUT)
    out = parser.parse_args().out
    for kind, widths in _WIDTHS.items():
        with tempfile.TemporaryDirectory() as folder:
            found = analysed(kind, Path(folder))
            for name, width in widths.items():
                print(small(found[name], width, out / f"{name}.png"))


def analysed(kind: HeartKind, folder: Path) -> dict[str, Path]:
    """Return a picture of each kind of object of a generated heart."""
    heart = generate(kind, _SEED, protocol=_PROTOCOL)
    study = write_study(heart.instances(), folder / "study")
    command = (sys.executable, "-m", "plugin.cli", "analyze", folder / "study")
    subprocess.run([*command, "--out", folder / "results"], check=True)
    return pictures(folder / "results", study)


def small(source: Path, width: int, written: Path) -> Path:
    """Write a picture at a width and with few colours, so that the repository stays small."""
    with Image.open(source) as picture:
        size = (width, round(picture.height * width / picture.width))
        drawn = picture.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    # Greys are many, thin contours are few; both keep their colours.
    many = drawn.quantize(_N_COLOURS)
    few = drawn.quantize(_N_COLOURS, Image.Quantize.MAXCOVERAGE)
    palette = Image.new("P", (1, 1))
    palette.putpalette([*(many.getpalette() or ()), *(few.getpalette() or ())])
    drawn.quantize(palette=palette, dither=Image.Dither.NONE).save(written, optimize=True)
    return written


if __name__ == "__main__":
    main()
