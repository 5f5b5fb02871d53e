"""What draws each task's metrics, spectra and maps."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from quasarnet_al.report import digits, quasar


@dataclass(frozen=True)
class Drawings:
    """The figures of one task.

    Attributes
    ----------
    figures : what draws the metrics of the rounds, and captions; the learning curve first
    picture : draws one spectrum of its pixels (p,), its grid and its redshift
    prototypes : draws the weights (rows, columns, p) of a map, of its grid
    """

    figures: Sequence[tuple[Callable, str]]
    picture: Callable
    prototypes: Callable


#: By the task's name.
DRAWINGS = {
    "quasar": Drawings(quasar.FIGURES, quasar.spectrum, quasar.prototypes),
    "mnist": Drawings(digits.FIGURES, digits.digit, digits.prototypes),
}
