"""GPUs that Keras computes on, asked of its backend: the one answer for all who need to know."""

from __future__ import annotations

import keras


def gpu_names() -> list[str]:
    """Return the names of the GPUs that Keras' backend computes on; empty if it is a CPU."""
    backend = keras.backend.backend()
    if backend == "torch":
        return _torch_gpus()
    if backend == "jax":
        import jax

        return [str(device.device_kind) for device in jax.devices() if device.platform != "cpu"]
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    details = [tf.config.experimental.get_device_details(gpu) for gpu in gpus]
    return [detail.get("device_name", f"GPU {index}") for index, detail in enumerate(details)]


def has_gpu() -> bool:
    """Return whether Keras' backend computes on a GPU."""
    return bool(gpu_names())


def _torch_gpus() -> list[str]:
    # Where Keras puts its tensors, which is not always where PyTorch could.
    kind = keras.ops.zeros(()).device.type
    if kind == "cuda":
        import torch

        return [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return {"cpu": [], "mps": ["Apple GPU"], "xpu": ["Intel GPU"]}.get(kind, [kind.upper()])
