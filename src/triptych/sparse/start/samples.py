"""The number of samples that scores are taken from."""

from triptych.errors import InvalidSetting


def check_samples(samples: int) -> None:
    """Refuses none.

    Raises:
        InvalidSetting: if there are fewer than 1.
    """
    if samples < 1:
        raise InvalidSetting(f"model.mask.start.samples={samples} must be at least 1")
