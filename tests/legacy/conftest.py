"""These tests need groundingdino-py and segment-anything: `make test-legacy` runs them in an environment of their own.

torchvision, which both import, is built for CUDA only. Beside a CPU build of torch its import stops at two operators
that are not there; declared here, they let it go on, and nothing of the two packages calls them in inference.
"""

import importlib.util
from typing import Any

import torch

collect_ignore_glob = [] if importlib.util.find_spec("groundingdino") else ["test_*.py"]

if torch.version.cuda is None and not collect_ignore_glob:
    library: Any = torch.library.Library
    OPERATORS = library("torchvision", "DEF")
    OPERATORS.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    OPERATORS.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
