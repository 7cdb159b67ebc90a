"""Whether a model fits into the memory of GPUs. Pure: facts of the model, options and hardware in, a verdict with its sum out.

Reading config.json and the headers of weights is `storage`'s matter; what a verdict means for a run, that of the checks.
"""

from __future__ import annotations

from coreweave_inference.fleet.instances import GIB

from .answer import Fit, Verdict, gib
from .architecture import Model, Range, Tensor, Weights
from .engines import engine_of
from .option_reader import options_of
from .options import AUTO, Options
from .reading import NotKnown, model_of, stored_type
from .remedies import HALF, Remedy, remedies
from .verdict import Gpus, Question, fit, seems_incomplete
from .weights import SINGLE

__all__ = [
    "AUTO",
    "GIB",
    "HALF",
    "SINGLE",
    "Fit",
    "Gpus",
    "Model",
    "NotKnown",
    "Options",
    "Question",
    "Range",
    "Remedy",
    "Tensor",
    "Verdict",
    "Weights",
    "engine_of",
    "fit",
    "gib",
    "model_of",
    "options_of",
    "remedies",
    "seems_incomplete",
    "stored_type",
]
