"""One line for every setting of a data set that no run can use."""

from triptych.errors import InvalidSetting


def require(valid: bool, key: str, value: object, what: str) -> None:
    """Refuses a setting.

    Args:
        valid: whether it can be used; a comparison with NaN never says so.
        key: its name below `data`.
        value: what it is.
        what: it must be.

    Raises:
        InvalidSetting: unless `valid`.
    """
    if not valid:
        raise InvalidSetting(f"data.{key}={value} must be {what}")


def require_noise(key: str, value: float) -> None:
    """Refuses what is no standard deviation.

    Raises:
        InvalidSetting: unless it is finite and not negative.
    """
    require(0 <= value < float("inf"), key, value, "a finite number, 0 or more")
