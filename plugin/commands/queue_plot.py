"""The picture of a queue simulation: which share of the studies is begun within how long."""

from pathlib import Path

from plugin.domain.triage.queueing import QueueSetup, Waits

_HOURS = 24.0
_ORDER_COLOUR, _AI_COLOUR = "#6b7280", "#0f6fb5"


def save_plot(setup: QueueSetup, without: Waits, with_ai: Waits, path: Path) -> None:
    """Draw the waits of urgent and of other studies, both orders, as a PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10.0, 4.4), layout="constrained")
    for place, (name, first, second) in enumerate(
        (
            ("Urgent studies", without.urgent, with_ai.urgent),
            ("Other studies", without.other, with_ai.other),
        ),
        start=1,
    ):
        axes = figure.add_subplot(1, 2, place)
        for waits, words, colour in (
            (first, "in order of arrival", _ORDER_COLOUR),
            (second, "with suggestions", _AI_COLOUR),
        ):
            hours = [wait / 60.0 for wait in sorted(waits)]
            shares = [(n + 1) / len(hours) for n in range(len(hours))]
            axes.step(hours, shares, where="post", label=words, color=colour, linewidth=2)
        axes.set(
            title=f"{name} (n = {len(first)})", xlabel="hours from arrival until reading begins"
        )
        axes.set(ylabel="share begun", xlim=(0, _HOURS), ylim=(0, 1))
        axes.grid(alpha=0.3)
        axes.legend(loc="lower right", frameon=False)
    figure.suptitle(
        f"Simulation, not measured: {setup.studies_per_day:g} studies a day, "
        f"{setup.urgent_share:.0%} urgent, {setup.n_readers} reader(s), {setup.load:.0%} load, "
        f"sensitivity {setup.sensitivity:.3f}, specificity {setup.specificity:.3f}",
        fontsize=10,
    )
    FigureCanvasAgg(figure)
    figure.savefig(path, format="png", dpi=110)
