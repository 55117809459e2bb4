"""When a hook acts: at evenly spread moments of the clock, the same ones in a resumed run."""


def due(clock: int, batch: int, total: int, points: int) -> bool:
    """Whether the step that ended at `clock` reached one of `points` evenly spread moments; the end is one.

    Args:
        clock: samples seen after the step.
        batch: samples of one step.
        total: samples of the whole run.
        points: how many moments.
    """
    return clock * points // total > (clock - batch) * points // total or clock >= total
