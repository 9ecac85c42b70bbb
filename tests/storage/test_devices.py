import pytest
import torch

from curation.annotators.device import Device
from curation.content_training.training import FilterTrainingConfig
from storage.devices import check_device_name, torch_device


@pytest.mark.parametrize("name", ["cpu", "cuda", "cuda:1", "mps", "xpu:0"])
def test_names_of_torch_are_taken(name: str) -> None:
    check_device_name(name)

    assert Device(name=name).name == name


@pytest.mark.parametrize("name", ["", "gpu", "CUDA", "cuda:", "cuda:x", "cuda0", "0", "meta", "cpu cuda"])
def test_other_names_are_refused_before_anything_is_loaded(name: str) -> None:
    for make in (lambda: Device(name=name), lambda: FilterTrainingConfig(device=name), lambda: torch_device(name)):
        with pytest.raises(ValueError, match="expected one of cpu, cuda, mps, xpu, or one with a number"):
            make()


def test_a_device_that_is_not_there_is_a_sentence() -> None:
    missing = f"cuda:{torch.cuda.device_count()}"

    with pytest.raises(ValueError, match=f"device is '{missing}', which this machine does not have"):
        torch_device(missing)


def test_the_processor_is_always_there() -> None:
    assert torch_device("cpu") == torch.device("cpu")
