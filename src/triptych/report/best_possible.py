"""What is said of the most that can be known of the data, and of who seems to know more."""

from triptych.report.runs import Runs


def best_possible(runs: Runs) -> list[str]:
    """One sentence for each task whose ceiling is known, and one for each setting above it."""
    said: list[str] = []
    tasks = runs.tasks()
    for task, settings in tasks.items():
        ceiling = runs.ceiling(settings[0])
        if ceiling is None:
            continue
        of = f"With {task or 'the default data'} no" if len(tasks) > 1 else "No"
        said.append(f"{of} classifier can exceed {ceiling.text} on average.")
        said += [
            f"{setting} is ABOVE that by more than chance allows, so something is wrong."
            for setting in settings
            if ceiling.is_exceeded(list(runs.accuracy(setting).values()))
        ]
    return said
