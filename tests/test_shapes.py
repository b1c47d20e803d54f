"""The shapes in annotations of numerics are checked in all tests."""

from dataclasses import fields, replace

import jaxtyping
import pytest
import torch

from numerics import Setting, draw
from numerics.reference import TwoLayerCNN


def test_what_has_another_shape_than_its_annotation_is_refused():
    network = TwoLayerCNN(torch.zeros(4, 3, dtype=torch.float64))
    assert network(torch.zeros(5, 2, 3, dtype=torch.float64)).shape == (5,)
    with pytest.raises(jaxtyping.TypeCheckError):
        network(torch.zeros(5, 3, dtype=torch.float64))
    sample = draw(Setting(n=4, m=2, d=50, mu=3.0, sigma_0=0.1, eta=0.1), 0)
    arrays = [f.name for f in fields(sample) if hasattr(getattr(sample, f.name), "shape")]
    assert len(arrays) >= 5
    for name in arrays:
        with pytest.raises(jaxtyping.TypeCheckError):
            replace(sample, **{name: getattr(sample, name)[:-1]})
