"""Whether a model's weights fit the memory of one device: arithmetic alone. Imports no torch."""

from collections.abc import Iterator

# A model runs on one device. Splitting its layers over several (tensor parallelism) could not be measured so
# far, and workers on the other devices each hold a whole model.
_REMEDY = (
    "use a smaller model, or a device with more memory: a model is not split over several devices, and "
    "neither a worker for each of them nor fewer bytes for KV makes room"
)


def problems(num_values: int, value_bytes: int, device: str, device_bytes: int | None) -> Iterator[str]:
    """What is wrong where `num_values` weights of `value_bytes` each exceed all the memory of a device.

    `device_bytes` is None where that is not known.
    """
    weight_bytes = num_values * value_bytes
    if device_bytes is not None and weight_bytes > device_bytes:
        yield f"needs {gib(weight_bytes)} for its weights, and {device} has {gib(device_bytes)}: {_REMEDY}"


def gib(num_bytes: int) -> str:
    """`131.4 GiB`."""
    return f"{num_bytes / (1 << 30):.1f} GiB"
