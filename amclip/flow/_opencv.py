"""TV-L1 of OpenCV contrib on the CPU: slow, but written by others, and so the independent check of ours."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor

from amclip.flow.reference import Parameters


def flow(first: Tensor, second: Tensor, parameters: Parameters) -> Tensor:
    """Twin of :func:`amclip.flow.reference.flow` for float32 on the CPU, by ``cv2.optflow``.

    Whole grey levels are handed over as uint8, exactly; others as float32 in [0, 1], which OpenCV scales back to
    [0, 255]. Pairs run on ``torch.get_num_threads()`` threads (OpenCV holds no lock), each of which also uses
    OpenCV's own threads as set by ``cv2.setNumThreads``: that setting belongs to the process and is left alone.

    Raises:
        ModuleNotFoundError: If OpenCV or its contrib modules are missing.
    """
    create = _constructor()
    count, height, width = first.shape
    both = torch.stack([first, second], dim=1)
    whole = bool(((both == both.round()) & (both >= 0) & (both <= 255)).all())
    images = both.to(torch.uint8).numpy() if whole else (both / 255).numpy()
    result = torch.empty(count, 2, height, width)

    def solve(pair: int) -> None:
        # A new object each time: it keeps state between calls (after one small pair it uses fewer levels for ever),
        # and gives wrong results when threads share it.
        method = create(
            tau=parameters.tau,
            lambda_=parameters.lambda_,
            theta=parameters.theta,
            nscales=parameters.nscales,
            warps=parameters.warps,
            epsilon=parameters.epsilon,
            innnerIterations=parameters.inner_iterations,  # OpenCV's spelling
            outerIterations=parameters.outer_iterations,
            scaleStep=parameters.scale_step,
            medianFiltering=parameters.median_filtering,
        )
        result[pair] = torch.from_numpy(method.calc(images[pair, 0], images[pair, 1], None)).movedim(-1, 0)

    with ThreadPoolExecutor(min(count, torch.get_num_threads())) as pool:
        for _ in pool.map(solve, range(count)):
            pass
    return result


def _constructor() -> Any:
    advice = 'TVL1(backend="opencv") needs OpenCV with its contrib modules: pip install opencv-contrib-python'
    try:
        import cv2
    except ImportError as error:
        raise ModuleNotFoundError(f"{advice} ({error})") from error
    module = getattr(cv2, "optflow", None)
    if module is None:
        raise ModuleNotFoundError(
            f"{advice}\n(the installed OpenCV {cv2.__version__} has none: remove opencv-python and "
            "opencv-python-headless first, as all of them install the same cv2)"
        )
    return module.DualTVL1OpticalFlow_create
