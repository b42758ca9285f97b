"""What a user can get wrong: one line each, naming the key, the value and the remedy."""


class InvalidSetting(ValueError):
    """A setting that no run can use. The message is the whole line that the user sees."""


class IncompatibleSettings(InvalidSetting):
    """Settings that are fine alone but not together: a sweep records the pair as skipped."""


class TrainingDiverged(ArithmeticError):
    """The loss stopped being a finite number; the message names the step."""
