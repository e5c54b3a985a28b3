"""The gate before any timing counts: all arms computed the same thing on the same rows."""

from typing import Any

import numpy as np

from data.errors import BAD_DATA, PotstillError

LEAST_COSINE = 0.999
LEAST_AGREEMENT = 0.999


def compare(reference: np.ndarray, answers: np.ndarray) -> dict[str, float]:
    """Rows compared, lowest cosine of the row pairs, share of rows with the same largest column. [N, C] each.

    An arm may have done fewer rows than the reference, or more: the first rows that both have are compared.
    """
    rows = min(len(reference), len(answers))
    one, two = reference[:rows].astype(np.float64), answers[:rows].astype(np.float64)
    if one.shape != two.shape:
        raise PotstillError(f"answers have shape {two.shape}, the reference {one.shape}", code=BAD_DATA)
    if not rows:
        return {"rows": 0, "cosine_mean": 0.0, "cosine_lowest": 0.0, "same_argmax": 0.0}
    norms = np.linalg.norm(one, axis=1) * np.linalg.norm(two, axis=1)
    cosines = (one * two).sum(axis=1) / np.maximum(norms, 1e-30)
    same = one.argmax(axis=1) == two.argmax(axis=1)
    return {
        "rows": rows,
        "cosine_mean": float(cosines.mean()),
        "cosine_lowest": float(cosines.min()),
        "same_argmax": float(same.mean()),
    }


def refuse_difference(arm: str, found: dict[str, Any], *, argmax: bool = True) -> None:
    """Stop where an arm's answers are not the reference's: a faster wrong answer is no faster answer.

    argmax: the columns are classes (of an embedding the largest column means nothing).
    """
    agree = found["same_argmax"] if argmax else 1.0
    if not (found["rows"] and found["cosine_mean"] >= LEAST_COSINE and agree >= LEAST_AGREEMENT):
        raise PotstillError(
            f"{arm} does not compute what the reference computes: {found['rows']} rows, mean cosine "
            f"{found['cosine_mean']:.5f}, same argmax {agree:.4f}",
            hint=f"at least 1 row, cosine {LEAST_COSINE}, argmax {LEAST_AGREEMENT}; its timings do not count",
            code=BAD_DATA,
        )


def refuse_other_rows(sums: dict[str, dict[str, float]], reference: str) -> None:
    """Stop where loaders did not hand out the same rows: counts and sums over an epoch, arm -> name -> number."""
    wanted = sums[reference]
    for arm, found in sums.items():
        for name, value in wanted.items():
            if not np.isclose(found.get(name, np.nan), value, rtol=1e-4, atol=1e-6):
                raise PotstillError(
                    f"{arm} handed out other rows than {reference}: {name} {found.get(name)}, not {value}",
                    hint="its timings do not count",
                    code=BAD_DATA,
                )
