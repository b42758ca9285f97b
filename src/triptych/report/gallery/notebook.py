"""The figures of the notebook, those that it has and those that it promises."""

from triptych.report.figures.curves import curves
from triptych.report.figures.parameters import parameters
from triptych.report.figures.routing import load, specialisation
from triptych.report.gallery.exhibit import Exhibit
from triptych.report.gallery.material import Material, accuracies, by_run, drawn, trained
from triptych.report.palette import styles


def notebook(m: Material) -> list[Exhibit]:
    """Two that are there, two that are promised."""
    looks, command = styles(m.notebook), trained("notebook")
    told = by_run(m.notebook, "/nmi")
    return [
        Exhibit(
            "notebook-1",
            "Notebook, figure 1",
            "Model Performance Comparison; Training Loss Progression",
            "One seed, and the same 2,000 samples set the learning rate, choose the best epoch and"
            " give the final score, so no difference between the two nets is shown.",
            (accuracies(m.notebook),),
            command,
            drawn(curves(m.notebook, looks)),
        ),
        Exhibit(
            "notebook-2",
            "Notebook, figure 2",
            "Parameter Efficiency Analysis; Parameter Efficiency Over Training",
            "Its active parameters are the router and one average expert, although two experts work"
            " on each sample, and its “efficiency stabilises” at epoch 10 because it is first"
            " computed there.",
            ("Counted in every epoch from the experts that were chosen.",),
            command,
            drawn(parameters(m.notebook, looks)),
        ),
        Exhibit(
            "notebook-3",
            "Notebook, promised 1",
            "Expert use",
            "It adds up the use of experts over training and evaluation of all epochs, prints four"
            " numbers, and draws nothing.",
            ("Counted on the test split alone, at the checkpoint that was chosen.",),
            command,
            drawn(load(m.notebook, looks)),
        ),
        Exhibit(
            "notebook-4",
            "Notebook, promised 2",
            "Class by expert",
            "“Expert specialization” is announced, but the table of classes and experts is never"
            " drawn, and empty unless the best epoch is a multiple of ten.",
            (
                f"Normalised mutual information of class and chosen experts, by seed: {told}"
                " (0 = experts know nothing of classes, 1 = each class has its own).",
            ),
            command,
            drawn(specialisation(m.notebook, looks)),
        ),
    ]
