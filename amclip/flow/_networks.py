"""Exchange networks for the median of 3 × 3 and 5 × 5 squares, as plain numbers for every backend to compile.

A network is a sequence of ``(low, high)`` places; each exchange puts the smaller of both values at ``low`` and the
larger at ``high`` (``low`` is not always the lower number). ``COLUMN_OF_N`` sorts a column of N values.
``MEDIAN_OF_N``, given N × N values row after row whose columns are sorted from top to bottom, leaves the median in the
middle.

Found by pruning Batcher's merge sort under the zero-one principle; the tests prove them the same way.
"""

Network = tuple[tuple[int, int], ...]


def _network(exchanges: str) -> Network:
    return tuple((int(low), int(high)) for low, high in (exchange.split("-") for exchange in exchanges.split()))


COLUMN_OF_3 = _network("0-1 1-2 0-1")
COLUMN_OF_5 = _network("0-1 3-4 2-4 2-3 1-4 0-3 0-2 1-3 1-2")
MEDIAN_OF_3 = _network("0-2 1-2 3-5 3-4 4-5 6-8 6-7 2-6 2-4 4-6")
MEDIAN_OF_5 = _network(
    "0-4 0-2 1-3 2-4 2-3 1-4 3-4 5-9 5-7 6-8 7-9 5-6 7-8 6-9 6-7 8-9 10-14 10-12 11-13 12-14 10-11 12-13 "
    "11-14 11-12 13-14 15-19 15-17 16-18 17-19 15-16 17-18 16-19 16-17 20-24 20-22 21-23 22-24 20-21 "
    "22-23 21-22 3-20 4-20 3-11 7-15 4-12 8-16 20-13 9-17 11-20 15-9 12-21 11-4 15-8 12-20 16-9 4-8 12-16 "
    "8-20 8-12"
)
