"""The figures of the slides, each beside what is true of it."""

import numpy as np

from triptych.report.figures.curves import curves
from triptych.report.figures.routing import load
from triptych.report.gallery.architecture import architecture
from triptych.report.gallery.counts import against_width, at_largest, of_dense_nets
from triptych.report.gallery.exhibit import Exhibit
from triptych.report.gallery.material import (
    COUNTED,
    Material,
    accuracies,
    by_run,
    drawn,
    parameters,
    trained,
)
from triptych.report.gallery.regions import boundaries
from triptych.report.gallery.suitability import suitability
from triptych.report.gallery.tasks import by_class, experts_alone, task_violins
from triptych.report.gallery.timing import over_dense, time_against_width
from triptych.report.palette import styles


def slides(m: Material) -> list[Exhibit]:
    """All eleven; slides 2, 5, 8 and 15 have none."""
    return [
        _architecture(m),
        _boundaries(m),
        _dense_counts(m),
        _inference(m),
        _losses(m),
        _experts_alone(m),
        _utilisation(m),
        _scaling(m),
        _violins(m),
        _classes(m),
        _suitability(m),
    ]


def _architecture(m: Material) -> Exhibit:
    return Exhibit(
        "slide-01",
        "Slide 1",
        "Dense, sparse and mixture of experts, three pictures",
        "None of the three is drawn from a net: the sparse one is dots by lot, the others are empty"
        " boxes.",
        ("Drawn from the modules of the nets that the other exhibits have trained.",),
        f"{trained('families')}\n{COUNTED}",
        drawn(architecture(m.measured.nets)),
    )


def _boundaries(m: Material) -> Exhibit:
    return Exhibit(
        "slide-03",
        "Slide 3",
        "Decision Boundary of Dense Neural Network",
        "Only a dense net is drawn, on one easy data set, so it shows no advantage over anything.",
        (
            accuracies(m.boundaries),
            "The known answer is 100 %: the two features determine the class.",
        ),
        f"{trained('boundaries')}\n{COUNTED}",
        drawn(boundaries(m.measured.regions)),
    )


def _dense_counts(m: Material) -> Exhibit:
    counts = m.measured.slide_counts
    largest = max(counts, key=lambda count: count.total)
    return Exhibit(
        "slide-04",
        "Slide 4",
        "Parameter Count vs Input Size in Dense Networks",
        "To count its last net the code builds it, with 30 GB of weights, and ends there for want"
        " of memory.",
        (
            f"At an input size of {largest.width:,} the net has {largest.total:,.0f} parameters,"
            f" {4 * largest.total / 1e9:.1f} GB in single precision; none was allocated.",
        ),
        COUNTED,
        (of_dense_nets(counts),),
    )


def _inference(m: Material) -> Exhibit:
    widths = {timing.width for timing in m.measured.timings}
    timed = [count for count in m.measured.counts if count.width in widths]
    return Exhibit(
        "slide-06",
        "Slide 6",
        "Inference Time; Parameter Count",
        "Its sparse layer is a dense matrix with zeros, so two equal products are compared, timed"
        " once and without warm-up (and a misspelt name ends the code before).",
        (over_dense(m.measured.timings),),
        COUNTED,
        (
            time_against_width(
                m.measured.timings, f"{m.measured.timing} Blocks {m.measured.blocks}"
            ),
            against_width(timed, m.measured.blocks),
        ),
    )


def _losses(m: Material) -> Exhibit:
    return Exhibit(
        "slide-07",
        "Slide 7",
        "Training Loss Comparison",
        "The targets are noise and the sparse mask is drawn anew in each step, so the lower loss of"
        " the dense net is only memory of noise.",
        (accuracies(m.families), parameters(m.families)),
        trained("families"),
        drawn(curves(m.families, styles(m.families))),
    )


def _experts_alone(m: Material) -> Exhibit:
    alone = m.measured.alone
    kinds = {
        "with its router": [a.mixture for a in alone],
        "the best expert of each task": [a.best for a in alone],
        "an expert on average": [a.mean for a in alone],
    }
    means = [
        f"{name} {100 * np.mean([list(scores.values()) for scores in found]):.1f} %"
        for name, found in kinds.items()
        if found
    ]
    return Exhibit(
        "slide-09",
        "Slide 9",
        "MoE vs Average Model Performance Across Tasks",
        "Scores are random numbers and the mixture is given the highest of five: what is shown is"
        " the mean of a maximum, E / (E + 1).",
        (f"Mean over tasks: {', '.join(means)}.",) if means else ("No mixture was trained.",),
        f"{trained('families')}\n{COUNTED}",
        drawn(experts_alone(alone, m.families.panel("ffn"))),
    )


def _utilisation(m: Material) -> Exhibit:
    told = by_run(m.families, "/load_gini")
    return Exhibit(
        "slide-10",
        "Slide 10",
        "Expert Utilization in MoE",
        "The load is drawn from a Pareto distribution, without any router, and the Gini coefficient"
        " is too low by 1/E: for eight equal experts it says -0.125.",
        (
            f"Gini coefficient of the measured load, by seed: {told} (0 = all experts equal,"
            " 1 - 1/E = one does everything).",
        ),
        trained("families"),
        drawn(load(m.families, styles(m.families))),
    )


def _scaling(m: Material) -> Exhibit:
    return Exhibit(
        "slide-11",
        "Slide 11",
        "Parameter Count vs Model Size",
        "Its laws d², d log d and d^1.5 are invented, and by them a mixture of experts would have"
        " fewer parameters than a dense net.",
        (f"{at_largest(m.measured.counts)} All four grow with d²; what differs is the factor.",),
        COUNTED,
        (against_width(m.measured.counts, m.measured.blocks),),
    )


def _violins(m: Material) -> Exhibit:
    return Exhibit(
        "slide-12",
        "Slide 12",
        "Translation Quality Distribution",
        "Nothing is translated: the BLEU scores are random numbers around 0.70, 0.75 and 0.80, some"
        " of them above 1.",
        (
            "No score of a translation is shown, because none was measured: the tasks are eight"
            " families of signals, and the score is accuracy.",
            accuracies(m.families),
            parameters(m.families),
        ),
        trained("families"),
        drawn(task_violins(m.families)),
    )


def _classes(m: Material) -> Exhibit:
    return Exhibit(
        "slide-13",
        "Slide 13",
        "Classification Performance Across Classes",
        "Accuracies are random numbers around 0.80, 0.85 and 0.90, of no images and no nets.",
        (
            "These are no images either: a class is one of four bins of what a signal has, such as"
            " its frequency.",
            accuracies(m.families),
            parameters(m.families),
        ),
        trained("families"),
        drawn(by_class(m.families)),
    )


def _suitability(m: Material) -> Exhibit:
    chart = suitability(m.samples)
    return Exhibit(
        "slide-14",
        "Slide 14",
        "Architecture Suitability vs Data Size",
        "The scores are a formula whose constants decide the answer: as plotted, sparse wins at"
        " every data size.",
        ("Measured by the study `samples`.",)
        if chart is not None
        else ("Not measured yet, and nothing is guessed: the study `samples` will tell.",),
        "make study SIZE=acceptance STUDIES=samples\n"
        f"{COUNTED} --samples reports/studies/acceptance/samples/arms.csv",
        drawn(chart),
    )
