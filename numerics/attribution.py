"""SHAP values of a network's output for images: which pixels speak for a label.

The method is DeepLIFT with the rescale rule, averaged over a background, as in shap's DeepExplainer (Lundberg and Lee
2017): of shap's methods for such a network it is the one whose values sum to f(x) - E f(background) exactly. Each layer
hands on the output's difference between x and a background image: a ReLU by the ratio of its differences, a max-pooling
to the positions of the two maxima, a linear layer by its weights; each preserves the sum.

DeepExplainer hooks on to modules, so two habits of networks break it: an in-place ReLU overwrites the input that the
hook keeps, and a module used twice keeps only its last input. And its ratios of differences lose digits in single
precision. All three are avoided by working on a copy: in double precision, with modules of its own at each place, none
of them in place.
"""

import copy
import warnings

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from numerics.extra import extra

# What the sum may miss, relative to the outputs: the rounding of double precision, and DeepExplainer's switch to the
# gradient where two inputs of a ReLU are within 1e-6 of each other, which moves a sum by no more than that times a
# weight.
TOLERANCE = 1e-4
EXACT = (nn.Conv2d, nn.Linear, nn.ReLU, nn.MaxPool2d, nn.Flatten)  # layers whose rule preserves the sum


def explainable(network: nn.Sequential) -> nn.Sequential:
    """A copy that DeepExplainer treats rightly: flat, double precision, nothing in place, nothing used twice.

    Dropout is left out: it does nothing to a network that is not being trained.

    Raises:
        ValueError: a layer whose rule does not preserve the sum. Of max-poolings it is one whose windows overlap: a
            pixel that two of them take is handed the share of one.
    """

    def flat(module: nn.Module) -> list[nn.Module]:
        return [leaf for part in module for leaf in flat(part)] if isinstance(module, nn.Sequential) else [module]

    layers = [copy.deepcopy(layer) for layer in flat(network) if not isinstance(layer, nn.Dropout)]
    for layer in layers:
        if not isinstance(layer, EXACT):
            names = ", ".join(c.__name__ for c in EXACT)
            raise ValueError(f"a {type(layer).__name__} layer: SHAP values are exact for {names}; leave it out")
        if isinstance(layer, nn.MaxPool2d):
            kernel, stride, dilation = (_pair(x) for x in (layer.kernel_size, layer.stride, layer.dilation))
            if stride[0] < kernel[0] or stride[1] < kernel[1] or dilation != (1, 1):
                raise ValueError(
                    f"a MaxPool2d layer with kernel {kernel}, stride {stride}, dilation {dilation}: SHAP values are"
                    " exact where windows do not overlap; give it a stride of at least its kernel and no dilation"
                )
        if isinstance(layer, nn.ReLU):
            layer.inplace = False
    return nn.Sequential(*layers).to("cpu", torch.float64).eval()


def _pair(size: int | tuple[int, int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else size


def shap_values(
    network: nn.Sequential, x: Float[Tensor, "K C H W"], background: Float[Tensor, "B C H W"]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """SHAP values of both outputs for some images.

    Args:
        network: as :func:`numerics.vgg.build` makes it; it is left as it is.
        x: the images to explain.
        background: what they are compared with.

    Returns:
        the values (K, 2, C, H, W), one set for each output; the outputs f(x) (K, 2); and E f(background) (2,). Summed
        over pixels, the values are f(x) - E f(background) within TOLERANCE.

    Raises:
        ValueError: the extra is missing, a layer is not of a kind that is exact, or the sums are wrong.
    """
    with extra(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its many dependencies warn of each other
        import shap

    model, x, background = explainable(network), x.double().cpu(), background.double().cpu()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        values = shap.DeepExplainer(model, background).shap_values(x, check_additivity=False)  # checked below
    with torch.no_grad():
        outputs, expected = model(x).numpy(), model(background).mean(0).numpy()
    values = np.moveaxis(values, -1, 1)
    missed = np.abs(values.sum((2, 3, 4)) - (outputs - expected)).max()
    if not missed <= TOLERANCE * max(1.0, np.abs(outputs - expected).max()):
        raise ValueError(f"the SHAP values miss the output difference by {missed:.1g}: this shap is not supported")
    return values, outputs, expected
