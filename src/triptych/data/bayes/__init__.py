"""How likely a signal is under the process that may have made it, and what follows for classifiers.

Every likelihood is the density of a whole noisy signal with the parameters of its process
integrated out: exactly where the mean is linear in a parameter, by quadrature for the rest.
"""

from triptych.data.bayes.classifier import SAMPLES, answerable, bayes_ceiling
from triptych.data.bayes.levels import Levels
from triptych.data.bayes.likelihood import Likelihood
from triptych.data.bayes.oscillation import Oscillation
from triptych.data.bayes.polynomials import BoxCubic, GaussianPolynomial
from triptych.data.bayes.templates import Templates

__all__ = [
    "SAMPLES",
    "BoxCubic",
    "GaussianPolynomial",
    "Levels",
    "Likelihood",
    "Oscillation",
    "Templates",
    "answerable",
    "bayes_ceiling",
]
